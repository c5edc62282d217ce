"""Rows that conditions drop: counted by the first that a row fails, judged by a threshold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from penstock.batches import RowBatch, Tally
from penstock.errors import DataError
from penstock.files import plural
from penstock.steps._fields import UnusableError

#: What a failure is called, and the test that it failed.
Condition = tuple[str, Callable[[dict[str, Any]], bool]]


def kept_rows(
    batch: RowBatch, tally: Tally, conditions: Sequence[Condition], counter: str
) -> RowBatch:
    """Return the rows that pass every test.

    Each row is counted once, under COUNTER.kept or COUNTER.FAILURE. One that a test cannot be
    asked of (UnusableError) is a bad row.
    """
    kept = []
    for index, row in enumerate(batch.rows):
        try:
            failed = next((name for name, holds in conditions if not holds(row)), None)
        except UnusableError as error:
            step = counter.partition(".")[0]
            tally.bad(batch.numbers[index], f"{error}; `{step}` needs it")
            continue
        if failed is None:
            kept.append(index)
        tally.count(f"{counter}.{failed or 'kept'}")
    return batch if len(kept) == len(batch) else batch.take(kept)


def refuse_dropped(
    counts: Counter[str], failures: Sequence[str], counter: str, most: float, what: str
) -> None:
    """Raise DataError when more than the share `most` of all was dropped; `what` names one."""
    dropped = {name: counts[f"{counter}.{name}"] for name in failures}
    lost = sum(dropped.values())
    seen = lost + counts[f"{counter}.kept"]
    if lost > most * seen:
        by_failure = ", ".join(f"{name} {count:,}" for name, count in dropped.items() if count)
        raise DataError(
            f"drops {lost:,} of {plural(seen, what)} ({lost / seen:.1%}: {by_failure}), more than "
            f"max_dropped ({most:.1%}); loosen the condition, or raise `max_dropped`",
            file=counter,
        )
