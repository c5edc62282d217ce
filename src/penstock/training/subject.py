"""What a run learns: its rows, and how a loss and a score come of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import torch

from penstock.training.methods import LossPart
from penstock.training.objective import Forward

R = TypeVar("R")
#: Hears what is worth knowing, a line at a time.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Score:
    """Means over rows: `scores` are those of the task's metrics, `loss` is in nats.

    `lines` holds what came of each row, as it is written beside the run.
    """

    scores: dict[str, float]
    loss: float
    lines: list[dict[str, Any]]


class Subject(ABC, Generic[R]):
    """The rows of a run, read and encoded when it is made, before the model is loaded.

    It is of use once `attach` has given it the model.
    """

    tokenizer: Any
    #: The encoded rows, each once in its role.
    train: Sequence[R]
    dev: Sequence[R]
    evaluation: Sequence[R]
    #: Where the evaluation rows are from.
    evaluation_split: Literal["validation", "test"] = "validation"
    #: How many of their tokens the loss is the mean of, where that is what scores.
    evaluation_tokens: int | None = None
    #: How many rows were left out, or cut, for their length.
    dropped = 0
    truncated = 0
    #: The forward passes of the model, once there is one.
    objective: Forward

    @abstractmethod
    def attach(self, model: torch.nn.Module) -> None:
        """Take the model that the method has prepared."""

    @abstractmethod
    def parts(self, rows: Sequence[R], batch_size: int) -> list[LossPart]:
        """Return the parts of the mean loss of a step, a forward pass of `batch_size` rows each."""

    @abstractmethod
    def score(self, rows: Sequence[R]) -> Score:
        """Return the score of rows with the weights as they are."""

    def chance(self) -> float | None:
        """Return what guessing scores on the evaluation rows; None where there is no guessing."""
        return None
