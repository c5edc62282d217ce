"""The check of task JSONL: layout, lines, rows, duplicates, and synthetic data beside its original.

Directories hold `{prefix}_{train,validation,test}.jsonl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from penstock.checks._base import Check, CheckOptions
from penstock.checks._files import check_line_ends, check_manifest
from penstock.checks.task_jsonl.against import check_against
from penstock.checks.task_jsonl.layout import broken_links, check_layout, task_directory
from penstock.checks.task_jsonl.original import Original, find_original
from penstock.checks.task_jsonl.rows import check_duplicates, check_overlap, check_rows
from penstock.findings import Collector
from penstock.formats import find_task_directories
from penstock.tasks import Task


class TaskJsonlCheck(Check):
    """Checks the data of benchmark tasks, and synthetic data against its original."""

    looks_like = "a directory with files such as copa_train.jsonl"
    compares = True

    def find(self, path: Path) -> Iterable[Path]:
        """Return every task directory at or below `path`, and broken links to such directories."""
        if not path.is_dir():
            return []
        found = find_task_directories(path, follow_links=True)
        return [*(directory.path for directory in found), *broken_links(path)]

    def check(self, dataset: Path, collector: Collector, options: CheckOptions) -> int:
        """Check a task directory and, with `options.against`, compare it with its original."""
        directory = task_directory(dataset)
        task, against = directory.task, options.against
        original = find_original(directory, against) if against is not None else None
        files = check_layout(directory, collector)
        check_manifest(dataset, collector, full=True)
        rows = _check_files(files, task, original, collector)
        if original is not None:
            for split, path in files.items():
                check_against(path, split, task, original, collector)
        return rows


def _check_files(
    files: Mapping[str, Path], task: Task, original: Original | None, collector: Collector
) -> int:
    """Check the lines and rows of each file; return the number of rows."""
    checked = {}
    for split, path in files.items():
        check_line_ends(path, collector)
        checked[split] = check_rows(path, split, task, collector)
        check_duplicates(checked[split], collector)
    for split in ("validation", "test"):
        evaluation = checked.get(split)
        if evaluation is None and original is not None and (file := original.file(split)):
            # A version with only a train file is evaluated on the files of the original.
            evaluation = check_rows(file, split, task, Collector())
        if evaluation is not None and "train" in checked:
            inherited = original.train_texts.keys() if original is not None else None
            check_overlap(task, checked["train"], evaluation, inherited, collector)
    return sum(file.rows for file in checked.values())


CHECK = TaskJsonlCheck()
