"""The destination: what stands there, compared with what is wanted, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from penstock.errors import ConfigError, ConflictError
from penstock.files import entries_by_folded_name, is_staging, plural, staging_path
from penstock.formats import TASK_JSONL
from penstock.manifest import MANIFEST_NAME, FileEntry, InputEntry, Manifest, MigrationRecipe
from penstock.migration.file_steps import InTheWayError, Place, Terms, absent_file_step, file_step
from penstock.migration.selection import Wanted
from penstock.migration.steps import Action, DatasetPlan, Mode, Step
from penstock.splits import SPLIT_NAMES
from penstock.tasks import all_tasks


def compare(wanted: Sequence[Wanted], terms: Terms) -> tuple[DatasetPlan, ...]:
    """Return the steps that bring the destination from what it is to what is wanted.

    Raises ConflictError that lists everything in the way, and ConfigError for a destination that is
    no directory or lies in the source, by links too.
    """
    root = terms.destination
    if (root.exists() or root.is_symlink()) and not root.is_dir():
        raise ConfigError("is not a directory; name another destination", file=root)
    _refuse_sources(root.resolve(), root, wanted, terms)
    plans: list[DatasetPlan] = []
    in_the_way: list[InTheWayError] = []
    for item in wanted:
        try:
            place = _locate(root, item.directory)
        except InTheWayError as error:
            in_the_way.append(error)
            continue
        _refuse_sources(place.real, place.directory, wanted, terms)
        plans.append(_dataset(item, place, terms, in_the_way))
    if in_the_way:
        raise _conflict(root, in_the_way)
    return tuple(plans)


def leftovers(wanted: Sequence[Wanted], root: Path) -> Iterator[Path]:
    """Yield what a killed migration left unfinished in the destination."""
    datasets = [staging_path(root / task.directory) for task in all_tasks()]
    yield from (path for path in datasets if path.is_dir())
    for item in wanted:
        present = _locate(root, item.directory).present
        if present:
            yield from (path for path in sorted(present.iterdir()) if is_staging(path.name))


def _locate(root: Path, directory: str) -> Place:
    present, real = root if root.is_dir() else None, root.resolve()
    for part in PurePosixPath(directory).parts:
        there = entries_by_folded_name(present).get(part.casefold(), []) if present else []
        if len(there) > 1:
            others = " and ".join(f"'{path.name}'" for path in there)
            raise InTheWayError(there[0].parent, f"{others} differ only in case; keep one of them")
        present = there[0] if there else None
        if present and not present.is_dir():
            raise InTheWayError(present, "is not a directory; move it away")
        real = present.resolve() if present else real / part
    return Place(root / directory, present, real)


def _refuse_sources(real: Path, shown: Path, wanted: Sequence[Wanted], terms: Terms) -> None:
    """Refuse to write into the source, or beside a file that a link of the source leads to."""
    files = [file.path for item in wanted for file in item.files.values()]
    directories = {terms.source.resolve(), *(file.parent.resolve() for file in files)}
    inside = directories & {real, *real.parents}
    if inside or real in {file.resolve().parent for file in files}:
        raise ConfigError(
            f"lies in the source ('{min(inside, default=real)}'), where nothing is ever written; "
            "name another destination",
            file=shown,
        )


def _dataset(
    item: Wanted, place: Place, terms: Terms, in_the_way: list[InTheWayError]
) -> DatasetPlan:
    entries = entries_by_folded_name(place.present) if place.present else {}
    steps = []
    for split in SPLIT_NAMES:
        name = item.dataset.task.file_name(split)
        there = entries.get(name.casefold(), [])
        source = item.files.get(split)
        try:
            step = (
                file_step(place, name, there, source, terms)
                if source
                else absent_file_step(place, name, there, terms)
            )
        except InTheWayError as error:
            in_the_way.append(error)
        else:
            steps += [step] if step else []
    manifest = _manifest(item, terms.mode)
    return DatasetPlan(
        directory=place.directory,
        task=item.dataset.task.name,
        version=item.version,
        present=place.present.name if place.present else None,
        files=tuple(steps),
        manifest=manifest,
        manifest_step=_manifest_step(place, steps, manifest, terms),
    )


def _manifest(item: Wanted, mode: Mode) -> Manifest:
    task = item.dataset.task
    files = [(split, item.files[split]) for split in SPLIT_NAMES if split in item.files]
    return Manifest(
        format=TASK_JSONL,
        task=task.name,
        counts={split: file.rows for split, file in files},
        files=[
            FileEntry(
                path=task.file_name(split), size=file.size, sha256=file.sha256, rows=file.rows
            )
            for split, file in files
        ],
        recipe=MigrationRecipe(
            mode=mode, source=str(item.dataset.path.resolve()), version=item.version
        ),
        inputs=[
            InputEntry(path=str(file.path.resolve()), size=file.size, sha256=file.sha256)
            for _, file in files
        ],
    )


def _manifest_step(place: Place, steps: list[Step], manifest: Manifest, terms: Terms) -> Step:
    destination = place.directory / MANIFEST_NAME
    shown = destination.relative_to(terms.destination)
    current = place.present / MANIFEST_NAME if place.present else None
    if (
        current
        and all(step.action is Action.KEEP for step in steps)
        and current.is_file()
        and current.read_bytes() == manifest.to_json()
    ):
        return Step(Action.KEEP, destination, f"keep {shown}", present=MANIFEST_NAME)
    return Step(Action.WRITE, destination, f"write the manifest {shown}")


def _conflict(root: Path, in_the_way: list[InTheWayError]) -> ConflictError:
    lines = "\n  ".join(str(error) for error in in_the_way)
    if all(error.replaceable for error in in_the_way):
        mend = "Move them away or name another destination; --replace puts the source's in place"
    else:
        mend = "Mend these places, or name another destination"
    count = plural(len(in_the_way), "conflict")
    return ConflictError(f"{root}: {count}, and nothing is written:\n  {lines}\n{mend}")
