"""Checks of task JSONL: layout, lines, rows, repeats, and synthetic data beside its original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock.checks._base import Checker, CheckOptions
from penstock.checks._collect import Collector
from penstock.checks.task_jsonl.against import check_against
from penstock.checks.task_jsonl.layout import check_layout, check_manifest, find_dangling
from penstock.checks.task_jsonl.lines import check_lines
from penstock.checks.task_jsonl.original import Original, find_original
from penstock.checks.task_jsonl.repeats import Duplicates, EvaluationTexts, Overlap
from penstock.checks.task_jsonl.rows import check_rows
from penstock.findings import DatasetFindings
from penstock.formats import TASK_JSONL, TaskDirectory, find_task_directories
from penstock.tasks import Task


class TaskJsonlChecker(Checker[TaskDirectory]):
    """Checks directories with `{prefix}_{train,validation,test}.jsonl`."""

    format = TASK_JSONL
    looks_like = "a directory with files such as copa_train.jsonl"

    def find(self, path: Path) -> Sequence[TaskDirectory]:
        """Return every task directory at or below a directory, and the links to none."""
        if not path.is_dir():
            return []
        return [*find_task_directories(path, follow_links=True), *find_dangling(path)]

    def check(self, dataset: TaskDirectory, options: CheckOptions) -> DatasetFindings:
        """Return what is wrong with a task directory, and how it differs from its original."""
        against = options.against
        original = find_original(dataset, against) if against is not None else None
        collector = Collector()
        files = check_layout(dataset, collector)
        check_manifest(dataset, collector)
        rows = _check_files(files, dataset.task, original, collector)
        if original is not None:
            for split, path in files.items():
                check_against(path, split, dataset.task, original, collector)
        return DatasetFindings(str(dataset.path), TASK_JSONL, rows, collector.findings())


def _check_files(
    files: Mapping[str, Path], task: Task, original: Original | None, collector: Collector
) -> int:
    """Check the lines and rows of every file; return how many rows there are."""
    rows = 0
    for path in files.values():
        check_lines(path, collector)
    inherited = original.train_texts.keys() if original is not None else None
    overlaps = []
    for split in ("validation", "test"):
        if split in files:
            texts = EvaluationTexts(files[split])
            rows += check_rows(files[split], split, task, [Duplicates(), texts], collector)
        elif original is not None and (borrowed := original.file(split)) is not None:
            # A version that has only its train file is evaluated on the original's.
            texts = EvaluationTexts(borrowed)
            check_rows(borrowed, split, task, [texts], Collector())
        else:
            continue
        overlaps.append(Overlap(task, texts, inherited))
    if "train" in files:
        rows += check_rows(files["train"], "train", task, [Duplicates(), *overlaps], collector)
    return rows


CHECKER = TaskJsonlChecker()
