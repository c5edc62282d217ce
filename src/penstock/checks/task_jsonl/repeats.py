"""Rows that stand twice in a file, and train rows that stand in validation or test."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks.task_jsonl.fingerprints import Fingerprint
from penstock.checks.task_jsonl.rows import RowCheck
from penstock.files import plural
from penstock.tasks import Task


class Duplicates(RowCheck):
    """Rows of one file that differ in nothing but their id and label."""

    def __init__(self) -> None:
        self._lines: dict[int, int] = {}
        self._repeated: list[tuple[int, int]] = []

    def see(self, line: int, fingerprint: Fingerprint) -> None:
        """Take note of the row in a line."""
        first = self._lines.setdefault(fingerprint.content, line)
        if first != line:
            self._repeated.append((line, first))

    def report(self, path: Path, collector: Collector) -> None:
        """Add the rows that stand a second time."""
        if self._repeated:
            line, first = self._repeated[0]
            message = f"the same as line {first}, but for id and label, case and punctuation"
            count = len(self._repeated)
            collector.add(codes.ROW_DUPLICATED, message, file=path, line=line, count=count)


@dataclass
class EvaluationTexts(RowCheck):
    """What a validation or test file holds: the hashes of its texts and of its whole rows."""

    path: Path
    texts: set[int] = field(default_factory=set)
    contents: set[int] = field(default_factory=set)

    def see(self, line: int, fingerprint: Fingerprint) -> None:
        """Remember the row."""
        self.texts.add(fingerprint.text)
        self.contents.add(fingerprint.content)


class Overlap(RowCheck):
    """Train rows whose text, or the whole of them, also stands in an evaluation file.

    `inherited` holds the hashes of the original's train texts, where there is an original: an
    overlap with one of them was there before, any other is new.
    """

    def __init__(
        self, task: Task, evaluation: EvaluationTexts, inherited: Set[int] | None = None
    ) -> None:
        self._task = task
        self._evaluation = evaluation
        self._inherited = inherited
        self._texts: list[int] = []
        self._new: list[int] = []
        self._leaked: list[int] = []

    def see(self, line: int, fingerprint: Fingerprint) -> None:
        """Compare the row with the evaluation file."""
        if fingerprint.text not in self._evaluation.texts:
            return
        self._texts.append(line)
        if self._inherited is not None and fingerprint.text not in self._inherited:
            self._new.append(line)
        if fingerprint.content in self._evaluation.contents:
            self._leaked.append(line)

    def report(self, path: Path, collector: Collector) -> None:
        """Add the overlap, what of it is new, and the rows that stand there as a whole."""
        where = self._evaluation.path
        text = f"with a {self._task.text_fields[0]} that stands in {where}"
        new = len(self._new)
        origin = (
            "" if self._inherited is None else f": {len(self._texts) - new} inherited, {new} new"
        )
        for code, lines, words in (
            (codes.TEXT_OVERLAP, self._texts, text + origin),
            (
                codes.TEXT_OVERLAP_NEW,
                self._new,
                f"{text}, unlike any text of the original's train file",
            ),
            (codes.ROW_LEAKED, self._leaked, f"that stand in {where}, but for id and label"),
        ):
            if lines:
                message = f"{plural(len(lines), 'train row')} {words}"
                count, group = len(lines), str(where)
                collector.add(code, message, file=path, line=lines[0], count=count, group=group)
