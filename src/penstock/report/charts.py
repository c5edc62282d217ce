"""The charts of the report, as Vega-Lite specifications."""

from __future__ import annotations

from typing import Any

from penstock.config import short_value
from penstock.errors import MissingExtraError
from penstock.report.compare import Comparison
from penstock.report.curves import Curves
from penstock.report.histograms import Histograms
from penstock.report.tables import with_deviation
from penstock.runs import less_is_better

#: The width of a panel where one, two, or more stand side by side, in pixels.
_WIDTHS = {1: 900, 2: 450}
_WIDTH = 290
_HEIGHT = 230
#: Up to this many points of a curve are seen as dots.
_DOTTED = 30
_DATA = "rows"


def comparison_chart(comparison: Comparison) -> dict[str, Any]:
    """Return bars of the evaluation scores, with deviation, and a tick at chance where it is known.

    Shares are drawn from 0 to 1, losses from 0 to the largest.
    """
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
    base = alt.Chart(alt.NamedData(_DATA)).encode(
        y=alt.Y("contender:N", sort=None, title=None, axis=alt.Axis(labelLimit=400)),
        tooltip=tooltip,
    )
    name = comparison.score_name
    title = f"evaluation {name} (less is better)" if less_is_better(name) else "evaluation score"
    scale = alt.Scale(domain=[0, 1]) if comparison.of_shares else alt.Scale(zero=True)
    score = alt.X("score:Q", title=title, scale=scale)
    layers = alt.layer(
        base.mark_bar(color="#4c78a8", height=18).encode(x=score),
        base.mark_rule(color="#e8a33d", strokeWidth=3).encode(x="low:Q", x2="high:Q"),
        base.mark_tick(color="#e45756", thickness=3, size=22).encode(x="chance:Q"),
        base.mark_text(align="left", dx=6).encode(x="high:Q", text="text:N"),
    )
    return _spec(layers.properties(width=_WIDTHS[1] - 150, height=alt.Step(30)), rows)


def curve_chart(curves: Curves) -> dict[str, Any]:
    """Return one line a run of a metric over the steps, in panels with steps of their own.

    A click on a name in the legend singles its runs out, a second one ends that.
    """
    alt = _altair()
    dotted = curves.longest <= _DOTTED
    lines = (
        alt.Chart()
        .mark_line(point=alt.OverlayMarkDef(size=16) if dotted else False)
        .encode(
            x=alt.X("step:Q", title="step", axis=alt.Axis(tickCount=5)),
            y=alt.Y("value:Q", title=curves.title, scale=alt.Scale(zero=False)),
            detail="run:N",
            tooltip=["series:N", "seed:N", "step:Q", "value:Q", "run:N"],
        )
    )
    panels = _in_panels(lines, curves, legend_columns=6)
    return _spec(panels.resolve_scale(x="independent"), curves.points)


def histogram_chart(histograms: Histograms) -> dict[str, Any]:
    """Return the outline of each histogram, in panels; a click on a name singles it out."""
    alt = _altair()
    lines = (
        alt.Chart()
        .mark_line(interpolate="step-after")
        .encode(
            x=alt.X("value:Q", title=histograms.value_title),
            y=alt.Y("density:Q", title=histograms.density_title),
            tooltip=["series:N", "value:Q", "density:Q"],
        )
    )
    return _spec(_in_panels(lines, histograms, legend_columns=4), histograms.points)


def _in_panels(lines: Any, drawn: Curves | Histograms, legend_columns: int) -> Any:
    """Return lines with a colour a series, in panels; a click on a name singles its lines out."""
    alt = _altair()
    chosen = alt.selection_point(fields=["series"], bind="legend", toggle="true")
    legend = alt.Legend(
        orient="bottom",
        columns=legend_columns,
        labelLimit=300,
        symbolType="stroke",
        symbolStrokeWidth=3,
    )
    panel = (
        lines.encode(
            color=alt.Color("series:N", title=None, sort=drawn.series, legend=legend),
            opacity=alt.condition(chosen, alt.value(1), alt.value(0.1)),
        )
        .add_params(chosen)
        .properties(width=_WIDTHS.get(drawn.panels, _WIDTH), height=_HEIGHT)
    )
    head = alt.Header(title=None, labelFontWeight="bold", labelLimit=400)
    facet = alt.Facet("panel:N", sort=None, header=head)
    return panel.facet(facet, data=alt.NamedData(_DATA), columns=3)


def _spec(chart: Any, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the specification with its data, which altair would take seconds to look through."""
    spec: dict[str, Any] = chart.to_dict()
    return {**spec, "datasets": {_DATA: rows}}


def _altair() -> Any:
    try:
        import altair
    except ImportError:
        raise MissingExtraError("altair", "report", "the report") from None
    return altair
