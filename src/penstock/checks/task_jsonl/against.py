"""Synthetic data compared with its original: rows, fields, and traces of the model in texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

from penstock.checks import _codes as codes
from penstock.checks.task_jsonl.original import (
    Alignment,
    NumberedRow,
    Original,
    align,
    has_text,
    text_hashes,
)
from penstock.checks.task_jsonl.text import is_quoted, model_phrase
from penstock.files import plural
from penstock.findings import Collector
from penstock.jsonl import BadLine, scan
from penstock.tasks import Row, Task

#: How many rows a message lists, and how much of a value or of a model's words it shows.
_LISTED = 5
_VALUE_LENGTH = 40
_PHRASE_LENGTH = 60


def check_against(
    path: Path, split: str, task: Task, original: Original, collector: Collector
) -> None:
    """Compare a file with that of its original, if the original has this split.

    Raises DataError if the file of the original cannot be read.
    """
    counterpart = original.file(split)
    if counterpart is None:
        return
    rows = [(line, row) for line, row in scan(path) if not isinstance(row, BadLine)]
    if split == "train":
        _check_duplicates(path, task, rows, original, collector)
    alignment = align(task, rows, original.rows(split))
    if alignment is None:
        message = f"rows cannot be matched with {counterpart}: no ids, and another number of rows"
        collector.add(codes.ROWS_UNALIGNED, message, file=path)
        return
    _check_rows_kept(path, task, alignment, collector)
    _check_fields_kept(path, task, alignment, collector)
    if split == "train":
        _check_identical(path, alignment, collector)
        _check_texts(path, task, alignment, collector)
    else:
        main = task.text_fields[0]
        for line, row, source in alignment.pairs:
            if row.get(main) != source.get(main):
                message = f"{main} differs from the original; evaluate on original rows"
                collector.add(codes.EVALUATION_CHANGED, message, file=path, line=line)


def _check_duplicates(
    path: Path,
    task: Task,
    rows: Sequence[NumberedRow],
    original: Original,
    collector: Collector,
) -> None:
    """Report texts that occur more than once, and those that do not so in the original."""
    seen: set[int] = set()
    repeated: dict[int, int] = {}
    for line, text in text_hashes(task, rows):
        if text in seen:
            repeated.setdefault(text, line)
        seen.add(text)
    new = [line for text, line in repeated.items() if original.train_texts[text] < 2]
    name, inherited = task.text_fields[0], len(repeated) - len(new)
    for code, lines, origin in (
        (codes.TEXT_DUPLICATED, [*repeated.values()], f": {inherited} inherited, {len(new)} new"),
        (codes.TEXT_DUPLICATED_NEW, new, ", unlike in the original"),
    ):
        if lines:
            message = f"{plural(len(lines), f'{name} text')} repeated{origin}"
            collector.add(code, message, file=path, line=lines[0], count=len(lines))


def _check_rows_kept(path: Path, task: Task, alignment: Alignment, collector: Collector) -> None:
    if lost := alignment.lost:
        message = f"{plural(len(lost), 'original row')} missing: {_list(lost, task)}"
        collector.add(codes.ROWS_LOST, message, file=path, count=len(lost))
    if added := alignment.added:
        message = f"{plural(len(added), 'row')} not in the original: {_list(added, task)}"
        collector.add(codes.ROWS_ADDED, message, file=path, line=added[0][0], count=len(added))


def _list(rows: Sequence[NumberedRow], task: Task) -> str:
    """List the first rows by their ids, or by their lines."""
    if task.id_field is not None:
        kind, names = task.id_field, [_show(row.get(task.id_field)) for _, row in rows[:_LISTED]]
    else:
        kind, names = "line", [str(line) for line, _ in rows[:_LISTED]]
    return f"{kind} {', '.join(names)}{', ...' if len(rows) > _LISTED else ''}"


def _show(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _VALUE_LENGTH else f"{text[:_VALUE_LENGTH]}..."


def _check_fields_kept(path: Path, task: Task, alignment: Alignment, collector: Collector) -> None:
    """Report changed ids, labels and other fields, except the main text."""
    kinds = {task.id_field: codes.ID_CHANGED, task.label_field: codes.LABEL_CHANGED}
    names = [name for name in task.fields if name != task.text_fields[0]]
    for line, row, original in alignment.pairs:
        for name in names:
            # A missing field has its own finding.
            if name in row and row[name] != original.get(name):
                code = kinds.get(name, codes.FIELD_CHANGED)
                message = f"{name} is {_show(row[name])}, was {_show(original.get(name))}"
                collector.add(code, message, file=path, line=line, group=name)


def _check_identical(path: Path, alignment: Alignment, collector: Collector) -> None:
    """Report how many rows equal the original, and how many of these end the file."""
    same = [row == original for _, row, original in alignment.pairs]
    if not any(same):
        return
    count, total = sum(same), len(same)
    tail = sum(takewhile(bool, reversed(same)))
    message = f"{count:,} of {plural(total, 'row')} ({count / total:.1%}) identical to the original"
    if tail > 1:
        message += f"; {tail:,} of them are the last {tail:,} rows"
    line = alignment.pairs[same.index(True)][0]
    collector.add(codes.ROWS_IDENTICAL, message, file=path, line=line, count=count)


def _check_texts(path: Path, task: Task, alignment: Alignment, collector: Collector) -> None:
    """Report quotation marks, newlines and words of a model that are not in the original text."""
    added: list[tuple[int, Row, Row]] = [(line, row, {}) for line, row in alignment.added]
    for line, row, original in sorted([*alignment.pairs, *added], key=itemgetter(0)):
        for name in task.text_fields:
            if not has_text(row, name) or row[name] == original.get(name):
                continue
            new, old = row[name], original.get(name) or ""
            problems = []
            if is_quoted(new) and not is_quoted(old):
                message = f"{name} is in quotation marks, unlike the original"
                problems.append((codes.TEXT_QUOTED, message))
            if "\n" in new and "\n" not in old:
                problems.append((codes.TEXT_NEWLINE, f"{name} has a newline, unlike the original"))
            if (phrase := model_phrase(new)) and not model_phrase(old):
                message = f"{name} has words of the model: {phrase[:_PHRASE_LENGTH]!r}"
                problems.append((codes.TEXT_CHATTER, message))
            for code, message in problems:
                collector.add(code, message, file=path, line=line, group=name)
