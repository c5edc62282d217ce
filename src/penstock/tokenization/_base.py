"""The protocol of a tokenizer engine, the identity of a tokenizer, and how ids are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
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

    @abstractmethod
    def token_id(self, token: str) -> int | None:
        """Return the id of a token, or None if it is not in the vocabulary."""

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
