"""The charts of the report as Vega-Lite specifications."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from typing import Any

from penstock.config import short_value
from penstock.errors import MissingExtraError
from penstock.report.chart_data import LineChartData
from penstock.report.compare import Comparison
from penstock.report.tables import with_deviation
from penstock.runs import lower_is_better

#: Width of each panel in pixels, by the number of panels; `_WIDTH` for three or more.
_WIDTHS = {1: 900, 2: 450}
_WIDTH = 290
_HEIGHT = 230
#: Curves of at most this many points have dots.
_MAX_DOTS = 30
_DATA = "rows"


def comparison_chart(comparison: Comparison) -> dict[str, Any]:
    """Return bars of the evaluation scores with their deviation, and a tick at chance.

    Shares are drawn on an axis from 0 to 1, losses from 0 to the largest.
    """
    alt = import_library("altair")
    rows = [
        {
            "candidate": " ".join(short_value(value) for value in candidate.group.values()),
            "score": candidate.score,
            "low": candidate.score - (candidate.deviation or 0),
            "high": candidate.score + (candidate.deviation or 0),
            "text": with_deviation(candidate.score, candidate.deviation),
            "chance": candidate.chance,
            "learning rate": short_value(candidate.learning_rate),
            "seeds": candidate.seeds,
        }
        for candidate in comparison.candidates
    ]
    base = alt.Chart(alt.NamedData(_DATA)).encode(
        y=alt.Y("candidate:N", sort=None, title=None, axis=alt.Axis(labelLimit=400)),
        tooltip=["candidate:N", "score:Q", "chance:Q", "learning rate:N", "seeds:Q"],
    )
    name = comparison.score_name
    title = f"evaluation {name} (lower is better)" if lower_is_better(name) else "evaluation score"
    has_losses = any(lower_is_better(candidate.metric) for candidate in comparison.candidates)
    scale = alt.Scale(zero=True) if has_losses else alt.Scale(domain=[0, 1])
    score = alt.X("score:Q", title=title, scale=scale)
    layers = alt.layer(
        base.mark_bar(color="#4c78a8", height=18).encode(x=score),
        base.mark_rule(color="#e8a33d", strokeWidth=3).encode(x="low:Q", x2="high:Q"),
        base.mark_tick(color="#e45756", thickness=3, size=22).encode(x="chance:Q"),
        base.mark_text(align="left", dx=6).encode(x="high:Q", text="text:N"),
    )
    return _spec(layers.properties(width=_WIDTHS[1] - 150, height=alt.Step(30)), rows)


def curve_chart(data: LineChartData) -> dict[str, Any]:
    """Return one line per run; each panel has its own step axis."""
    alt = import_library("altair")
    longest = max(Counter(point["run"] for point in data.points).values())
    dots = alt.OverlayMarkDef(size=16) if longest <= _MAX_DOTS else False
    lines = (
        alt.Chart()
        .mark_line(point=dots)
        .encode(
            x=alt.X("step:Q", title=data.x_title, axis=alt.Axis(tickCount=5)),
            y=alt.Y("value:Q", title=data.y_title, scale=alt.Scale(zero=False)),
            detail="run:N",
            tooltip=["series:N", "seed:N", "step:Q", "value:Q", "run:N"],
        )
    )
    return _spec(_in_panels(lines, data, 6).resolve_scale(x="independent"), data.points)


def histogram_chart(data: LineChartData) -> dict[str, Any]:
    """Return the outline of every histogram."""
    alt = import_library("altair")
    lines = (
        alt.Chart()
        .mark_line(interpolate="step-after")
        .encode(
            x=alt.X("value:Q", title=data.x_title),
            y=alt.Y("density:Q", title=data.y_title),
            tooltip=["series:N", "value:Q", "density:Q"],
        )
    )
    return _spec(_in_panels(lines, data, 4), data.points)


def _in_panels(lines: Any, data: LineChartData, legend_columns: int) -> Any:
    """Return lines in panels, one colour per series; a click in the legend highlights a series."""
    alt = import_library("altair")
    selected = alt.selection_point(fields=["series"], bind="legend", toggle="true")
    legend = alt.Legend(
        orient="bottom",
        columns=legend_columns,
        labelLimit=300,
        symbolType="stroke",
        symbolStrokeWidth=3,
    )
    panels = len({point["panel"] for point in data.points})
    panel = (
        lines.encode(
            color=alt.Color("series:N", title=None, sort=data.series, legend=legend),
            opacity=alt.condition(selected, alt.value(1), alt.value(0.1)),
        )
        .add_params(selected)
        .properties(width=_WIDTHS.get(panels, _WIDTH), height=_HEIGHT)
    )
    header = alt.Header(title=None, labelFontWeight="bold", labelLimit=400)
    facet = alt.Facet("panel:N", sort=None, header=header)
    return panel.facet(facet, data=alt.NamedData(_DATA), columns=3)


def _spec(chart: Any, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the specification with its data, which altair would take seconds to validate."""
    spec: dict[str, Any] = chart.to_dict()
    return {**spec, "datasets": {_DATA: rows}}


def import_library(module: str, package: str = "") -> Any:
    """Import a module of the extra `report`; raises MissingExtraError if it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtraError(package or module, "report", "the report") from None
