"""Loading a tokenizer, with the engine that was selected for it."""

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
    Encoding,
    Engine,
    TokenizerIdentity,
    UnsupportedTokenizerError,
    storage_dtype,
)
from penstock.tokenization._engines import FastokensEngine, TokenizersEngine
from penstock.tokenization._files import TokenizerFiles
from penstock.tokenization._selection import first_megabyte, select_engine

EngineName = Literal["auto", "fastokens", "tokenizers"]

_ENGINES: dict[str, type[Engine]] = {"fastokens": FastokensEngine, "tokenizers": TokenizersEngine}


class Tokenizer:
    """One tokenizer.json with its engine; made by `load_tokenizer`.

    Threads and forked processes may share it. Unpickling loads the same engine again, without a
    comparison.
    """

    def __init__(self, identity: TokenizerIdentity, engine: Engine, encoding: Encoding) -> None:
        self.identity = identity
        self.engine = engine
        self.encoding = encoding

    @property
    def vocab_size(self) -> int:
        """The number of tokens, including added ones."""
        return self.identity.vocab_size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of stored ids: uint16 or int32."""
        return storage_dtype(self.identity.vocab_size)

    @cached_property
    def special_ids(self) -> NDArray[np.uint32]:
        """The ids of all special tokens, ascending."""
        tokens = self.engine.added_tokens
        return np.array([token.id for token in tokens if token.special], np.uint32)

    @cached_property
    def frame_ids(self) -> NDArray[np.uint32]:
        """The ids that the tokenizer itself adds to each text: those of the empty text."""
        return self.encode([""])[0]

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Return the ids of all texts, flat, and their offsets (one more than texts).

        Raises UnicodeEncodeError for a lone surrogate, another ValueError for text that the engine
        cannot encode.
        """
        return self.engine.encode(texts)

    def decode(self, ids: Sequence[int] | NDArray[Any]) -> str:
        """Return the text of ids, including special tokens."""
        return self.engine.decode(np.asarray(ids).tolist())

    def id_of(self, token: str | int, field: str | None = None) -> int:
        """Return the id of a token, given by its text or its id.

        Raises ConfigError, naming the option `field`, for a token outside the vocabulary.
        """
        found = token if isinstance(token, int) else self.engine.token_id(token)
        if found is None or not 0 <= found < self.vocab_size:
            raise ConfigError(f"{self.identity.path} has no token {token!r}", field=field)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return _reload, (self.identity, self.encoding)


def load_tokenizer(
    path: Path | str,
    engine: EngineName = "auto",
    sample: Iterable[str] = (),
    encoding: Encoding = Encoding(),  # noqa: B008 - it is frozen
) -> Tokenizer:
    """Load a tokenizer from a directory with tokenizer.json, or from such a file.

    With `auto`, the engine is fastokens if its ids equal those of tokenizers on test texts and on
    the first megabyte of `sample`, else tokenizers; `identity.engine_reason` says why. BOS, EOD
    and padding tokens are named by tokenizer_config.json or special_tokens_map.json, and unknown
    without these files. Raises ConfigError if the tokenizer is missing or cannot be loaded, or if
    its files name special tokens that tokenizer.json lacks.
    """
    files = TokenizerFiles.at(Path(path))
    try:
        if engine == "auto":
            selected, reason = select_engine(files.json, encoding, first_megabyte(sample))
        else:
            selected, reason = _ENGINES[engine](files.json, encoding), "requested"
    except UnsupportedTokenizerError as unsupported:
        hint = "; use engine: auto" if engine == "fastokens" else ""
        raise ConfigError(f"{files.json}: {unsupported}{hint}", field="tokenizer") from None
    return Tokenizer(_identify(files, selected, reason), selected, encoding)


def _identify(files: TokenizerFiles, engine: Engine, reason: str) -> TokenizerIdentity:
    for token in files.required:
        if engine.token_id(token) is None:
            raise ConfigError(
                f"{files.json.parent}: the special token '{token}' is named beside "
                "tokenizer.json, which does not have it; save the tokenizer again with "
                "save_pretrained",
                field="tokenizer",
            )
    # Like Megatron-LM: without BOS, CLS begins a document, and without EOS, SEP ends it.
    bos, eod, pad = (
        None if token is None else engine.token_id(token)
        for token in (
            files.token("bos_token", "cls_token"),
            files.token("eos_token", "sep_token"),
            files.token("pad_token"),
        )
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


def _reload(identity: TokenizerIdentity, encoding: Encoding) -> Tokenizer:
    """Unpickle; raises UnsupportedTokenizerError if the file no longer exists."""
    engine = _ENGINES[identity.engine](Path(identity.path), encoding)
    return Tokenizer(identity, engine, encoding)
