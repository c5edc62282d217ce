"""What rewriting left in synthetic texts: quotation marks, newlines, chatter, duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks.task_jsonl.alignment import Alignment
from penstock.checks.task_jsonl.original import NumberedRow, Original, has_text, text_hashes
from penstock.checks.task_jsonl.wording import chatter, quoted
from penstock.files import plural
from penstock.tasks import Row, Task

#: How much of a text a message shows.
_SHOWN = 60


def check_wording(path: Path, task: Task, alignment: Alignment, collector: Collector) -> None:
    """Find marks of a model in the texts that are not as in the original."""
    for line, field, new, old in _rewritten(task, alignment):
        if quoted(new) and not quoted(old):
            message = f"{field} stands in quotation marks, unlike the original"
            collector.add(codes.TEXT_QUOTED, message, file=path, line=line, group=field)
        if "\n" in new and "\n" not in old:
            message = f"{field} has a newline in it, unlike the original"
            collector.add(codes.TEXT_NEWLINE, message, file=path, line=line, group=field)
        if (words := chatter(new)) and not chatter(old):
            message = f"{field} has words of a model in it: {words[:_SHOWN]!r}"
            collector.add(codes.TEXT_CHATTER, message, file=path, line=line, group=field)


def check_duplicates(
    path: Path,
    task: Task,
    rows: Sequence[NumberedRow],
    original: Original,
    collector: Collector,
) -> None:
    """Find texts that stand more than once; those that do so in the original are inherited."""
    seen: set[int] = set()
    second: dict[int, int] = {}
    for line, text in text_hashes(task, rows):
        if text in seen:
            second.setdefault(text, line)
        seen.add(text)
    new = [line for text, line in second.items() if original.train_texts[text] < 2]
    field, inherited = task.text_fields[0], len(second) - len(new)
    for code, lines, origin in (
        (codes.TEXT_DUPLICATED, list(second.values()), f": {inherited} inherited, {len(new)} new"),
        (codes.TEXT_DUPLICATED_NEW, new, ", unlike in the original"),
    ):
        if lines:
            message = f"{plural(len(lines), f'{field} text')} more than once{origin}"
            collector.add(code, message, file=path, line=lines[0], count=len(lines))


def _rewritten(task: Task, alignment: Alignment) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, field, text and original text of what is not as in the original."""
    added: list[tuple[int, Row, Row]] = [(line, row, {}) for line, row in alignment.added]
    for line, row, original in sorted([*alignment.pairs, *added], key=itemgetter(0)):
        for field in task.text_fields:
            if has_text(row, field) and row[field] != original.get(field):
                yield line, field, row[field], original.get(field) or ""
