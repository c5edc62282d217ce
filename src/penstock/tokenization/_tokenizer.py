"""Loading a tokenizer, with the engine that was selected for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from penstock.errors import ConfigError, did_you_mean_path
from penstock.files import sha256_of
from penstock.tokenization._engines import (
    Encoding,
    Engine,
    FastokensEngine,
    TokenizerIdentity,
    TokenizersEngine,
    UnsupportedTokenizerError,
    storage_dtype,
)
from penstock.tokenization._selection import first_megabyte, select_engine

_NAMES = ("bos_token", "eos_token", "pad_token", "cls_token", "sep_token", "unk_token")
#: The files beside tokenizer.json; later ones override earlier ones.
_SETTINGS_FILES = ("special_tokens_map.json", "tokenizer_config.json")
_HINT = "save the tokenizer again with save_pretrained"


@dataclass(frozen=True)
class TokenizerFiles:
    """`json` is tokenizer.json; `special` maps names to tokens, as transformers resolves them.

    tokenizer_config.json overrides special_tokens_map.json; both may be absent. `required` lists
    every token that these files mention.
    """

    json: Path
    special: dict[str, str]
    required: tuple[str, ...]

    @classmethod
    def at(cls, path: Path) -> TokenizerFiles:
        """Find the files in a directory, or beside a tokenizer.json.

        Raises ConfigError if there is no tokenizer.json or a file cannot be read.
        """
        json = path / "tokenizer.json" if path.is_dir() else path
        if not json.is_file():
            hint = did_you_mean_path(path) if json == path else ""
            raise ConfigError(
                f"there is no {json}{hint}; a tokenizer is a directory with tokenizer.json, "
                "which save_pretrained writes",
                field="tokenizer",
            )
        settings: dict[str, Any] = {}
        for name in _SETTINGS_FILES:
            settings |= _read(json.with_name(name))
        special = {
            name: token for name in _NAMES if (token := _content(settings.get(name))) is not None
        }
        return cls(json, special, (*special.values(), *_additional_tokens(settings)))

    @property
    def paths(self) -> list[Path]:
        """Every file that was read."""
        beside = [self.json.with_name(name) for name in _SETTINGS_FILES]
        return [self.json, *(path for path in beside if path.is_file())]

    def token(self, *names: str) -> str | None:
        """Return the first of the named special tokens that the tokenizer has."""
        return next((self.special[name] for name in names if self.special.get(name)), None)


def _additional_tokens(settings: dict[str, Any]) -> Iterator[str]:
    """Yield the other tokens that transformers would add if tokenizer.json lacked them."""
    decoder, additional = (
        settings.get(name) for name in ("added_tokens_decoder", "additional_special_tokens")
    )
    listed = additional if isinstance(additional, list) else []
    for value in [*(decoder.values() if isinstance(decoder, dict) else []), *listed]:
        if (token := _content(value)) is not None:
            yield token


def _content(value: Any) -> str | None:
    """Return a token that is stored as a string, or as an object with its `content`."""
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None
    except orjson.JSONDecodeError as error:
        message = f"not JSON ({error.msg}); {_HINT}"
        raise ConfigError(message, file=path, line=error.lineno) from None
    if not isinstance(found, dict):
        raise ConfigError(f"must be an object; {_HINT}", file=path)
    return found


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
