"""Plan and execute a migration; at any moment each dataset is complete or has no manifest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from penstock.errors import ConflictError, DataError
from penstock.files import sha256_of, staged_directory, staged_file, sync
from penstock.manifest import MANIFEST_NAME
from penstock.migration.destination import find_partial_paths, plan_datasets
from penstock.migration.plan import Action, DatasetPlan, MigrationOptions, MigrationPlan, Step
from penstock.migration.selection import Selection, find_unmigrated, select
from penstock.migration.source_tree import SourceTree, os_errors

LOCK_NAME = ".penstock.lock"
# Long enough for another migration that is just ending to remove its lock file.
_LOCK_SECONDS = 1.0
_CHUNK_BYTES = 1 << 20


def migrate(
    src: Path | str,
    dst: Path | str,
    *,
    link: bool = False,
    pick: Mapping[str, str] | None = None,
    all_versions: Mapping[str, str] | None = None,
    replace: bool = False,
    only: Collection[str] = (),
    dry_run: bool = False,
) -> MigrationPlan:
    """Migrate the datasets of `src` to `dst` in the layout that loaders read; return the plan.

    `link` creates relative symbolic links instead of copies. `pick` maps a dataset to the version
    to migrate (`{"Copa": "mezo_gpt/latest"}`), `all_versions` to a directory whose versions become
    datasets of their own. `replace` allows files of `dst` with other content to be replaced, `only`
    names the datasets to migrate (default: all), `dry_run` writes nothing.

    `src` is never modified. A second run changes nothing; after an interrupted run it completes the
    migration. Raises ConfigError, DataError or ConflictError before the first write if the source
    is incomplete or the destination has conflicts; DataError if writing fails or a source file
    changes during the migration.
    """
    options = MigrationOptions(Path(src), Path(dst), "link" if link else "copy", replace)
    with os_errors(options.source, "read"):
        tree = SourceTree(options.source)
        selection = select(tree, pick=pick or {}, all_versions=all_versions or {}, only=only)
    plan = _plan(selection, options)
    if dry_run or not (plan.changed or (options.destination / LOCK_NAME).exists()):
        return plan
    with os_errors(options.destination, "written"), _locked_directory(options.destination):
        # Another migration may have finished between the first plan and the lock.
        plan = _plan(selection, options)
        for path in plan.partial_paths:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for dataset in plan.datasets:
            with os_errors(dataset.directory, "written"):
                if dataset.existing is None:
                    _create_dataset(dataset)
                elif dataset.changed:
                    _update_dataset(dataset, dataset.existing)
    return plan


def _plan(selection: Selection, options: MigrationOptions) -> MigrationPlan:
    with os_errors(options.source, "read"):
        unmigrated = tuple(find_unmigrated(selection))
    with os_errors(options.destination, "read"):
        datasets = plan_datasets(selection.datasets, options)
        partial = tuple(find_partial_paths(selection.datasets, options.destination))
    removals = [f"{path}, unfinished by an interrupted migration, is removed" for path in partial]
    return MigrationPlan(
        source=options.source,
        destination=options.destination,
        mode=options.mode,
        datasets=datasets,
        unmigrated=unmigrated,
        partial_paths=partial,
        notes=(*selection.notes, *removals),
    )


@contextmanager
def _locked_directory(root: Path) -> Iterator[None]:
    """Lock `root` against other migrations; create it first, and remove it if it stays empty."""
    created = [path for path in (root, *root.parents) if not path.exists()]
    lock = FileLock(root / LOCK_NAME)
    try:
        root.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=_LOCK_SECONDS)
        except Timeout:
            raise ConflictError(
                f"{root}: another migration is writing here; run the same command when it has ended"
            ) from None
        try:
            yield
        finally:
            # Removed before the release: a process that opened this file then opens a new one.
            (root / LOCK_NAME).unlink(missing_ok=True)
            lock.release()
    finally:
        with suppress(OSError):
            for path in created:
                path.rmdir()


def _create_dataset(dataset: DatasetPlan) -> None:
    """Write a new dataset beside its final path, then rename it."""
    with staged_directory(dataset.directory) as staging:
        for step in dataset.files:
            _write_file(step, staging / step.destination.name, dataset)
        dataset.manifest.write(staging)


def _update_dataset(dataset: DatasetPlan, existing: str) -> None:
    """Change an existing dataset in place; it has no manifest while its files change."""
    directory = dataset.directory
    if existing != directory.name:
        directory.with_name(existing).rename(directory)
        sync(directory.parent)
    changes = [step for step in dataset.files if step.action is not Action.KEEP]
    if changes:
        (directory / MANIFEST_NAME).unlink(missing_ok=True)
        sync(directory)
        for step in changes:
            existing_file = directory / (step.existing or step.destination.name)
            if step.action is Action.RENAME:
                existing_file.rename(step.destination)
            elif step.action is Action.REMOVE:
                existing_file.unlink()
            else:
                with staged_file(step.destination) as staging:
                    _write_file(step, staging, dataset)
                    if existing_file != step.destination:
                        existing_file.unlink()
        sync(directory)
    if dataset.manifest_step.action is Action.WRITE:
        dataset.manifest.write(directory)


def _write_file(step: Step, path: Path, dataset: DatasetPlan) -> None:
    """Make `path` the copy or link of a step and verify its hash."""
    assert step.source is not None
    if step.link is not None:
        path.symlink_to(step.link)
    else:
        with step.source.open("rb") as stream, path.open("xb") as out:
            shutil.copyfileobj(stream, out, _CHUNK_BYTES)
            out.flush()
            # Readable and writable by the user, whatever the umask.
            os.fchmod(out.fileno(), os.fstat(out.fileno()).st_mode & 0o777 | 0o600)
            os.fsync(out.fileno())
    planned = {entry.path: entry.sha256 for entry in dataset.manifest.files}
    if sha256_of(path) != planned[step.destination.name]:
        raise DataError(
            "changed during the migration; run the same command again", file=step.source
        )
