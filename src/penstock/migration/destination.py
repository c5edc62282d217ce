"""Compare the destination with the selected datasets: steps, manifests and conflicts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from penstock.errors import ConfigError, ConflictError
from penstock.files import entries_by_folded_name, is_staging, plural, sha256_of, staging_path
from penstock.formats import TASK_JSONL
from penstock.manifest import MANIFEST_NAME, FileEntry, InputEntry, Manifest, MigrationRecipe
from penstock.migration.plan import Action, DatasetPlan, MigrationOptions, Mode, Step
from penstock.migration.selection import SelectedDataset
from penstock.migration.source_tree import SourceFile
from penstock.splits import SPLIT_NAMES
from penstock.tasks import all_tasks


class _DestinationError(Exception):
    """A conflict at one path of the destination; `replaceable` if `--replace` resolves it."""

    def __init__(self, path: Path, reason: str, *, replaceable: bool = False) -> None:
        self.replaceable = replaceable
        super().__init__(f"{path}: {reason}")


def plan_datasets(
    selected: Sequence[SelectedDataset], options: MigrationOptions
) -> tuple[DatasetPlan, ...]:
    """Return the steps that turn the present destination into the selected datasets.

    Raises one ConflictError that lists every conflict, and ConfigError for a destination that is
    not a directory or is inside the source, by a symbolic link too.
    """
    root = options.destination
    if (root.exists() or root.is_symlink()) and not root.is_dir():
        raise ConfigError("is not a directory; name another destination", file=root)
    _refuse_source(root.resolve(), root, selected, options)
    plans: list[DatasetPlan] = []
    conflicts: list[_DestinationError] = []
    for item in selected:
        try:
            planner = _DatasetPlanner(item, options)
        except _DestinationError as error:
            conflicts.append(error)
            continue
        _refuse_source(planner.real, planner.path, selected, options)
        plans.append(planner.plan(conflicts))
    if conflicts:
        if all(error.replaceable for error in conflicts):
            fix = "Move these files away, name another destination, or use --replace"
        else:
            fix = "Resolve these conflicts or name another destination"
        lines = "\n  ".join(map(str, conflicts))
        count = plural(len(conflicts), "conflict")
        raise ConflictError(f"{root}: {count}; nothing was written:\n  {lines}\n{fix}")
    return tuple(plans)


def find_partial_paths(selected: Sequence[SelectedDataset], root: Path) -> Iterator[Path]:
    """Yield the unfinished files and directories that an interrupted migration left behind."""
    datasets = [staging_path(root / task.directory) for task in all_tasks()]
    yield from (path for path in datasets if path.is_dir())
    for item in selected:
        existing, _ = _locate(root, item.directory)
        if existing:
            yield from (path for path in sorted(existing.iterdir()) if is_staging(path.name))


def _locate(root: Path, directory: str) -> tuple[Path | None, Path]:
    """Return the existing directory, whatever its case, and its path without symbolic links."""
    existing, real = root if root.is_dir() else None, root.resolve()
    for part in PurePosixPath(directory).parts:
        entries = entries_by_folded_name(existing).get(part.casefold(), []) if existing else []
        existing = _single(entries) if entries else None
        if existing and not existing.is_dir():
            raise _DestinationError(existing, "is not a directory; move it away")
        real = existing.resolve() if existing else real / part
    return existing, real


def _single(entries: Sequence[Path]) -> Path:
    if len(entries) > 1:
        names = " and ".join(f"'{path.name}'" for path in entries)
        reason = f"{names} differ only in case; keep one of them"
        raise _DestinationError(entries[0].parent, reason)
    return entries[0]


def _refuse_source(
    real: Path, shown: Path, selected: Sequence[SelectedDataset], options: MigrationOptions
) -> None:
    """Refuse to write into the source, or beside a file that a link of the source points to."""
    files = [file.path for item in selected for file in item.files.values()]
    directories = {options.source.resolve(), *(file.parent.resolve() for file in files)}
    inside = directories & {real, *real.parents}
    if inside or real in {file.resolve().parent for file in files}:
        raise ConfigError(
            f"is inside the source ('{min(inside, default=real)}'), which is never written to; "
            "name another destination",
            file=shown,
        )


def _single_file(entries: Sequence[Path], name: str) -> Path | None:
    """Return the existing file for `name`, whatever its case, None if there is none."""
    found = _single(entries) if entries else None
    if found and found.is_dir():
        reason = f"is a directory, but '{name}' must be a file; move it away"
        raise _DestinationError(found, reason)
    return found


class _DatasetPlanner:
    """Plans the steps of one dataset directory of the destination.

    Raises _DestinationError if the directory cannot be located.
    """

    def __init__(self, item: SelectedDataset, options: MigrationOptions) -> None:
        self.item = item
        self.options = options
        self.path = options.destination / item.directory
        self.existing, self.real = _locate(options.destination, item.directory)

    def plan(self, conflicts: list[_DestinationError]) -> DatasetPlan:
        """Return the plan; append the conflicts at single files to `conflicts`."""
        entries = entries_by_folded_name(self.existing) if self.existing else {}
        steps = []
        for split in SPLIT_NAMES:
            name = self.item.dataset.task.file_name(split)
            try:
                found = _single_file(entries.get(name.casefold(), []), name)
                if source := self.item.files.get(split):
                    steps.append(self._file_step(name, found, source))
                elif found:
                    steps.append(self._removal(name, found))
            except _DestinationError as error:
                conflicts.append(error)
        manifest = _manifest(self.item, self.options.mode)
        return DatasetPlan(
            directory=self.path,
            task=self.item.dataset.task.name,
            version=self.item.version,
            existing=self.existing.name if self.existing else None,
            files=tuple(steps),
            manifest=manifest,
            manifest_step=self._manifest_step(steps, manifest),
        )

    def _manifest_step(self, steps: Sequence[Step], manifest: Manifest) -> Step:
        destination = self.path / MANIFEST_NAME
        shown = destination.relative_to(self.options.destination)
        current = self.existing / MANIFEST_NAME if self.existing else None
        if (
            current
            and all(step.action is Action.KEEP for step in steps)
            and current.is_file()
            and current.read_bytes() == manifest.to_json()
        ):
            return Step(Action.KEEP, destination, f"keep {shown}", existing=MANIFEST_NAME)
        return Step(Action.WRITE, destination, f"write the manifest {shown}")

    def _removal(self, name: str, found: Path) -> Step:
        """Return the step that removes a file of the task that the source does not have."""
        if not self.options.replace:
            reason = "is not in the source; keeping it would mix two datasets"
            raise _DestinationError(found, reason, replaceable=True)
        shown = found.relative_to(self.options.destination)
        description = f"remove {shown}, which the source does not have"
        return Step(Action.REMOVE, self.path / name, description, existing=found.name)

    def _file_step(self, name: str, found: Path | None, source: SourceFile) -> Step:
        """Return the step that makes `name` a copy of, or a link to, a source file."""
        link = None
        if self.options.mode == "link":
            link = os.path.relpath(source.path.resolve(), self.real)
        action = _action(found, name, source, link)
        if found and action is Action.REPLACE and not self.options.replace:
            raise _DestinationError(found, _difference(found, source), replaceable=True)
        target = (self.path / name).relative_to(self.options.destination)
        old = found.relative_to(self.options.destination) if found else target
        origin = source.path.relative_to(self.options.source)
        kind = f"a link to {origin}" if link else f"a copy of {origin}"
        new = kind if old == target else f"{target}, {kind}"
        description = {
            Action.COPY: f"copy {origin} to {target}",
            Action.LINK: f"link {target} to {origin}",
            Action.CONVERT: f"convert {old}, which has the same content, to {new}",
            Action.REPLACE: f"replace {old}, which has other content, by {new}",
            Action.RENAME: f"rename {old} to {name}",
            Action.KEEP: f"keep {target}, {kind}",
        }[action]
        description += f" ({plural(source.rows, 'row')})"
        existing = found.name if found else None
        return Step(action, self.path / name, description, source.path, existing, link)


def _manifest(item: SelectedDataset, mode: Mode) -> Manifest:
    task = item.dataset.task
    files = [(split, item.files[split]) for split in SPLIT_NAMES if split in item.files]
    return Manifest(
        format=TASK_JSONL,
        task=task.name,
        counts={split: file.rows for split, file in files},
        files=[
            FileEntry(path=task.file_name(split), size=f.size, sha256=f.sha256, rows=f.rows)
            for split, f in files
        ],
        recipe=MigrationRecipe(
            mode=mode, source=str(item.dataset.path.resolve()), version=item.version
        ),
        inputs=[
            InputEntry(path=str(file.path.resolve()), size=file.size, sha256=file.sha256)
            for _, file in files
        ],
    )


def _action(found: Path | None, name: str, source: SourceFile, link: str | None) -> Action:
    if found is None:
        return Action.COPY if link is None else Action.LINK
    if not _same_content(found, source):
        return Action.REPLACE
    if link is None:
        # A hard link to the source file is not an independent copy.
        is_wanted_kind = not found.is_symlink() and not found.samefile(source.path)
    else:
        is_wanted_kind = found.is_symlink() and str(found.readlink()) == link
    if not is_wanted_kind:
        return Action.CONVERT
    return Action.KEEP if found.name == name else Action.RENAME


def _same_content(found: Path, source: SourceFile) -> bool:
    if not found.is_file():
        return False
    return found.samefile(source.path) or (
        found.stat().st_size == source.size and sha256_of(found) == source.sha256
    )


def _difference(found: Path, source: SourceFile) -> str:
    if found.is_symlink() and not found.exists():
        return f"is a broken link to '{found.readlink()}'"
    if not found.is_file():
        return "is not a file"
    return (
        f"has other content ({found.stat().st_size:,} bytes) than "
        f"{source.path} ({source.size:,} bytes)"
    )
