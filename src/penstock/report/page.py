"""One self-contained HTML file: comparison, curves, data findings, and every configuration."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from penstock._version import __version__
from penstock.config import short_value
from penstock.errors import ConfigError, MissingExtraError
from penstock.experiments import experiment_yaml
from penstock.files import plural, write_atomic
from penstock.report.charts import comparison_chart, curve_chart
from penstock.report.compare import Comparison, compare_rows
from penstock.report.curves import curves_of
from penstock.report.data import used_data
from penstock.report.results import ResultRow, results
from penstock.report.tables import comparison_cells

#: What the bundle's module offers to the page's own script.
_GLOBALS = "window.vegaEmbed = vegaEmbed;"
_TEMPLATE = Path(__file__).with_name("page.html.j2")


@dataclass(frozen=True)
class _Chart:
    """A chart, the words above it, and its specification as text for a script element."""

    id: str
    title: str
    hint: str
    spec: str


def write_report(
    target: Path | str = "report.html",
    root: Path | str = "Results",
    purpose: str | None = None,
    by: Sequence[str] = ("method", "data"),
) -> Path:
    """Write the report of the runs below `root`; return where it lies.

    The file needs no network: scripts and charts are in it. Raises ConfigError when there are no
    runs, for a name in `by` that runs have not, and where the file cannot be written.
    """
    target, place = Path(target), Path(root) / (purpose or "")
    rows = results(root, purpose)
    if not rows:
        raise ConfigError("holds no runs", file=place)
    comparison = compare_rows(rows, by, place) if any(row.done for row in rows) else None
    charts = list(_charts(rows, comparison))
    page = _template().render(
        version=__version__,
        place=purpose or str(root),
        states=_states(rows),
        runs=[{"row": row, "yaml": experiment_yaml(row.record.config)} for row in rows],
        comparison=comparison,
        cells=comparison_cells(comparison) if comparison else [],
        charts=charts,
        datasets=used_data(rows),
        scripts=_vega_scripts() if charts else "",
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, page)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=target) from None
    return target


def _states(rows: Sequence[ResultRow]) -> str:
    """Return how many runs there are, and how many in each state."""
    counts = Counter(row.record.state.value for row in rows)
    return f"{plural(len(rows), 'run')}: {', '.join(f'{n} {s}' for s, n in counts.items())}"


def _charts(rows: Sequence[ResultRow], comparison: Comparison | None) -> Iterator[_Chart]:
    if comparison:
        hint = "Red: what guessing scores."
        if any(contender.deviation is not None for contender in comparison.contenders):
            hint += " Orange: one deviation over the seeds to either side."
        spec = comparison_chart(comparison)
        yield _Chart("comparison", "Evaluation scores", hint, _script_json(spec))
    for metric, title in (("loss", "Training loss"), ("dev_score", "Dev score")):
        curves = curves_of(rows, metric)
        if curves is not None:
            hint = "Click on names in the legend to single their runs out."
            yield _Chart(metric, title, hint, _script_json(curve_chart(curves)))


def _template() -> Any:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError:
        raise MissingExtraError("jinja2", "report", "the report") from None
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["short"] = short_value
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def _script_json(spec: dict[str, Any]) -> str:
    """Return JSON that can stand in a script element."""
    return json.dumps(spec, allow_nan=False).replace("<", "\\u003c")


@cache
def _vega_scripts() -> str:
    """Return Vega-Embed with all it needs as the text of a module; making it takes a second."""
    try:
        import vl_convert
    except ImportError:
        raise MissingExtraError("vl-convert-python", "report", "the report") from None
    bundle: str = vl_convert.javascript_bundle(_GLOBALS)
    return bundle.replace("</script", "<\\/script")
