"""A tokenizer, ready for work: its identity, its engine, text to ids and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from penstock.errors import ConfigError
from penstock.files import sha256_of
from penstock.tokenization._base import (
    AddedToken,
    Encoding,
    Engine,
    EngineRefusal,
    TokenizerIdentity,
    storage_dtype,
)
from penstock.tokenization._choosing import choose, first_megabyte
from penstock.tokenization._fastokens import FastokensEngine
from penstock.tokenization._files import TokenizerFiles
from penstock.tokenization._huggingface import TokenizersEngine

EngineName = Literal["auto", "fastokens", "tokenizers"]

_ENGINES: dict[str, type[Engine]] = {"fastokens": FastokensEngine, "tokenizers": TokenizersEngine}


class Tokenizer:
    """One tokenizer.json with the engine that was chosen for it; `load_tokenizer` makes one.

    It may be used by several threads, by forked processes, and be pickled: what is unpickled has
    loaded the same engine again, without comparing.
    """

    def __init__(self, identity: TokenizerIdentity, engine: Engine, encoding: Encoding) -> None:
        self.identity = identity
        self.engine = engine
        self.encoding = encoding

    @property
    def vocab_size(self) -> int:
        """The number of tokens, added ones included."""
        return self.identity.vocab_size

    @property
    def dtype(self) -> np.dtype[Any]:
        """What ids are stored in: uint16 or int32."""
        return storage_dtype(self.identity.vocab_size)

    @cached_property
    def special_ids(self) -> NDArray[np.uint32]:
        """The ids of all special tokens, ascending."""
        tokens: list[AddedToken] = self.engine.added_tokens
        return np.array([token.id for token in tokens if token.special], np.uint32)

    @cached_property
    def frame_ids(self) -> NDArray[np.uint32]:
        """What the tokenizer itself adds to each text: its ids for the empty text."""
        return self.encode([""])[0]

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Return the ids of all texts, flat, and the offsets (one more than texts) of each.

        Raises UnicodeEncodeError for a lone surrogate, another ValueError for what the engine
        refuses.
        """
        return self.engine.encode(texts)

    def decode(self, ids: Sequence[int] | NDArray[Any]) -> str:
        """Return the text of ids, special tokens included."""
        return self.engine.decode(np.asarray(ids).tolist())

    def id_of(self, token: str | int, field: str | None = None) -> int:
        """Return the id of a token that is given by its text or by its id.

        Raises ConfigError, about the option `field`, for what the vocabulary does not have.
        """
        found = token if isinstance(token, int) else self.engine.token_id(token)
        if found is None or not 0 <= found < self.vocab_size:
            raise ConfigError(f"{self.identity.path} has no token {token!r}", field=field)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_again, (self.identity, self.encoding)


def load_tokenizer(
    path: Path | str,
    engine: EngineName = "auto",
    sample: Iterable[str] = (),
    encoding: Encoding = Encoding(),  # noqa: B008 - it is frozen
) -> Tokenizer:
    """Load a tokenizer: a directory with tokenizer.json, or such a file.

    With `auto`, fastokens is taken if it gives the same ids as tokenizers on odd texts and on the
    first megabyte of `sample`, else tokenizers; `identity.engine_reason` says which and why. The
    names of BOS, EOD and padding stand in tokenizer_config.json or special_tokens_map.json; where
    there is neither they are unknown. Raises ConfigError for what is not there, cannot be loaded,
    or names special tokens that tokenizer.json lacks.
    """
    files = TokenizerFiles.at(Path(path))
    try:
        if engine == "auto":
            chosen, reason = choose(files.json, encoding, first_megabyte(sample))
        else:
            chosen, reason = _ENGINES[engine](files.json, encoding), "asked for"
    except EngineRefusal as refusal:
        mend = "; use engine: auto" if engine == "fastokens" else ""
        raise ConfigError(f"{files.json}: {refusal}{mend}", field="tokenizer") from None
    return Tokenizer(_identify(files, chosen, reason), chosen, encoding)


def _identify(files: TokenizerFiles, engine: Engine, reason: str) -> TokenizerIdentity:
    for token in files.required:
        if engine.token_id(token) is None:
            raise files.missing(token)
    bos, eod, pad = (
        None if token is None else engine.token_id(token)
        for token in (files.bos, files.eod, files.pad)
    )
    return TokenizerIdentity(
        path=str(files.json.resolve()),
        sha256=sha256_of(files.json),
        vocab_size=engine.vocab_size,
        bos_id=bos,
        eod_id=eod,
        pad_id=pad,
        engine=engine.name,
        engine_version=engine.version,
        engine_reason=reason,
    )


def _load_again(identity: TokenizerIdentity, encoding: Encoding) -> Tokenizer:
    """Load what was pickled; raises EngineRefusal where the file is not there any more."""
    engine = _ENGINES[identity.engine](Path(identity.path), encoding)
    return Tokenizer(identity, engine, encoding)
