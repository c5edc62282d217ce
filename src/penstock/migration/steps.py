"""A migration in words and data: what will be done, dataset by dataset, and what will not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from penstock.manifest import Manifest

Mode = Literal["copy", "link"]


class Action(StrEnum):
    """What a step does at its destination."""

    COPY = "copy"  # a file where there is none
    LINK = "link"  # a symbolic link where there is nothing
    CONVERT = "convert"  # the right content: a link into a copy, or a copy into a link
    RENAME = "rename"  # the right content under a name of another case
    REPLACE = "replace"  # other content, as was allowed
    REMOVE = "remove"  # a file of the task that the source does not have, as was allowed
    WRITE = "write"  # the manifest
    KEEP = "keep"  # what is there is right


@dataclass(frozen=True)
class Step:
    """One thing to do, and a sentence that says it.

    `present` is the name that stands at the destination now, where one does; `link` is the text of
    the symbolic link, where the step makes one.
    """

    action: Action
    destination: Path
    sentence: str
    source: Path | None = None
    present: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class DatasetPlan:
    """One dataset directory of the destination.

    `present` is the name of the directory that stands there now; where there is none, the dataset
    is made whole beside its place. `manifest` is what will stand in the directory at the end.
    """

    directory: Path
    task: str
    version: str | None
    present: str | None
    files: tuple[Step, ...]
    manifest: Manifest
    manifest_step: Step

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, in the order in which they are done."""
        steps = (*self.files, self.manifest_step)
        if self.present in (None, self.directory.name):
            return steps
        sentence = f"rename the directory {self.present} to {self.directory.name}"
        return (Step(Action.RENAME, self.directory, sentence, present=self.present), *steps)

    @property
    def changed(self) -> bool:
        """True when a step does something."""
        return any(step.action is not Action.KEEP for step in self.steps)


@dataclass(frozen=True)
class LeftBehind:
    """A file or directory of the source that stays behind, and a sentence that says why.

    `pick` is the value of the `--pick` that would take it, where there is one.
    """

    path: Path
    sentence: str
    pick: str | None = None


@dataclass(frozen=True)
class MigrationPlan:
    """Everything that a migration does, and what it leaves behind in the source.

    `leftovers` are what a killed migration left unfinished in the destination; they are removed.
    """

    source: Path
    destination: Path
    mode: Mode
    datasets: tuple[DatasetPlan, ...]
    left_behind: tuple[LeftBehind, ...]
    leftovers: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step of every dataset, in the order in which they are done."""
        return tuple(step for dataset in self.datasets for step in dataset.steps)

    @property
    def changed(self) -> bool:
        """True when there is something to do."""
        return bool(self.leftovers) or any(dataset.changed for dataset in self.datasets)

    def to_dict(self) -> dict[str, Any]:
        """Return the form that `--format json` prints."""
        return {
            "source": str(self.source),
            "destination": str(self.destination),
            "mode": self.mode,
            "changed": self.changed,
            "datasets": [_dataset_dict(dataset) for dataset in self.datasets],
            "left_behind": [
                {"path": str(left.path), "sentence": left.sentence, "pick": left.pick}
                for left in self.left_behind
            ],
            "leftovers": [str(path) for path in self.leftovers],
            "notes": list(self.notes),
        }


def _dataset_dict(dataset: DatasetPlan) -> dict[str, Any]:
    return {
        "path": str(dataset.directory),
        "task": dataset.task,
        "version": dataset.version,
        "rows": dataset.manifest.counts,
        "steps": [
            {
                "action": step.action.value,
                "source": str(step.source) if step.source else None,
                "destination": str(step.destination),
                "sentence": step.sentence,
            }
            for step in dataset.steps
        ],
    }
