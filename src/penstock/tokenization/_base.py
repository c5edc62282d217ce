"""What a tokenizer engine is, and what is kept to know a tokenizer again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TokenizerIdentity:
    """What a manifest says of a tokenizer. `sha256` is of tokenizer.json; `engine` did the work."""

    path: str
    sha256: str
    vocab_size: int
    bos_id: int | None
    eod_id: int | None
    pad_id: int | None
    engine: str
    engine_version: str

    def to_dict(self) -> dict[str, Any]:
        """Return the form that stands in a manifest."""
        return dict(vars(self))


class Engine(ABC):
    """Text to ids and back, for one tokenizer.json."""

    name: str
    version: str

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Return the ids of all texts, flat, and the offsets (one more than texts) of each."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special tokens included."""
