"""Which row of the original a synthetic row was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from penstock.checks.task_jsonl.original import NumberedRow
from penstock.tasks import Row, Task


@dataclass
class Alignment:
    """Rows beside the original rows they were made from, in the order of the synthetic file."""

    #: Line, row, original row.
    pairs: list[tuple[int, Row, Row]] = field(default_factory=list)
    #: Original rows from which no row was made.
    lost: list[NumberedRow] = field(default_factory=list)
    #: Rows that were made from no original row.
    added: list[NumberedRow] = field(default_factory=list)


def align(
    task: Task, rows: Sequence[NumberedRow], originals: Sequence[NumberedRow]
) -> Alignment | None:
    """Match rows with their originals; None where neither id, fields nor position can.

    Rows are matched by id, by position, and by the fields that synthetic data leaves alone. Each
    may mislead (ids may be renumbered, rows shuffled or dropped), so the one is taken under which
    the most rows agree with their originals in those fields.
    """
    stable = stable_fields(task)
    candidates = []
    if task.id_field is not None:
        candidates.append(_by_fields([task.id_field], rows, originals))
    if len(rows) == len(originals):
        pairs: list[tuple[int, Row, Row]] = [
            (n, row, original) for (n, row), (_, original) in zip(rows, originals, strict=True)
        ]
        candidates.append(Alignment(pairs))
    candidates.append(_by_fields([f for f in stable if f != task.label_field], rows, originals))
    possible = [candidate for candidate in candidates if candidate is not None]
    return max(possible, key=lambda alignment: _agreeing(alignment, stable), default=None)


def stable_fields(task: Task) -> list[str]:
    """Return the fields that synthetic data leaves alone: all but the main text and the id."""
    return [name for name in task.fields if name not in (task.text_fields[0], task.id_field)]


def _by_fields(
    fields: Sequence[str], rows: Sequence[NumberedRow], originals: Sequence[NumberedRow]
) -> Alignment | None:
    """Match by the values of some fields; None where they do not tell the originals apart."""
    index = {_key(row, fields): place for place, (_, row) in enumerate(originals)}
    if not fields or len(index) < len(originals):
        return None
    alignment = Alignment()
    matched = set()
    for number, row in rows:
        place = index.get(_key(row, fields))
        if place is None:
            alignment.added.append((number, row))
        else:
            matched.add(place)
            alignment.pairs.append((number, row, originals[place][1]))
    alignment.lost = [row for place, row in enumerate(originals) if place not in matched]
    return alignment


def _key(row: Row, fields: Sequence[str]) -> bytes:
    return orjson.dumps([row.get(name) for name in fields], option=orjson.OPT_SORT_KEYS)


def _agreeing(alignment: Alignment, fields: Sequence[str]) -> int:
    return sum(
        all(row.get(name) == original.get(name) for name in fields)
        for _, row, original in alignment.pairs
    )
