"""Synthetic data beside its original: rows lost and added, fields changed, rows kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import orjson

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks.task_jsonl.alignment import Alignment
from penstock.checks.task_jsonl.original import NumberedRow
from penstock.files import plural
from penstock.tasks import Task

#: How many rows a message names, and how much of a value it shows.
_NAMED = 5
_SHOWN = 40


def check_rows_kept(path: Path, task: Task, alignment: Alignment, collector: Collector) -> None:
    """Find the original rows that are not here, and the rows that are not in the original."""
    if lost := alignment.lost:
        names = _names(lost, task)
        message = f"{plural(len(lost), 'row')} of the original left out: {names}"
        collector.add(codes.ROWS_LOST, message, file=path, count=len(lost))
    if added := alignment.added:
        message = f"{plural(len(added), 'row')} that the original has not: {_names(added, task)}"
        collector.add(codes.ROWS_ADDED, message, file=path, line=added[0][0], count=len(added))


def check_fields_kept(path: Path, task: Task, alignment: Alignment, collector: Collector) -> None:
    """Find ids, labels and other fields, the main text aside, that are not the original's."""
    kinds = {task.id_field: codes.ID_CHANGED, task.label_field: codes.LABEL_CHANGED}
    fields = [name for name in task.fields if name != task.text_fields[0]]
    for line, row, original in alignment.pairs:
        for name in fields:
            # A field that is missing is an error of its own.
            if name in row and row[name] != original.get(name):
                code = kinds.get(name, codes.FIELD_CHANGED)
                message = f"{name} is {_shown(row[name])}, was {_shown(original.get(name))}"
                collector.add(code, message, file=path, line=line, group=name)


def check_identical(path: Path, alignment: Alignment, collector: Collector) -> None:
    """Count the rows that are the original's, and those of them that end the file."""
    same = [row == original for _, row, original in alignment.pairs]
    if not any(same):
        return
    count, total = sum(same), len(same)
    tail = sum(takewhile(bool, reversed(same)))
    message = f"{count:,} of {plural(total, 'row')} ({count / total:.1%}) identical to the original"
    if tail > 1:
        message += f"; {tail:,} of them are the kept tail, the last {tail:,} rows"
    line = alignment.pairs[same.index(True)][0]
    collector.add(codes.ROWS_IDENTICAL, message, file=path, line=line, count=count)


def check_evaluation(path: Path, task: Task, alignment: Alignment, collector: Collector) -> None:
    """Find texts of a validation or test file that are not the original's."""
    main = task.text_fields[0]
    for line, row, original in alignment.pairs:
        if row.get(main) != original.get(main):
            message = f"{main} is not the original's; synthetic data is evaluated on original rows"
            collector.add(codes.EVALUATION_CHANGED, message, file=path, line=line)


def _names(rows: Sequence[NumberedRow], task: Task) -> str:
    """Name the first rows by their ids, or by their lines."""
    if task.id_field is not None:
        kind, names = task.id_field, [_shown(row.get(task.id_field)) for _, row in rows[:_NAMED]]
    else:
        kind, names = "line", [str(line) for line, _ in rows[:_NAMED]]
    return f"{kind} {', '.join(names)}{', ...' if len(rows) > _NAMED else ''}"


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
