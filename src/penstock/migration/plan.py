"""The plan of a migration: every step of every dataset, and what is not migrated."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from penstock.manifest import Manifest

Mode = Literal["copy", "link"]


class Action(StrEnum):
    """What a step does at its destination."""

    COPY = "copy"  # a file, where there is none
    LINK = "link"  # a symbolic link, where there is no file
    CONVERT = "convert"  # a copy to a link or a link to a copy; the content stays
    RENAME = "rename"  # a name that differs only in case; the content stays
    REPLACE = "replace"  # a file with other content, with --replace
    REMOVE = "remove"  # a file of the task that the source does not have, with --replace
    WRITE = "write"  # the manifest
    KEEP = "keep"  # no change


@dataclass(frozen=True)
class MigrationOptions:
    """Source tree, destination tree, copies or links, and whether files may be replaced."""

    source: Path
    destination: Path
    mode: Mode
    replace: bool


@dataclass(frozen=True)
class Step:
    """One change at `destination`.

    `existing` is the current name of the file or directory, if there is one; `link` is the text of
    the symbolic link that the step creates, if it creates one.
    """

    action: Action
    destination: Path
    description: str
    source: Path | None = None
    existing: str | None = None
    link: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the step as `--format json` prints it."""
        return {
            "action": self.action.value,
            "source": str(self.source) if self.source else None,
            "destination": str(self.destination),
            "description": self.description,
        }


@dataclass(frozen=True)
class DatasetPlan:
    """The steps of one dataset directory of the destination.

    `existing` is the current name of the directory, None if the dataset is new. `manifest` is the
    manifest after the migration.
    """

    directory: Path
    task: str
    version: str | None
    existing: str | None
    files: tuple[Step, ...]
    manifest: Manifest
    manifest_step: Step

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, in the order of execution."""
        steps = (*self.files, self.manifest_step)
        if self.existing in (None, self.directory.name):
            return steps
        description = f"rename the directory {self.existing} to {self.directory.name}"
        rename = Step(Action.RENAME, self.directory, description, existing=self.existing)
        return (rename, *steps)

    @property
    def changed(self) -> bool:
        """True if any step changes something."""
        return any(step.action is not Action.KEEP for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Return the dataset as `--format json` prints it."""
        return {
            "path": str(self.directory),
            "task": self.task,
            "version": self.version,
            "rows": self.manifest.counts,
            "steps": [step.to_dict() for step in self.steps],
        }


@dataclass(frozen=True)
class Unmigrated:
    """A file or directory of the source that is not migrated; `description` says why.

    `pick` is the value of `--pick` that migrates it, if there is one.
    """

    path: Path
    description: str
    pick: str | None = None


@dataclass(frozen=True)
class MigrationPlan:
    """All steps of a migration.

    `partial_paths` are unfinished files and directories of an interrupted migration; executing the
    plan removes them.
    """

    source: Path
    destination: Path
    mode: Mode
    datasets: tuple[DatasetPlan, ...]
    unmigrated: tuple[Unmigrated, ...]
    partial_paths: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step of every dataset, in the order of execution."""
        return tuple(step for dataset in self.datasets for step in dataset.steps)

    @property
    def changed(self) -> bool:
        """True if the migration changes something."""
        return bool(self.partial_paths) or any(dataset.changed for dataset in self.datasets)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as `--format json` prints it."""
        return {
            "source": str(self.source),
            "destination": str(self.destination),
            "mode": self.mode,
            "changed": self.changed,
            "datasets": [dataset.to_dict() for dataset in self.datasets],
            "unmigrated": [{**asdict(item), "path": str(item.path)} for item in self.unmigrated],
            "partial_paths": [str(path) for path in self.partial_paths],
            "notes": list(self.notes),
        }
