"""The data of the charts: metric curves of runs, and histograms of datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from penstock.config import short_value
from penstock.histograms import histogram_bins
from penstock.manifest import Manifest
from penstock.report.results import ResultRow

#: The most points per curve, which bounds the size of the report for runs of any length.
_MAX_POINTS = 400
#: For each unit: chart title, axis titles, and the width in the unit that densities refer to.
_UNITS = {
    "words": ("Lengths in words", "words", "% of rows, by word", 1),
    "characters": ("Lengths in characters", "characters", "% of rows, by character", 1),
    "edit": ("Edit distance", "share of words that differ", "% of rows, by 0.05", 0.05),
}
#: Each histogram is drawn up to at least this share of its rows.
DRAWN_SHARE = 0.995

#: Lower edge, upper edge, rows.
Bin = tuple[float, float, int]


@dataclass(frozen=True)
class LineChartData:
    """The titles and points of a line chart.

    Every point has `panel` and `series`, the names of its panel and line. `series` lists those of
    all points in the order of the legend.
    """

    name: str
    title: str
    x_title: str
    y_title: str
    points: list[dict[str, Any]]
    series: list[str]


def curves_of(rows: Sequence[ResultRow], metric: str, title: str) -> LineChartData | None:
    """Return a metric over the steps of every run; None if no run has logged it.

    A point has `step`, `value`, `seed` and `run`. Panels are methods, with task and model if there
    are several; series are learning rates, with other values that differ within a panel.
    """
    labels = _curve_labels(rows)
    points = []
    for row, (panel, series) in zip(rows, labels, strict=True):
        logged = [line for line in row.directory.metrics() if line.get(metric) is not None]
        shared = {
            "panel": panel,
            "series": series,
            "seed": row.columns().get("seed"),
            "run": str(row.directory.path),
        }
        points += [
            {"step": line["step"], "value": line[metric], **shared} for line in _thinned(logged)
        ]
    if not points:
        return None
    drawn = {point["series"] for point in points}
    by_rate = sorted(zip(rows, labels, strict=True), key=lambda pair: pair[0].learning_rate)
    names = [name for name in dict.fromkeys(series for _, (_, series) in by_rate) if name in drawn]
    return LineChartData(metric, title, "step", metric.replace("_", " "), points, names)


def _thinned(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every n-th point and the last."""
    step = -(-len(points) // _MAX_POINTS) or 1
    return points[::step] + (points[-1:] if (len(points) - 1) % step else [])


def _curve_labels(rows: Sequence[ResultRow]) -> list[tuple[str, str]]:
    """Return panel and series of each run, made of the columns in which the runs differ."""
    columns = [row.columns() for row in rows]
    panel_names = [
        name
        for name in ("task", "model", "method")
        if name == "method" or len({values[name] for values in columns}) > 1
    ]
    panels = [" ".join(str(values[name]) for name in panel_names) for values in columns]
    # Series need only the columns that differ within a panel, not those that differ by method.
    seen: dict[tuple[str, str], set[Any]] = {}
    for panel, values in zip(panels, columns, strict=True):
        for name, value in values.items():
            seen.setdefault((panel, name), set()).add(value)
    differing = {name for (_, name), found in seen.items() if len(found) > 1}
    differing -= {*panel_names, "learning_rate", "seed"}
    series_names = [
        name for name in dict.fromkeys(n for v in columns for n in v) if name in differing
    ]
    labels = []
    for row, panel, values in zip(rows, panels, columns, strict=True):
        parts = [short_value(row.learning_rate)]
        for name in series_names:
            value = short_value(values.get(name))
            parts.append(value if name in ("purpose", "data") else f"{name} {value}")
        labels.append((panel, " ".join(parts)))
    return labels


def histograms_of(manifest: Manifest) -> Iterator[LineChartData]:
    """Yield the histograms of each unit that the step `statistics` has measured.

    A point has `value` and `density`, in percent of the line's rows; the density holds up to the
    next point of the line. There is a panel per field, and a line per split and source.
    """
    groups = [g for g in manifest.statistics.get("groups", ()) if g["source"] is not None]
    several = len({group["source"] for group in groups}) > 1
    measures = {
        f"{group['split']} {group['source']}" if several else group["split"]: group["measures"]
        for group in groups
    }
    names = list(dict.fromkeys(name for measured in measures.values() for name in measured))
    for unit, (title, x_title, y_title, width) in _UNITS.items():
        points = [
            point
            for name in names
            if name.rpartition(".")[2] == unit
            for point in _histogram_points(name, measures, width)
        ]
        if points:
            yield LineChartData(unit, title, x_title, y_title, points, list(measures))


def _histogram_points(
    name: str, measures: Mapping[str, Mapping[str, Any]], width: float
) -> Iterator[dict[str, Any]]:
    """Yield the points of one measure, up to the value that covers `DRAWN_SHARE` of each line."""
    lines = {
        series: histogram_bins(measured[name]["histogram"]) for series, measured in measures.items()
    }
    end = max(_covering_edge(bins) for bins in lines.values())
    panel = name.rpartition(".")[0]
    for series, bins in lines.items():
        rows = sum(count for _, _, count in bins)
        for low, high, count in _with_empty_bins([b for b in bins if b[0] < end]):
            density = 100 * count / rows * width / (high - low) if count else 0
            yield {"panel": panel, "series": series, "value": low, "density": round(density, 4)}


def _covering_edge(bins: Sequence[Bin]) -> float:
    """Return the lowest upper edge below which are `DRAWN_SHARE` of the rows."""
    cumulative = list(accumulate(count for _, _, count in bins))
    return next(
        high
        for (_, high, _), count in zip(bins, cumulative, strict=True)
        if count >= DRAWN_SHARE * cumulative[-1]
    )


def _with_empty_bins(bins: Sequence[Bin]) -> Iterator[Bin]:
    """Yield the bins, with empty ones in gaps and at both ends."""
    low = bins[0][0]
    yield low, low, 0
    for one, other in pairwise(bins):
        yield one
        if one[1] < other[0]:
            yield one[1], other[0], 0
    yield bins[-1]
    yield bins[-1][1], bins[-1][1], 0
