"""A migration carried out: each dataset whole or without a manifest, at any moment."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from penstock.errors import ConflictError, DataError
from penstock.files import sha256_of, staged_directory, staged_file, sync
from penstock.manifest import MANIFEST_NAME
from penstock.migration.file_steps import Terms
from penstock.migration.plan import choose, plan_for
from penstock.migration.steps import Action, DatasetPlan, MigrationPlan, Step

LOCK_NAME = ".penstock.lock"
# Long enough for one that is just ending, and for the file it removes.
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
    """Bring the datasets of `src` into `dst` as loaders read them; return what was done.

    `link` makes relative symbolic links instead of copies. `pick` maps a dataset to the version
    whose files win (`{"Copa": "mezo_gpt/latest"}`), `all_versions` to a directory of versions that
    each get a directory of their own. `replace` allows other content in `dst` to be replaced,
    `only` names the datasets to migrate, and `dry_run` writes nothing at all.

    Nothing in `src` changes. Doing the same again changes nothing; after a migration that was
    killed, it completes it. Raises ConfigError, DataError or ConflictError before the first write
    for what the source lacks or the destination has in the way; DataError where writing fails or a
    source file changes meanwhile.
    """
    terms = Terms(Path(src), Path(dst), "link" if link else "copy", replace)
    selection = choose(terms, pick or {}, all_versions or {}, only)
    plan = plan_for(selection, terms)
    if dry_run or not (plan.changed or (terms.destination / LOCK_NAME).exists()):
        return plan
    with _writing(terms.destination), _made(terms.destination), _locked(terms.destination):
        # Another migration may have ended between the plan and the lock.
        plan = plan_for(selection, terms)
        for leftover in plan.leftovers:
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        for dataset in plan.datasets:
            with _writing(dataset.directory):
                if dataset.present is None:
                    _make(dataset)
                elif dataset.changed:
                    _mend(dataset, dataset.present)
    return plan


@contextmanager
def _made(root: Path) -> Iterator[None]:
    """Make `root` where it is not there, and do not leave it empty."""
    made = [path for path in (root, *root.parents) if not path.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with suppress(OSError):
            for path in made:
                path.rmdir()


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Keep other migrations out of `root`."""
    lock = FileLock(root / LOCK_NAME)
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise ConflictError(
            f"{root}: another migration is writing here; run the same command when it has ended"
        ) from None
    try:
        yield
    finally:
        # While the lock is held: who has opened the file by now finds it gone and opens another.
        (root / LOCK_NAME).unlink(missing_ok=True)
        lock.release()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn the OSError of a block that writes `path` into a DataError with its mend."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot be written ({error.strerror}); what was unfinished is removed: mend this and "
            "run the same command again",
            file=error.filename or path,
        ) from error


def _make(dataset: DatasetPlan) -> None:
    """Make a dataset that is not there: whole beside its place, then renamed into it."""
    with staged_directory(dataset.directory) as staging:
        for step in dataset.files:
            _bring(step, staging / step.destination.name, dataset)
        dataset.manifest.write(staging)


def _mend(dataset: DatasetPlan, present: str) -> None:
    """Change a dataset in its place. While its files change it has no manifest."""
    directory = dataset.directory
    if present != directory.name:
        directory.with_name(present).rename(directory)
        sync(directory.parent)
    if any(step.action is not Action.KEEP for step in dataset.files):
        (directory / MANIFEST_NAME).unlink(missing_ok=True)
        sync(directory)
        for step in dataset.files:
            _change(step, dataset)
        sync(directory)
    if dataset.manifest_step.action is Action.WRITE:
        dataset.manifest.write(directory)


def _change(step: Step, dataset: DatasetPlan) -> None:
    present = step.destination.with_name(step.present or step.destination.name)
    match step.action:
        case Action.KEEP:
            pass
        case Action.RENAME:
            present.rename(step.destination)
        case Action.REMOVE:
            present.unlink()
        case _:
            with staged_file(step.destination) as staging:
                _bring(step, staging, dataset)
                if present != step.destination:
                    present.unlink()


def _bring(step: Step, path: Path, dataset: DatasetPlan) -> None:
    """Make `path` the copy or the link of a step, and prove its content."""
    assert step.source is not None
    if step.link is not None:
        path.symlink_to(step.link)
        content = sha256_of(path)
    else:
        content = _copy(step.source, path)
    wanted = {entry.path: entry.sha256 for entry in dataset.manifest.files}
    if content != wanted[step.destination.name]:
        raise DataError(
            "changed while it was being migrated; run the same command again", file=step.source
        )


def _copy(source: Path, path: Path) -> str:
    """Copy a file so that its user may read and write it; return the hash of what was copied."""
    digest = hashlib.sha256()
    with source.open("rb") as stream, path.open("xb") as out:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        # Whatever the umask says.
        os.fchmod(out.fileno(), os.fstat(out.fileno()).st_mode & 0o777 | 0o600)
        os.fsync(out.fileno())
    return f"sha256:{digest.hexdigest()}"
