"""Every run of a results directory, with its state and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, did_you_mean
from penstock.runs import RunDirectory, RunRecord, find_runs


@dataclass(frozen=True)
class ResultRow:
    """One run. Scores are from 0 to 1; they are None until the run is done."""

    directory: RunDirectory
    record: RunRecord

    @property
    def purpose(self) -> str:
        """The purpose of the experiment."""
        return self.record.config.purpose

    @property
    def failure(self) -> str | None:
        """The kind of failure and its words, where the run failed."""
        failure = self.record.failure
        return f"{failure.kind.value}: {failure.message}" if failure else None

    def columns(self) -> dict[str, Any]:
        """Return what runs can be told apart by, without the hyperparameters."""
        config = self.record.config
        return {
            "purpose": config.purpose,
            "model": config.model_label,
            "task": config.task,
            "method": config.method,
            "data": config.data.label,
            "mix": config.data.mix,
            "backend": config.backend,
        }

    def value(self, key: str) -> Any:
        """Return what the run has under a column's or a hyperparameter's name; None for neither."""
        return self.columns().get(key, self.record.config.hyperparameters.get(key))

    def to_dict(self) -> dict[str, Any]:
        """Return the row as `--format json` prints it."""
        record, result = self.record, self.record.result
        return {
            "purpose": self.purpose,
            "model": record.config.model_label,
            "task": record.config.task,
            "method": record.config.method,
            "data": record.config.data.label,
            "learning_rate": record.config.hyperparameters["learning_rate"],
            "seed": record.config.hyperparameters.get("seed"),
            "state": record.state.value,
            "metric": result.metric if result else None,
            "dev_score": result.dev_score if result else None,
            "score": result.score if result else None,
            "best_step": result.best_step if result else None,
            "steps": record.config.hyperparameters.get("steps"),
            "started": record.started,
            "seconds": result.seconds if result else None,
            "failure": self.failure,
            "identity": record.identity,
            "directory": str(self.directory.path),
        }


def results(root: Path | str = "Results", purpose: str | None = None) -> list[ResultRow]:
    """Return every run below `root`, or of one purpose, in the order of their paths.

    Raises ConfigError when there is no such directory.
    """
    root = Path(root)
    top = root / purpose if purpose else root
    if not top.is_dir():
        there = [entry.name for entry in root.iterdir()] if root.is_dir() else []
        raise ConfigError(
            f"there is no such directory of results{did_you_mean(top.name, there)}", file=top
        )
    return [ResultRow(run, run.current()) for run in find_runs(root, purpose)]
