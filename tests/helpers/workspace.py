"""A working directory for experiments: datasets, experiment files, and penstock as a process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers.command import PENSTOCK, penstock
from penstock.runs import RunDirectory, find_runs

#: The environment in which the stub trainer is registered.
_HERE = Path(__file__).parent
REGISTERED = {"PYTHONPATH": os.pathsep.join(map(str, (_HERE.parent, _HERE / "stub_trainer")))}

Row = dict[str, Any]

STUB_EXPERIMENT = """\
experiment:
  purpose: p
model: some-org/some-model
task: Copa
method: stub
data:
  path: data/original/Copa
trainer: stub
hyperparameters:
  learning_rate: 1e-3
"""


class Workspace:
    """A working directory for penstock, with a dataset in `data/original/Copa`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        write_copa(path / "data/original/Copa")

    def experiment(self, *, name: str = "e.yaml", **values: Any) -> Path:
        """Write an experiment of the stub trainer.

        `seed`, `behaviour` and `batch_size` are hyperparameters, others are top-level keys.
        """
        text = STUB_EXPERIMENT
        above = ""
        for key, value in values.items():
            if key in ("seed", "behaviour", "batch_size"):
                text += f"  {key}: {json.dumps(value)}\n"
            else:
                above += f"{key}: {json.dumps(value)}\n"
        path = self.path / name
        path.write_text(above + text)
        return path

    def run(
        self, *arguments: str | Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run penstock to its end."""
        return penstock(
            *arguments, cwd=self.path, environment={**REGISTERED, **(environment or {})}
        )

    def start(self, *arguments: str | Path, under: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Start penstock in its own session, `under` another command such as nohup."""
        return subprocess.Popen(
            [*under, *PENSTOCK, *map(str, arguments)],
            cwd=self.path,
            env={**os.environ, **REGISTERED},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def runs(self) -> list[RunDirectory]:
        """Return every run."""
        return list(find_runs(self.path / "Results"))

    def states(self) -> list[str]:
        """Return the current states of all runs in the order of their starts."""
        records = [run.current() for run in self.runs()]
        return [record.state.value for record in sorted(records, key=lambda r: r.started)]

    def seen(self) -> dict[int, list[int]]:
        """Return the process ids of all started stub trainers, by seed."""
        found: dict[int, list[int]] = {}
        for path in sorted((self.path / "seen").glob("*-*")):
            seed, pid = path.name.split("-")
            found.setdefault(int(seed), []).append(int(pid))
        return found

    def pids(self) -> list[int]:
        """Return the process ids of all started stub trainers."""
        return [pid for pids in self.seen().values() for pid in pids]

    def go(self) -> None:
        """Release the waiting stub trainers."""
        (self.path / "go").touch()


def write_copa(directory: Path, *, train: int = 140, validation: int = 10, first: int = 0) -> Path:
    """Write a COPA dataset; `first` is the first idx, so that datasets differ in every row."""
    directory.mkdir(parents=True)
    for split, start, count in (("train", 0, train), ("validation", train, validation)):
        rows = [copa_row(first + start + number) for number in range(count)]
        write_rows(directory / f"copa_{split}.jsonl", rows)
    return directory


def copa_row(idx: int) -> Row:
    """Return a COPA row; each idx has different texts."""
    return {
        "premise": f"The lamp number {idx} was lit.",
        "choice1": f"The room number {idx} became bright.",
        "choice2": f"The clock number {idx} stopped.",
        "question": "cause" if idx % 3 else "effect",
        "idx": idx,
        "label": idx % 2,
    }


def write_rte(directory: Path, *, train: int = 510, validation: int = 10) -> Path:
    """Write an RTE dataset."""
    directory.mkdir(parents=True)
    for split, count in (("train", train), ("validation", validation)):
        rows = [
            {"premise": f"{split} {n} is long", "hypothesis": f"{n}", "idx": n, "label": n % 2}
            for n in range(count)
        ]
        write_rows(directory / f"rte_{split}.jsonl", rows)
    return directory


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write rows as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def append(path: Path, text: str) -> None:
    """Add text to a file."""
    with path.open("a") as stream:
        stream.write(text)
