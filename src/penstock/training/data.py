"""Which rows a run trains on, chooses by and is evaluated on: the convention of the MeZO loaders.

The last `dev` rows of the train file choose checkpoints and rates, those before them train, and
the validation file is what is reported. Where an original and a synthetic dataset are given, dev
and evaluation rows are the original's, and neither train part holds its dataset's dev rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from penstock.errors import ConfigError
from penstock.formats import TaskDirectory
from penstock.runs import RunData
from penstock.tasks import Task, benchmark_task
from penstock.training.hyperparameters import Hyperparameters

Rows = list[dict[str, Any]]
R = TypeVar("R")

#: The evaluation sample is the same whatever the run's seed, so that scores can be compared.
EVALUATION_SEED = 0


@dataclass(frozen=True)
class RunRows:
    """The rows of a run, each once in its role."""

    train: Rows
    dev: Rows
    evaluation: Rows


def load_rows(
    data: RunData, task_name: str, values: Hyperparameters, say: Callable[[str], None]
) -> RunRows:
    """Read and divide the rows of a run; `say` hears where from and how many.

    Raises DataError for what cannot be read, ConfigError when no row is left to train on.
    """
    task = benchmark_task(task_name)
    dev_count = values.dev_samples or task.dev_rows
    if data.path is not None:
        main = _Loaded(data.path, task, dev_count, say)
        train = main.train
    else:
        main = _Loaded(str(data.original), task, dev_count, say)
        train = main.train if data.mix in ("original", "both") else []
        if data.mix in ("synthetic", "both"):
            train = train + _Loaded(str(data.synthetic), task, dev_count, say).train
    evaluation = main.dataset.answered_rows("validation")
    say(f"Loaded {len(evaluation)} samples from {main.dataset.file('validation')}")
    chosen = RunRows(
        train=sample(train, values.train_samples, values.seed, keep_order=False),
        dev=main.dev,
        evaluation=sample(evaluation, values.eval_samples, EVALUATION_SEED, keep_order=True),
    )
    say(
        f"Training on {len(chosen.train)} of {len(train)} rows, choosing on {len(chosen.dev)}, "
        f"evaluating on {len(chosen.evaluation)} of {len(evaluation)}"
    )
    return chosen


class _Loaded:
    """The train file of one dataset, divided."""

    def __init__(self, path: str, task: Task, dev_count: int, say: Callable[[str], None]) -> None:
        self.dataset = TaskDirectory(Path(path), task)
        say(f"Loading {task.directory} dataset from local JSONL files at: {path}")
        rows = self.dataset.answered_rows("train")
        say(f"Loaded {len(rows)} samples from {self.dataset.file('train')}")
        if dev_count >= len(rows):
            raise ConfigError(
                f"{dev_count} dev rows leave nothing of the {len(rows)} rows of "
                f"{self.dataset.file('train')} to train on; choose fewer",
                field="hyperparameters.dev_samples",
            )
        self.train, self.dev = rows[:-dev_count], rows[-dev_count:]


def sample(rows: list[R], count: int | None, seed: int, *, keep_order: bool) -> list[R]:
    """Return `count` rows that the seed draws, or all; in their own order or in the drawn one."""
    if count is None or count >= len(rows):
        return rows
    chosen = np.random.default_rng(seed).permutation(len(rows))[:count]
    return [rows[index] for index in (sorted(chosen) if keep_order else chosen)]


def batches(rows: int, batch_size: int, seed: int) -> Iterator[Sequence[int]]:
    """Yield batches of row indices without end; each epoch is a permutation of its own.

    A batch may run over the end of an epoch into the next, so that no row is left out.
    """
    waiting: list[int] = []
    epoch = 0
    while True:
        while len(waiting) < batch_size:
            order = np.random.default_rng((seed, epoch)).permutation(rows)
            waiting.extend(int(index) for index in order)
            epoch += 1
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]
