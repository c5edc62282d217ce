"""The rows of a run: what every kind of training data provides, and sampling."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import torch

from penstock.training.methods import Microbatch
from penstock.training.objective import Objective

R = TypeVar("R")
#: Receives progress messages, one line each.
Log = Callable[[str], None]


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on rows.

    `scores` holds the mean of each metric, `loss` is in nats, `rows` has one entry per row, as
    written to `predictions.jsonl`.
    """

    scores: dict[str, float]
    loss: float
    rows: list[dict[str, Any]]


class TrainingData(ABC, Generic[R]):
    """The encoded rows of a run and the objective on them.

    Rows are read and encoded by the constructor, before the model is loaded; `attach` then adds
    the model.
    """

    tokenizer: Any
    train: Sequence[R]
    dev: Sequence[R]
    evaluation: Sequence[R]
    #: The split that the evaluation rows come from.
    evaluation_split: Literal["validation", "test"] = "validation"
    #: The number of evaluation tokens that the loss averages over; None if the loss is no score.
    evaluation_tokens: int | None = None
    #: Rows dropped or truncated because of their length.
    dropped = 0
    truncated = 0
    #: Set by `attach`.
    objective: Objective[R]

    @abstractmethod
    def attach(self, model: torch.nn.Module) -> None:
        """Create the objective for the model that the method has prepared."""

    @abstractmethod
    def evaluate(self, rows: Sequence[R]) -> Evaluation:
        """Return the scores of rows under the current weights."""

    def microbatches(self, rows: Sequence[R], batch_size: int) -> list[Microbatch]:
        """Return the forward passes of a step, `batch_size` input rows each.

        Their losses add up to the mean loss of the step. Packed conversations make fewer input
        rows and so fewer microbatches.
        """
        weight = self.objective.weight(rows)
        inputs = self.objective.input_rows(rows)
        return [
            partial(self.objective.loss, inputs[i : i + batch_size], weight)
            for i in range(0, len(inputs), batch_size)
        ]

    def chance_score(self) -> float | None:
        """Return the score of guessing on the evaluation rows; None where nothing is guessed."""
        return None


def sample(rows: list[R], count: int | None, seed: int) -> list[R]:
    """Return `count` rows sampled by the seed, in sampled order; all rows unless there are more."""
    if count is None or count >= len(rows):
        return rows
    return [rows[index] for index in np.random.default_rng(seed).permutation(len(rows))[:count]]


def evaluation_sample(rows: list[R], count: int | None) -> list[R]:
    """Return `count` rows in file order: the same for every run, so that scores are comparable."""
    chosen = sample(list(range(len(rows))), count, seed=0)
    return [rows[index] for index in sorted(chosen)]


def batch_indices(rows: int, batch_size: int, seed: int) -> Iterator[list[int]]:
    """Yield batches of row indices forever; each epoch is a new permutation.

    A batch may extend into the next epoch, so that no row is left out.
    """
    pending: list[int] = []
    epoch = 0
    while True:
        while len(pending) < batch_size:
            pending += np.random.default_rng((seed, epoch)).permutation(rows).tolist()
            epoch += 1
        yield pending[:batch_size]
        pending = pending[batch_size:]
