"""The rows of one file, one after the other: nothing is kept but ids and hashes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from penstock.checks import _codes as codes
from penstock.checks._collect import Code, Collector
from penstock.checks.task_jsonl.fingerprints import Fingerprint, Fingerprints
from penstock.findings import Severity
from penstock.formats import REQUIRED_SPLITS, row_problems
from penstock.jsonl import BadLine, scan
from penstock.tasks import Task


class RowCheck(ABC):
    """Something that looks at every sound row of a file and reports at its end."""

    @abstractmethod
    def see(self, line: int, fingerprint: Fingerprint) -> None:
        """Take note of the row in a line."""

    def report(self, path: Path, collector: Collector) -> None:  # noqa: B027 - may find nothing
        """Add what was found in the file."""


def check_rows(
    path: Path, split: str, task: Task, row_checks: Sequence[RowCheck], collector: Collector
) -> int:
    """Check every row of a file; return how many rows there are.

    Raises OSError where the file cannot be read.
    """
    rows = 0
    ids = _Ids(task)
    fingerprint = Fingerprints(task).of
    must_be_labelled = split in REQUIRED_SPLITS
    for line, row in scan(path):
        if isinstance(row, BadLine):
            collector.add(codes.CODES[row.code], row.message, file=path, line=line)
            continue
        rows += 1
        ids.see(line, row, path, collector)
        if not _sound(task, row, path, line, collector):
            continue
        if must_be_labelled and not task.labelled(row):
            message = f"{task.label_field} holds no answer"
            collector.add(codes.LABEL_MISSING, message, file=path, line=line)
        fingerprinted = fingerprint(row)
        for check in row_checks:
            check.see(line, fingerprinted)
    if not rows:
        collector.add(codes.FILE_EMPTY, "the file has no rows", file=path)
    for check in row_checks:
        check.report(path, collector)
    return rows


def _sound(task: Task, row: dict[str, Any], path: Path, line: int, collector: Collector) -> bool:
    sound = True
    for field, name, words in row_problems(task, row):
        sound = False
        # A task of another package may have codes of its own.
        code = codes.CODES.get(name) or Code(name, Severity.ERROR, "correct the row")
        collector.add(code, f"{field} {words}", file=path, line=line, group=field)
    return sound


class _Ids:
    """The ids of the rows seen so far, and the line of each."""

    def __init__(self, task: Task) -> None:
        self._field = task.id_field
        self._lines: dict[Any, int] = {}

    def see(self, line: int, row: dict[str, Any], path: Path, collector: Collector) -> None:
        if self._field is None or (identity := row.get(self._field)) is None:
            return
        if type(identity) is not int and type(identity) is not str:
            identity = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
        first = self._lines.setdefault(identity, line)
        if first != line:
            message = f"{self._field} {row[self._field]} stands in line {first} already"
            collector.add(codes.ID_DUPLICATED, message, file=path, line=line)
