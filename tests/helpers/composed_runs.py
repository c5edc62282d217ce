"""Run directories with records, datasets and metrics, written without training."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.manifest import Manifest, describe, read_manifest
from penstock.runs import (
    DatasetUse,
    Failure,
    FailureKind,
    ModelUse,
    RunConfig,
    RunData,
    RunDirectory,
    RunRecord,
    RunResult,
    State,
)

_FILES = ("copa_train.jsonl", "copa_validation.jsonl")


def write_copa(directory: Path, *, word: str = "rain", answers: str = "wet") -> Path:
    """Write a valid COPA dataset of 12 train and 4 validation rows with the given words."""
    for name, first, count in (("train", 0, 12), ("validation", 100, 4)):
        rows = [
            {
                "premise": f"The {word} of {name} day {idx} came.",
                "choice1": f"Street {idx} was {answers}.",
                "choice2": f"Clock {idx} stopped.",
                "question": "effect",
                "idx": idx,
                "label": idx % 2,
            }
            for idx in range(first, first + count)
        ]
        write_jsonl(directory / f"copa_{name}.jsonl", rows)
    return directory


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def used(directory: Path, role: str = "path") -> DatasetUse:
    """Return the use of a COPA dataset by a run, in its current state."""
    return DatasetUse(role=role, path=str(directory), manifest=manifest_of(directory))


def manifest_of(directory: Path) -> Manifest:
    """Return the manifest of a COPA dataset; create one if it has none."""
    return read_manifest(directory) or describe(directory, _FILES, format="task_jsonl", task="copa")


@dataclass
class ComposedRuns:
    """A directory of results. Runs added later have later start times."""

    root: Path
    #: The default dataset of the runs.
    data: Path
    count: int = field(default=0, init=False)

    def add(
        self,
        *,
        score: float = 0.5,
        dev: float = 0.5,
        rate: float = 1e-6,
        seed: int = 0,
        method: str = "zo",
        task: str = "copa",
        label: str = "original",
        mix: Any = None,
        datasets: Sequence[DatasetUse] | None = None,
        model: str = "org/model",
        model_hash: str | None = None,
        purpose: str = "baseline",
        description: str = "",
        chance: float | None = 0.5,
        rows: int = 100,
        tokens: int | None = None,
        trainer: str = "penstock",
        metric: str = "accuracy",
        state: State = State.DONE,
        failure: str | None = None,
        losses: Sequence[float] = (),
        **hyperparameters: Any,
    ) -> RunDirectory:
        """Write one run and return its directory. Only a run in state `done` has scores."""
        uses = [used(self.data)] if datasets is None else list(datasets)
        paths = {use.role: use.path for use in uses}
        values = {"learning_rate": rate, "steps": 40, "seed": seed, **hyperparameters}
        config = RunConfig(
            purpose=purpose,
            description=description,
            trainer=trainer,
            model=model,
            task=task,
            method=method,
            data=RunData(**paths, mix=mix, label=label),
            hyperparameters=values,
        )
        result = RunResult(
            metric=metric,
            score=score,
            scores={metric: score},
            chance=chance,
            dev_score=dev,
            best_step=20,
            steps=40,
            train_rows=8,
            dev_rows=4,
            evaluation_rows=rows,
            evaluation_tokens=tokens,
            seconds=1.5,
        )
        self.count += 1
        record = RunRecord(
            identity=config.identity(model_hash, {u.role: u.manifest.content_hash for u in uses}),
            state=state,
            config=config,
            command=["true"],
            device="cpu",
            host="here",
            pid=1,
            started=f"2026-01-01T00:{self.count // 60:02}:{self.count % 60:02}+00:00",
            model=ModelUse(name=model, sha256=model_hash),
            datasets=uses,
            result=result if state is State.DONE else None,
            failure=Failure(kind=FailureKind.ERROR, message=failure) if failure else None,
        )
        directory = RunDirectory.create(self.root, config)
        directory.write(record)
        for step, loss in enumerate(losses, 1):
            directory.append_metrics({"step": step, "loss": loss})
            directory.append_metrics({"step": step, "dev_score": 1 - loss / 2})
        return directory

    def fail(self, message: str = "it broke", **values: Any) -> RunDirectory:
        """Write a failed run."""
        return self.add(state=State.FAILED, failure=message, **values)
