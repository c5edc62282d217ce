"""The two engines: fastokens (fast) and Hugging Face tokenizers (the reference).

Each call uses one thread: for more cores, call them from more workers.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Megatron-LM stores ids as uint16 for a vocabulary below this size, otherwise as int32.
_UINT16_BELOW = 65_500


def storage_dtype(vocab_size: int) -> np.dtype[Any]:
    """Return the dtype of stored ids, like Megatron-LM's `DType.optimal_dtype`."""
    return np.dtype(np.uint16 if vocab_size < _UINT16_BELOW else np.int32)


def framed(
    ids: NDArray[np.uint32],
    lengths: NDArray[np.int64],
    dtype: np.dtype[Any],
    *,
    before: int | None = None,
    after: int | None = None,
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return flat ids as `dtype` with a token before or after each document, and the new lengths.

    `lengths` (one per document) are in tokens; the ids must fit in `dtype`. A mask takes 0.4 ns per
    token for any number of documents; a loop over slices takes up to ten times as long.
    """
    extra = (before is not None) + (after is not None)
    framed_lengths = lengths + extra
    if not extra:
        return ids.astype(dtype), framed_lengths.astype(np.int32)
    ends = np.cumsum(framed_lengths)
    out = np.empty(int(ends[-1]) if len(ends) else 0, dtype)
    text = np.ones(len(out), np.bool_)
    for token, positions in ((before, ends - framed_lengths), (after, ends - 1)):
        if token is not None:
            out[positions] = token
            text[positions] = False
    out[text] = ids
    return out, framed_lengths.astype(np.int32)


@dataclass(frozen=True)
class TokenizerIdentity:
    """The manifest's entry for a tokenizer. `sha256` is the hash of tokenizer.json.

    `vocab_size` includes added tokens, like `len(tokenizer)` in transformers. An id is None if the
    tokenizer names no such token. `engine_reason` says why `engine` was chosen.
    """

    path: str
    sha256: str
    vocab_size: int
    bos_id: int | None
    eod_id: int | None
    pad_id: int | None
    engine: str
    engine_version: str
    engine_reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as stored in a manifest."""
        return dict(vars(self))


@dataclass(frozen=True)
class Encoding:
    """How text is encoded; the defaults are those of `tokenizer(text)` in transformers.

    With `add_special` the tokenizer's post-processor adds its tokens (BOS, for some models). With
    `parse_special` the text of a special token is encoded as that token, otherwise as plain text.
    """

    add_special: bool = True
    parse_special: bool = True


class AddedToken(NamedTuple):
    """A token that is matched in the text before the model of the tokenizer is applied."""

    id: int
    content: str
    special: bool


class Engine(ABC):
    """Text to ids and back for one tokenizer.json, without truncation or padding.

    Several threads, and processes forked after its construction, may share an engine.
    """

    name: ClassVar[str]
    version: str
    #: The tokenizer of the engine's library.
    _native: Any

    @abstractmethod
    def __init__(self, path: Path, encoding: Encoding) -> None:
        """Load tokenizer.json; raises UnsupportedTokenizerError if this engine cannot."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Return the ids of all texts, flat, and their offsets (one more than texts).

        Raises UnicodeEncodeError for a lone surrogate, another ValueError for text that the engine
        cannot encode.
        """

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, including special tokens."""

    def token_id(self, token: str) -> int | None:
        """Return the id of a token, or None if it is not in the vocabulary."""
        found: int | None = self._native.token_to_id(token)
        return found

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """The number of tokens, including added ones."""

    @property
    @abstractmethod
    def added_tokens(self) -> list[AddedToken]:
        """Every added token, ordered by id."""


class UnsupportedTokenizerError(Exception):
    """An engine does not support a tokenizer; the message says why."""


class FastokensEngine(Engine):
    """fastokens: native code that releases the GIL; it does not support every tokenizer.json."""

    name = "fastokens"

    def __init__(self, path: Path, encoding: Encoding) -> None:
        # Read when the library first encodes. Its own threads would outnumber the cores, and do
        # not exist in a forked process.
        os.environ["FASTOKENS_BPE_THREADS"] = "1"
        try:
            import fastokens
        except ImportError:
            raise UnsupportedTokenizerError("fastokens is not installed") from None
        self.version = version("fastokens")
        try:
            self._native = fastokens.Tokenizer.from_file(str(path))
        except Exception as error:
            raise UnsupportedTokenizerError(f"fastokens cannot load it ({error})") from None
        self._native.no_truncation()
        self._native.no_padding()
        self._flags = (encoding.add_special, not encoding.parse_special)

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        ids, offsets = self._native.encode_batch_flat(texts, *self._flags)
        return np.frombuffer(ids, "<u4"), np.frombuffer(offsets, "<u8")

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._native.decode(ids))

    @property
    def vocab_size(self) -> int:
        return int(self._native.vocab_size)

    @property
    def added_tokens(self) -> list[AddedToken]:
        return sorted(
            AddedToken(token["id"], token["content"], token["special"])
            for token in self._native.added_tokens()
        )


class TokenizersEngine(Engine):
    """Hugging Face tokenizers, which supports every tokenizer.json."""

    name = "tokenizers"

    def __init__(self, path: Path, encoding: Encoding) -> None:
        # Read at every call. Its own threads would outnumber the cores, and a forked process would
        # wait for threads that do not exist in it.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        import tokenizers

        self.version = tokenizers.__version__
        try:
            self._native = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # it raises nothing more specific
            raise UnsupportedTokenizerError(f"tokenizers cannot load it ({error})") from None
        if getattr(self._native.model, "dropout", None):
            message = "its BPE dropout makes the ids random; set dropout to null"
            raise UnsupportedTokenizerError(message)
        self._native.no_truncation()
        self._native.no_padding()
        self._native.encode_special_tokens = not encoding.parse_special
        self._add_special = encoding.add_special

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        for text in texts:
            text.encode()  # a clear error for a lone surrogate
        found = self._native.encode_batch_fast(texts, add_special_tokens=self._add_special)
        rows = [np.array(encoding.ids, np.uint32) for encoding in found]
        offsets = np.zeros(len(rows) + 1, np.uint64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        return np.concatenate([np.empty(0, np.uint32), *rows]), offsets

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._native.decode(ids, skip_special_tokens=False))

    @property
    def vocab_size(self) -> int:
        return int(self._native.get_vocab_size(with_added_tokens=True))

    @property
    def added_tokens(self) -> list[AddedToken]:
        tokens = self._native.get_added_tokens_decoder().items()
        return sorted(AddedToken(number, token.content, token.special) for number, token in tokens)
