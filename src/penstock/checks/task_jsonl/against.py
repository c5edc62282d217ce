"""A synthetic file beside the file of its original."""

from __future__ import annotations

from pathlib import Path

from penstock.checks._codes import ROWS_UNALIGNED
from penstock.checks._collect import Collector
from penstock.checks.task_jsonl.alignment import align
from penstock.checks.task_jsonl.changes import (
    check_evaluation,
    check_fields_kept,
    check_identical,
    check_rows_kept,
)
from penstock.checks.task_jsonl.leftovers import check_duplicates, check_wording
from penstock.checks.task_jsonl.original import Original
from penstock.jsonl import BadLine, scan
from penstock.tasks import Task


def check_against(
    path: Path, split: str, task: Task, original: Original, collector: Collector
) -> None:
    """Compare a file with that of its original, where the original has one of this split.

    Raises DataError where the file of the original cannot be read.
    """
    counterpart = original.file(split)
    if counterpart is None:
        return
    rows = [(line, row) for line, row in scan(path) if not isinstance(row, BadLine)]
    if split == "train":
        check_duplicates(path, task, rows, original, collector)
    alignment = align(task, rows, original.rows(split))
    if alignment is None:
        message = f"cannot be matched with {counterpart}: no ids, and another number of rows"
        collector.add(ROWS_UNALIGNED, message, file=path)
        return
    check_rows_kept(path, task, alignment, collector)
    check_fields_kept(path, task, alignment, collector)
    if split == "train":
        check_identical(path, alignment, collector)
        check_wording(path, task, alignment, collector)
    else:
        check_evaluation(path, task, alignment, collector)
