"""The charts of the report, as Vega-Lite specifications."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from penstock.config import short_number
from penstock.errors import MissingExtraError
from penstock.report.compare import Comparison
from penstock.report.results import ResultRow

_WIDTH = 640
_HEIGHT = 260
#: A curve keeps at most this many points; the report stays small however long the runs were.
_POINTS = 400


def comparison_chart(comparison: Comparison) -> dict[str, Any]:
    """Return bars of the evaluation scores, with deviation, and a tick at chance."""
    alt = _altair()
    rows = [
        {
            "contender": " ".join(str(value) for value in contender.group.values()),
            "score": contender.score,
            "low": contender.score - (contender.deviation or 0),
            "high": contender.score + (contender.deviation or 0),
            "chance": contender.chance,
            "rate": short_number(contender.learning_rate),
            "seeds": contender.seeds,
        }
        for contender in comparison.contenders
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("contender:N", sort=[row["contender"] for row in rows], title=None)
    )
    score = alt.X("score:Q", title="evaluation score", scale=alt.Scale(domain=[0, 1]))
    tooltip = ["contender:N", "score:Q", "chance:Q", "rate:N", "seeds:Q"]
    layers = alt.layer(
        base.mark_bar(color="#4c78a8", height=18).encode(x=score, tooltip=tooltip),
        base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q"),
        base.mark_tick(color="#e45756", thickness=3, size=22).encode(x="chance:Q", tooltip=tooltip),
    )
    return _spec(layers.properties(width=_WIDTH, height=alt.Step(30)))


def curve_chart(rows: Sequence[ResultRow], value: str, title: str) -> dict[str, Any] | None:
    """Return one line a run of a metric over the steps; None where no run has the metric."""
    alt = _altair()
    points = [
        {
            "step": point["step"],
            "value": point[value],
            "method": row.record.config.method,
            "run": _name(row),
        }
        for row in rows
        for point in _thinned([p for p in row.directory.metrics() if value in p])
    ]
    if not points:
        return None
    chosen = alt.selection_point(fields=["run"], bind="legend")
    lines = (
        alt.Chart(alt.Data(values=points))
        .mark_line(point=len(points) < 200)
        .encode(
            x=alt.X("step:Q", title="step"),
            y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
            color=alt.Color(
                "run:N", title=None, legend=alt.Legend(columns=2, labelLimit=400, orient="bottom")
            ),
            strokeDash=alt.StrokeDash("method:N", title=None),
            opacity=alt.condition(chosen, alt.value(1), alt.value(0.12)),
            tooltip=["run:N", "step:Q", "value:Q"],
        )
        .add_params(chosen)
    )
    return _spec(lines.properties(width=_WIDTH, height=_HEIGHT))


def _name(row: ResultRow) -> str:
    config = row.record.config
    return (
        f"{config.task} {config.method} {config.data.label} {config.rate_label} "
        f"seed {config.hyperparameters.get('seed')} ({row.directory.path.name})"
    )


def _thinned(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
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
