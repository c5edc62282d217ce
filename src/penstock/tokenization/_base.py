"""What a tokenizer engine is, and what is kept to know a tokenizer again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Megatron-LM keeps ids in uint16 below this size of vocabulary, else in int32.
_UINT16_BELOW = 65_500


def storage_dtype(vocab_size: int) -> np.dtype[Any]:
    """Return the dtype that ids are stored in, as Megatron-LM's `DType.optimal_dtype` has it."""
    return np.dtype(np.uint16 if vocab_size < _UINT16_BELOW else np.int32)


@dataclass(frozen=True)
class TokenizerIdentity:
    """What a manifest says of a tokenizer. `sha256` is of tokenizer.json; `engine` did the work.

    `vocab_size` counts added tokens, as `len(tokenizer)` of transformers does. An id is None where
    the tokenizer names no such token. `engine_reason` says why it was this engine.
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
        """Return the form that stands in a manifest."""
        return dict(vars(self))


@dataclass(frozen=True)
class Encoding:
    """How text becomes ids; the defaults are those of `tokenizer(text)` in transformers.

    With `add_special` the tokenizer's post-processor adds what it adds (BOS, for some models). With
    `parse_special` a special token that stands in the text is that token, without it is letters.
    """

    add_special: bool = True
    parse_special: bool = True


class AddedToken(NamedTuple):
    """A token that is looked for in the text before anything else is done."""

    id: int
    content: str
    special: bool


class Engine(ABC):
    """Text to ids and back, for one tokenizer.json; no text is ever cut off or padded.

    An engine may be used by several threads, and by processes that are forked after it was made.
    """

    name: ClassVar[str]
    version: str

    @abstractmethod
    def __init__(self, path: Path, encoding: Encoding) -> None:
        """Load tokenizer.json; raises EngineRefusal where this engine cannot."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Return the ids of all texts, flat, and the offsets (one more than texts) of each.

        Raises UnicodeEncodeError for a lone surrogate, another ValueError for what it refuses.
        """

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special tokens included."""

    @abstractmethod
    def token_id(self, token: str) -> int | None:
        """Return the id of a token, or None where the vocabulary does not have it."""

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """The number of tokens, added ones included."""

    @property
    @abstractmethod
    def added_tokens(self) -> list[AddedToken]:
        """Every added token, in the order of their ids."""


class EngineRefusal(Exception):  # noqa: N818 - nothing is wrong: another engine carries on
    """An engine cannot take a tokenizer; the text says why."""
