"""Every run of a results directory, with its state and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, did_you_mean_beside
from penstock.files import natural_key
from penstock.runs import RunDirectory, RunRecord, State, find_runs


@dataclass(frozen=True)
class ResultRow:
    """One run. Scores are from 0 to 1, losses in nats; they are None until the run is done."""

    directory: RunDirectory
    record: RunRecord

    @property
    def done(self) -> bool:
        """True when the run has a result."""
        return self.record.state is State.DONE

    @property
    def task(self) -> str:
        """The registered name of the task."""
        return self.record.config.task

    @property
    def learning_rate(self) -> float:
        """The run's learning rate, before any schedule."""
        return float(self.record.config.hyperparameters["learning_rate"])

    @property
    def failure(self) -> str | None:
        """The kind of failure and its words, where the run failed."""
        failure = self.record.failure
        return f"{failure.kind.value}: {failure.message}" if failure else None

    @property
    def step(self) -> int | None:
        """The last step that a running run has logged; None for one that does not run."""
        lines = self.directory.metrics() if self.record.state is State.RUNNING else []
        return int(lines[-1]["step"]) if lines else None

    def columns(self) -> dict[str, Any]:
        """Return what runs can be told apart by: the names that a comparison is made by."""
        config = self.record.config
        return {
            "purpose": config.purpose,
            "model": config.model_label,
            "task": config.task,
            "method": config.method,
            "data": config.data.label,
            "mix": config.data.mix,
            "trainer": config.trainer,
            **config.hyperparameters,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the row as `--format json` prints it.

        purpose, model, task, method, data, mix, trainer   what the run is
        learning_rate, batch_size, ...                     its hyperparameters, as its method has
        state        running, done, failed or interrupted
        step         the last step that is logged, while the run is running
        failure      the kind of failure and its words, or null
        metric, score, dev_score, chance     from 0 to 1, a loss in nats; null unless done
        best_step    the step whose weights were evaluated, which the dev score chose
        evaluation_tokens            the tokens of answers that a loss is the mean of, if known
        dropped_rows, truncated_rows           rows left out or cut for their length
        started, finished                                  UTC, ISO 8601
        seconds      what the training took
        identity     the same for runs that compute the same
        directory    where everything about the run lies
        """
        record, result = self.record, self.record.result
        return {
            **self.columns(),
            "state": record.state.value,
            "step": self.step,
            "failure": self.failure,
            "metric": result.metric if result else None,
            "score": result.score if result else None,
            "dev_score": result.dev_score if result else None,
            "chance": result.chance if result else None,
            "best_step": result.best_step if result else None,
            "evaluation_tokens": result.evaluation_tokens if result else None,
            "dropped_rows": result.dropped_rows if result else None,
            "truncated_rows": result.truncated_rows if result else None,
            "started": record.started,
            "finished": record.finished,
            "seconds": result.seconds if result else None,
            "identity": record.identity,
            "directory": str(self.directory.path),
        }


def results(root: Path | str = "Results", purpose: str | None = None) -> list[ResultRow]:
    """Return every run below `root`, or of one purpose.

    They are in the order of purpose, model, task, method, data, learning rate, seed and time.
    Raises ConfigError when there is no such directory, DataError for a run that cannot be read.
    """
    root = Path(root)
    top = root / purpose if purpose else root
    if not top.is_dir():
        hint = did_you_mean_beside(top)
        raise ConfigError(f"there is no such directory of results{hint}", file=top)
    rows = [ResultRow(run, run.current()) for run in find_runs(root, purpose)]
    return sorted(rows, key=_order)


def _order(row: ResultRow) -> tuple[Any, ...]:
    columns = row.columns()
    names = ("purpose", "model", "task", "method", "data")
    return (
        *(columns[name] for name in names),
        row.learning_rate,
        columns.get("seed") or 0,
        row.record.started,
        natural_key(row.directory.path.name),
    )
