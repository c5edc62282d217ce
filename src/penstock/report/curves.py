"""How a metric went over the steps of each run, ready to be drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.config import short_value
from penstock.report.results import ResultRow

#: A curve keeps at most this many points; the report stays small however long the runs were.
_POINTS = 400


@dataclass(frozen=True)
class Curves:
    """The points of every run's curve, and what they are called.

    A point has `step`, `value`, `panel` (the method, and task and model where there are several),
    `series` (the rate, and what else differs within a panel), `seed` and `run`. `series` are those
    of all points, in the order of their rates.
    """

    title: str
    points: list[dict[str, Any]]
    series: list[str]

    @property
    def panels(self) -> int:
        """How many panels there are."""
        return len({point["panel"] for point in self.points})

    @property
    def longest(self) -> int:
        """How many points the longest curve has."""
        return max(Counter(point["run"] for point in self.points).values())


def curves_of(rows: Sequence[ResultRow], metric: str) -> Curves | None:
    """Return the curves of a metric; None where no run has it."""
    labels = _Labels(rows)
    points = []
    for row in rows:
        logged = [line for line in row.directory.metrics() if line.get(metric) is not None]
        same = {
            "panel": labels.panel(row),
            "series": labels.series(row),
            "seed": row.columns().get("seed"),
            "run": str(row.directory.path),
        }
        points += [
            {"step": line["step"], "value": line[metric], **same} for line in _thinned(logged)
        ]
    if not points:
        return None
    drawn = {point["series"] for point in points}
    by_rate = [labels.series(row) for row in sorted(rows, key=lambda row: row.learning_rate)]
    series = [name for name in dict.fromkeys(by_rate) if name in drawn]
    return Curves(metric.replace("_", " "), points, series)


def _thinned(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every n-th point, and the last."""
    step = -(-len(points) // _POINTS) or 1
    return points[::step] + (points[-1:] if (len(points) - 1) % step else [])


class _Labels:
    """Says of each run only what tells it from others."""

    def __init__(self, rows: Sequence[ResultRow]) -> None:
        columns = [row.columns() for row in rows]
        self._panel_keys = [
            key
            for key in ("task", "model", "method")
            if key == "method" or len({values[key] for values in columns}) > 1
        ]
        # What differs between methods alone (the number of steps) says nothing within a panel.
        seen: dict[tuple[str, str], set[Any]] = {}
        for row, values in zip(rows, columns, strict=True):
            for key, value in values.items():
                seen.setdefault((self.panel(row), key), set()).add(value)
        without = {*self._panel_keys, "learning_rate", "seed"}
        differing = {key for (_, key), found in seen.items() if len(found) > 1} - without
        names = dict.fromkeys(key for values in columns for key in values)
        self._series_keys = [key for key in names if key in differing]

    def panel(self, row: ResultRow) -> str:
        """Return the method, and the task and the model where there are several."""
        columns = row.columns()
        return " ".join(str(columns[key]) for key in self._panel_keys)

    def series(self, row: ResultRow) -> str:
        """Return the rate, and every other value in which runs of one panel differ."""
        columns = row.columns()
        words = [short_value(row.learning_rate)]
        for key in self._series_keys:
            value = short_value(columns.get(key))
            words.append(value if key in ("purpose", "data") else f"{key} {value}")
        return " ".join(words)
