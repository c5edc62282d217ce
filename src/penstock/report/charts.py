"""The charts of the report, as Vega-Lite specifications."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from penstock.config import short_value
from penstock.errors import MissingExtraError
from penstock.report.compare import Comparison
from penstock.report.results import ResultRow
from penstock.report.tables import with_deviation

#: The width of a panel where one, two, or more stand side by side, in pixels.
_WIDTHS = {1: 900, 2: 450}
_WIDTH = 290
_HEIGHT = 230
#: A curve keeps at most this many points; the report stays small however long the runs were.
_POINTS = 400
#: Up to this many points of a curve are seen as dots.
_DOTTED = 30


def comparison_chart(comparison: Comparison) -> dict[str, Any]:
    """Return bars of the evaluation scores, with deviation, and a tick at chance."""
    alt = _altair()
    rows = [
        {
            "contender": " ".join(short_value(value) for value in contender.group.values()),
            "score": contender.score,
            "low": contender.score - (contender.deviation or 0),
            "high": contender.score + (contender.deviation or 0),
            "text": with_deviation(contender.score, contender.deviation),
            "chance": contender.chance,
            "rate": short_value(contender.learning_rate),
            "seeds": contender.seeds,
        }
        for contender in comparison.contenders
    ]
    tooltip = ["contender:N", "score:Q", "chance:Q", "rate:N", "seeds:Q"]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("contender:N", sort=None, title=None, axis=alt.Axis(labelLimit=400)),
        tooltip=tooltip,
    )
    score = alt.X("score:Q", title="evaluation score", scale=alt.Scale(domain=[0, 1]))
    layers = alt.layer(
        base.mark_bar(color="#4c78a8", height=18).encode(x=score),
        base.mark_rule(color="#e8a33d", strokeWidth=3).encode(x="low:Q", x2="high:Q"),
        base.mark_tick(color="#e45756", thickness=3, size=22).encode(x="chance:Q"),
        base.mark_text(align="left", dx=6).encode(x="high:Q", text="text:N"),
    )
    return _spec(layers.properties(width=_WIDTHS[1] - 150, height=alt.Step(30)))


def curve_chart(rows: Sequence[ResultRow], metric: str) -> dict[str, Any] | None:
    """Return one line a run of a metric over the steps; None where no run has the metric.

    Each method (task, model) has a panel with steps of its own; the colour says the rate, the data
    and what else differs. A click on the legend leaves its runs standing out.
    """
    alt = _altair()
    labels = _Labels(rows)
    points = [
        {
            "step": point["step"],
            "value": point[metric],
            "panel": labels.panel(row),
            "series": labels.series(row),
            "seed": row.columns().get("seed"),
            "run": str(row.directory.path),
        }
        for row in rows
        for point in _thinned([p for p in row.directory.metrics() if p.get(metric) is not None])
    ]
    if not points:
        return None
    panels = len({point["panel"] for point in points})
    by_rate = sorted(rows, key=lambda row: row.learning_rate)
    series = list(dict.fromkeys(labels.series(row) for row in by_rate))
    longest = max(Counter(point["run"] for point in points).values())
    chosen = alt.selection_point(fields=["series"], bind="legend", toggle="true")
    legend = alt.Legend(orient="bottom", columns=6, labelLimit=300, symbolType="stroke")
    lines = (
        alt.Chart()
        .mark_line(point=alt.OverlayMarkDef(size=16) if longest <= _DOTTED else False)
        .encode(
            x=alt.X("step:Q", title="step", axis=alt.Axis(tickCount=5)),
            y=alt.Y("value:Q", title=metric.replace("_", " "), scale=alt.Scale(zero=False)),
            color=alt.Color("series:N", title=None, sort=series, legend=legend),
            detail="run:N",
            opacity=alt.condition(chosen, alt.value(1), alt.value(0.1)),
            tooltip=["series:N", "seed:N", "step:Q", "value:Q", "run:N"],
        )
        .add_params(chosen)
        .properties(width=_WIDTHS.get(panels, _WIDTH), height=_HEIGHT)
    )
    head = alt.Header(title=None, labelFontWeight="bold", labelLimit=400)
    facet = alt.Facet("panel:N", sort=None, header=head)
    chart = lines.facet(facet, data=alt.Data(values=points), columns=3)
    return _spec(chart.resolve_scale(x="independent"))


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


def _thinned(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every n-th point, and the last."""
    step = -(-len(points) // _POINTS) or 1
    return points[::step] + (points[-1:] if (len(points) - 1) % step else [])


def _spec(chart: Any) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(chart.to_json())
    return spec


def _altair() -> Any:
    try:
        import altair
    except ImportError:
        raise MissingExtraError("altair", "report", "the report") from None
    return altair
