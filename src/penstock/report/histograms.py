"""The histograms of a dataset, as the step `statistics` left them, ready to be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from penstock.manifest import Manifest
from penstock.steps import histogram_bins

_EDIT = "edit"
#: Of each unit that is measured: what its chart is called, its axes, and the width that a density
#: is by.
_UNITS = {
    "words": ("Lengths in words", "words", "% of rows, by word", 1),
    "characters": ("Lengths in characters", "characters", "% of rows, by character", 1),
    _EDIT: ("Edit distance", "words that differ, as a share", "% of rows, by 0.05", 0.05),
}
#: A panel is wide enough for this share of the rows of each of its lines.
DRAWN = 0.995

#: Lower edge, upper edge, rows.
Bin = tuple[float, float, int]


@dataclass(frozen=True)
class Histograms:
    """The histograms of one unit: a panel a field, and a line a split and source.

    A point has `value`, `density` (percent of the line's rows), `panel` and `series`; the line
    keeps a density up to the next point.
    """

    unit: str
    title: str
    value_title: str
    density_title: str
    points: list[dict[str, Any]]
    series: list[str]

    @property
    def panels(self) -> int:
        """How many panels there are."""
        return len({point["panel"] for point in self.points})


def histograms_of(manifest: Manifest) -> Iterator[Histograms]:
    """Yield the histograms of each unit that was measured, none where nothing was."""
    groups = [each for each in manifest.statistics.get("groups", ()) if each["source"] is not None]
    several = len({group["source"] for group in groups}) > 1
    named = {
        f"{group['split']} {group['source']}" if several else group["split"]: group["measures"]
        for group in groups
    }
    measured = list(dict.fromkeys(name for measures in named.values() for name in measures))
    for unit, (title, value_title, density_title, width) in _UNITS.items():
        points = [
            point
            for name in measured
            if name.rpartition(".")[2] == unit
            for point in _points(name, named, width)
        ]
        if points:
            yield Histograms(unit, title, value_title, density_title, points, list(named))


def _points(
    name: str, named: Mapping[str, Mapping[str, Any]], width: float
) -> Iterator[dict[str, Any]]:
    """Yield the points of one measure, up to where nearly all rows of each line are drawn."""
    lines = {
        series: histogram_bins(measures[name]["histogram"]) for series, measures in named.items()
    }
    end = max(_end(bins) for bins in lines.values())
    panel = name.rpartition(".")[0]
    for series, bins in lines.items():
        rows = sum(count for _, _, count in bins)
        for low, high, count in _without_gaps([each for each in bins if each[0] < end]):
            density = 100 * count / rows * width / (high - low) if count else 0
            yield {"panel": panel, "series": series, "value": low, "density": round(density, 4)}


def _end(bins: Sequence[Bin]) -> float:
    """Return the upper edge below which nearly all rows are."""
    seen = list(accumulate(count for _, _, count in bins))
    return next(
        high for (_, high, _), count in zip(bins, seen, strict=True) if count >= DRAWN * seen[-1]
    )


def _without_gaps(bins: Sequence[Bin]) -> Iterator[Bin]:
    """Yield the bins with an empty one wherever none follows."""
    low = bins[0][0]
    yield low, low, 0
    for one, other in pairwise(bins):
        yield one
        if one[1] < other[0]:
            yield one[1], other[0], 0
    yield bins[-1]
    yield bins[-1][1], bins[-1][1], 0
