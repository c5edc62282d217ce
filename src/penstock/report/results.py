"""Every run of a results directory, with its state and scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, did_you_mean_path
from penstock.files import natural_key
from penstock.runs import RunDirectory, RunRecord, State, find_runs

_RESULT_FIELDS = (
    *("metric", "score", "dev_score", "chance", "best_step"),
    *("evaluation_tokens", "dropped_rows", "truncated_rows"),
)


@dataclass(frozen=True)
class ResultRow:
    """One run. Scores are from 0 to 1, losses in nats; they are None until the run is done."""

    directory: RunDirectory
    record: RunRecord

    @property
    def done(self) -> bool:
        """True if the run has a result."""
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
        """Kind and message of the failure if the run failed."""
        failure = self.record.failure
        return f"{failure.kind.value}: {failure.message}" if failure else None

    @property
    def step(self) -> int | None:
        """The last logged step of a running run; None for any other run."""
        lines = self.directory.metrics() if self.record.state is State.RUNNING else []
        return int(lines[-1]["step"]) if lines else None

    def columns(self) -> dict[str, Any]:
        """Return the configuration by column name; runs can be compared by any of these."""
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
        """Return the row as `--format json` prints it; docs/results.md describes every key."""
        record, result = self.record, self.record.result
        return {
            **self.columns(),
            "state": record.state.value,
            "step": self.step,
            "failure": self.failure,
            **{name: getattr(result, name, None) for name in _RESULT_FIELDS},
            "started": record.started,
            "finished": record.finished,
            "seconds": result.seconds if result else None,
            "identity": record.identity,
            "directory": str(self.directory.path),
        }


def results(root: Path | str = "Results", purpose: str | None = None) -> list[ResultRow]:
    """Return every run below `root`, or those of one purpose.

    They are sorted by purpose, model, task, method, data, learning rate, seed and time. Raises
    ConfigError if there is no such directory, DataError for a run that cannot be read.
    """
    root = Path(root)
    directory = root / purpose if purpose else root
    if not directory.is_dir():
        hint = did_you_mean_path(directory)
        raise ConfigError(f"there is no such directory of results{hint}", file=directory)
    rows = [ResultRow(run, run.current()) for run in find_runs(root, purpose)]
    return sorted(rows, key=_sort_key)


def _sort_key(row: ResultRow) -> tuple[Any, ...]:
    columns = row.columns()
    return (
        *(columns[name] for name in ("purpose", "model", "task", "method", "data")),
        row.learning_rate,
        columns.get("seed") or 0,
        row.record.started,
        natural_key(row.directory.path.name),
    )
