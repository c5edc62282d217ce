"""The directory of a task: missing and misnamed files, broken links, and unused files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.files import entries_by_folded_name, is_staging
from penstock.findings import Collector
from penstock.formats import REQUIRED_SPLITS, TaskDirectory, find_task_directories, recognise
from penstock.splits import SPLIT_NAMES
from penstock.tasks import Task, all_tasks

_DATA_SUFFIXES = (".jsonl", ".json", ".ndjson", ".jsonl.txt")
_SPLIT_WORD = re.compile(
    r"(?<![a-z])(?:(?P<train>train(?:ing)?)|(?P<validation>validation|valid|val|dev)"
    r"|(?P<test>test(?:ing)?))(?![a-z])"
)


def broken_links(root: Path) -> list[Path]:
    """Return the broken links below `root` that are named like the directory of a task."""
    names = {task.directory.casefold() for task in all_tasks()}
    return [p for p in root.rglob("*") if p.name.casefold() in names and _is_broken_link(p)]


def task_directory(path: Path) -> TaskDirectory:
    """Return the task directory at a path that `find_task_directories` or `broken_links` found."""
    name = path.name.casefold()
    if _is_broken_link(path):
        task = next(task for task in all_tasks() if task.directory.casefold() == name)
        return TaskDirectory(path, task)
    recognised = recognise(path)
    assert recognised is not None
    return TaskDirectory(path, recognised)


def check_layout(dataset: TaskDirectory, collector: Collector) -> dict[str, Path]:
    """Report wrong names in a directory; return the readable file of each split."""
    if _is_broken_link(dataset.path):
        _report_broken_link(dataset.path, collector)
        return {}
    name, expected = dataset.path.absolute().name, dataset.task.directory
    if name != expected and name.casefold() == expected.casefold():
        message = f"the directory is named {name}, must be {expected}"
        collector.add(codes.DIRECTORY_CASE, message, file=dataset.path)
    entries = entries_by_folded_name(dataset.path)
    for group in entries.values():
        if len(group) > 1:
            message = f"differs only in case from {', '.join(e.name for e in group[1:])}"
            collector.add(codes.CASE_COLLISION, message, file=group[0])
    found = {split: _find_file(dataset, split, entries, collector) for split in SPLIT_NAMES}
    files = {split: path for split, path in found.items() if path is not None}
    _report_unused(dataset, set(files.values()), collector)
    return {split: path for split, path in files.items() if _is_readable(path, collector)}


def _find_file(
    dataset: TaskDirectory, split: str, entries: dict[str, list[Path]], collector: Collector
) -> Path | None:
    """Return the file of a split, also if it is misnamed."""
    expected = dataset.file(split)
    same_but_case = entries.get(expected.name.casefold(), [])
    if expected in same_but_case:
        return expected
    if same_but_case:
        path = same_but_case[0]
        message, fix = f"is named {path.name}, must be {expected.name}", _rename(path, expected)
        collector.add(codes.FILE_CASE, message, file=path, fix=fix)
        return path
    for entry in chain.from_iterable(entries.values()):
        if _guess_split(entry.name, dataset.task) == split:
            message = f"no loader reads this name; the {split} file must be {expected.name}"
            fix = _rename(entry, expected)
            collector.add(codes.FILE_MISNAMED, message, file=entry, fix=fix)
            return entry
    if split in REQUIRED_SPLITS:
        fix = _fix_missing(dataset, split)
        collector.add(codes.FILE_MISSING, f"there is no {split} file", file=expected, fix=fix)
    return None


def _guess_split(name: str, task: Task) -> str | None:
    """Return the split that a misnamed file of a task seems to hold."""
    folded = name.casefold()
    if not folded.endswith(_DATA_SUFFIXES) or folded in _file_names(all_tasks()):
        return None
    if word := _SPLIT_WORD.search(folded):
        rest = (folded[: word.start()] + folded[word.end() :].partition(".")[0]).strip("_- .")
        prefix = task.prefix.casefold()
        similar = prefix.startswith(rest) or get_close_matches(rest, [prefix], cutoff=0.7)
        return word.lastgroup if similar else None
    names = _file_names([task])
    closest = get_close_matches(folded, names, n=1, cutoff=0.85)
    return names[closest[0]] if closest else None


def _file_names(tasks: Iterable[Task]) -> dict[str, str]:
    """Return the split of each file name, in lower case."""
    return {task.file_name(split).casefold(): split for task in tasks for split in SPLIT_NAMES}


def _rename(path: Path, expected: Path) -> str:
    return f"rename it: mv {path} {expected}"


def _fix_missing(dataset: TaskDirectory, split: str) -> str:
    """Return the fix for a missing file: for a version with only a train file, how to migrate."""
    directory, path = dataset.task.directory, dataset.path
    ancestors = chain(path.parents, path.absolute().parents)
    same_name = (parent for parent in ancestors if parent.name.casefold() == directory.casefold())
    if split == "train" or (base := next(same_name, None)) is None:
        return codes.FILE_MISSING.fix
    version = path.absolute().relative_to(base.absolute())
    choices = [f"--pick {directory}={version}"]
    if version.parent.name:
        choices.append(f"--all-versions {directory}={version.parent}")
    return (
        "a version has only its train file; complete it with: "
        f"penstock migrate {base.parent} DST {' or '.join(choices)}"
    )


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _report_broken_link(path: Path, collector: Collector) -> None:
    message = f"is a link to {path.readlink()}, which does not exist"
    collector.add(codes.LINK_BROKEN, message, file=path)


def _is_readable(path: Path, collector: Collector) -> bool:
    if _is_broken_link(path):
        _report_broken_link(path, collector)
        return False
    if not path.is_file():
        kind = "a directory" if path.is_dir() else "a special file"
        collector.add(codes.NOT_A_FILE, f"is {kind}, must be a regular file", file=path)
        return False
    try:
        path.open("rb").close()
    except OSError as error:
        collector.add(codes.FILE_UNREADABLE, f"cannot be read: {error.strerror}", file=path)
        return False
    return True


def _report_unused(dataset: TaskDirectory, used: set[Path], collector: Collector) -> None:
    """Report broken links and unused data in the directory and below, except in other datasets."""
    others = {found.path for found in find_task_directories(dataset.path)} - {dataset.path}
    expected = _file_names([dataset.task])
    for path in sorted(dataset.path.rglob("*")):
        staging = any(map(is_staging, path.relative_to(dataset.path).parts))
        collides = path.parent == dataset.path and path.name.casefold() in expected
        if staging or collides or path in used or path.parent in others:
            continue
        if _is_broken_link(path):
            _report_broken_link(path, collector)
        elif path.suffix == ".jsonl":
            collector.add(codes.FILE_UNUSED, "no loader reads a file of this name", file=path)
