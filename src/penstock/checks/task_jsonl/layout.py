"""The directory: files that are missing, wrongly named, broken links, unlike their manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.errors import DataError
from penstock.files import entries_by_folded_name, is_staging
from penstock.formats import REQUIRED_SPLITS, TaskDirectory, find_task_directories
from penstock.manifest import MANIFEST_NAME, read_manifest
from penstock.splits import SPLIT_NAMES
from penstock.tasks import Task, all_tasks

_DATA_SUFFIXES = (".jsonl", ".json", ".ndjson", ".jsonl.txt")
_SPLIT_WORD = re.compile(
    r"(?<![a-z])(?:(?P<train>train(?:ing)?)|(?P<validation>validation|valid|val|dev)"
    r"|(?P<test>test(?:ing)?))(?![a-z])"
)


def find_dangling(root: Path) -> list[TaskDirectory]:
    """Return the links that should lead to a task's directory, by their names, and lead nowhere."""
    tasks = {task.directory.casefold(): task for task in all_tasks()}
    return [
        TaskDirectory(path, tasks[path.name.casefold()])
        for path in root.rglob("*")
        if path.name.casefold() in tasks and _dangles(path)
    ]


def check_layout(dataset: TaskDirectory, collector: Collector) -> dict[str, Path]:
    """Find what is wrong with the names in a directory; return the files to read, by split."""
    if _dangles(dataset.path):
        _report_link(dataset.path, collector)
        return {}
    name, right = dataset.path.absolute().name, dataset.task.directory
    if name != right and name.casefold() == right.casefold():
        message = f"the directory is named {name}, must be {right}"
        collector.add(codes.DIRECTORY_CASE, message, file=dataset.path)
    entries = entries_by_folded_name(dataset.path)
    for group in entries.values():
        if len(group) > 1:
            message = f"differs only in case from {', '.join(e.name for e in group[1:])}"
            collector.add(codes.CASE_COLLISION, message, file=group[0])
    meant = {split: _file_of(dataset, split, entries, collector) for split in SPLIT_NAMES}
    files = {split: path for split, path in meant.items() if path is not None}
    _report_left_over(dataset, set(files.values()), collector)
    return {split: path for split, path in files.items() if _readable(path, collector)}


def check_manifest(dataset: TaskDirectory, collector: Collector) -> None:
    """Compare the files with the manifest, where there is one."""
    path = dataset.path / MANIFEST_NAME
    try:
        manifest = read_manifest(dataset.path)
        mismatches = manifest.mismatches(dataset.path) if manifest else []
    except DataError as error:
        collector.add(codes.MANIFEST_UNREADABLE, error.message, file=path, line=error.line)
    except OSError as error:
        collector.add(codes.MANIFEST_UNREADABLE, f"cannot be read: {error.strerror}", file=path)
    else:
        for entry, how in mismatches:
            message = f"{how}; {MANIFEST_NAME} says otherwise"
            collector.add(codes.MANIFEST_MISMATCH, message, file=dataset.path / entry.path)


def _file_of(
    dataset: TaskDirectory, split: str, entries: dict[str, list[Path]], collector: Collector
) -> Path | None:
    """Return the file that is, or is meant as, the file of a split."""
    right = dataset.file(split)
    there = entries.get(right.name.casefold(), [])
    if right in there:
        return right
    if there:
        message = f"is named {there[0].name}, must be {right.name}"
        collector.add(codes.FILE_CASE, message, file=there[0], fix=_rename(there[0], right))
        return there[0]
    for entry in chain.from_iterable(entries.values()):
        if _split_meant(entry.name, dataset.task) == split:
            message = f"no loader reads this name; the {split} file must be {right.name}"
            collector.add(codes.FILE_MISNAMED, message, file=entry, fix=_rename(entry, right))
            return entry
    if split in REQUIRED_SPLITS:
        message = f"there is no {split} file"
        collector.add(codes.FILE_MISSING, message, file=right, fix=_fix_missing(dataset, split))
    return None


def _split_meant(name: str, task: Task) -> str | None:
    """Return the split that a wrongly named file seems to hold."""
    folded = name.casefold()
    if not folded.endswith(_DATA_SUFFIXES) or folded in _names(all_tasks()):
        return None
    if word := _SPLIT_WORD.search(folded):
        rest = (folded[: word.start()] + folded[word.end() :].partition(".")[0]).strip("_- .")
        prefix = task.prefix.casefold()
        alike = prefix.startswith(rest) or get_close_matches(rest, [prefix], cutoff=0.7)
        return word.lastgroup if alike else None
    near = get_close_matches(folded, _names([task]), n=1, cutoff=0.85)
    return _names([task])[near[0]] if near else None


def _names(tasks: Iterable[Task]) -> dict[str, str]:
    return {task.file_name(split).casefold(): split for task in tasks for split in SPLIT_NAMES}


def _rename(wrong: Path, right: Path) -> str:
    return f"rename it: mv {wrong} {right}"


def _fix_missing(dataset: TaskDirectory, split: str) -> str:
    """Say how a version directory, which has only a train file, is made whole."""
    directory, path = dataset.task.directory, dataset.path
    homes = (
        home
        for home in chain(path.parents, path.absolute().parents)
        if home.name.casefold() == directory.casefold()
    )
    if split == "train" or (home := next(homes, None)) is None:
        return codes.FILE_MISSING.fix
    version = path.absolute().relative_to(home.absolute())
    choices = [f"--pick {directory}={version}"]
    if version.parent.name:
        choices.append(f"--all-versions {directory}={version.parent}")
    return (
        f"a version has only its train file; make it whole with: penstock migrate {home.parent} "
        f"DST {' or '.join(choices)}"
    )


def _dangles(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _report_link(path: Path, collector: Collector) -> None:
    message = f"is a link to {path.readlink()}, which does not exist"
    collector.add(codes.LINK_BROKEN, message, file=path)


def _readable(path: Path, collector: Collector) -> bool:
    if _dangles(path):
        _report_link(path, collector)
        return False
    if not path.is_file():
        kind = "a directory" if path.is_dir() else "no regular file"
        collector.add(codes.NOT_A_FILE, f"is {kind}, must be a file", file=path)
        return False
    try:
        path.open("rb").close()
    except OSError as error:
        collector.add(codes.FILE_UNREADABLE, f"cannot be read: {error.strerror}", file=path)
        return False
    return True


def _report_left_over(dataset: TaskDirectory, used: set[Path], collector: Collector) -> None:
    """Name what nothing reads: in this directory, or below it in no dataset of its own."""
    homes = {found.path for found in find_task_directories(dataset.path)} - {dataset.path}
    right = _names([dataset.task])
    for path in sorted(dataset.path.rglob("*")):
        staging = any(map(is_staging, path.relative_to(dataset.path).parts))
        collides = path.parent == dataset.path and path.name.casefold() in right
        if staging or collides or path in used or path.parent in homes:
            continue
        if _dangles(path):
            _report_link(path, collector)
        elif path.suffix == ".jsonl":
            collector.add(codes.FILE_UNUSED, "no loader reads a file of this name", file=path)
