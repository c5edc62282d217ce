"""One self-contained HTML file: comparison, curves, data findings, and every configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock._version import __version__
from penstock.checks import check
from penstock.config import short_number
from penstock.errors import ConfigError, MissingExtraError
from penstock.experiments.carrying import experiment_yaml
from penstock.files import write_atomic
from penstock.findings import DatasetFindings
from penstock.report.charts import comparison_chart, curve_chart
from penstock.report.compare import compare_rows
from penstock.report.results import ResultRow, results
from penstock.runs import State

#: What the bundle's module offers to the page's own script.
_GLOBALS = "window.vegaEmbed = vegaEmbed;"
_TEMPLATE = Path(__file__).with_name("page.html.j2")


@dataclass(frozen=True)
class _Chart:
    """A chart, and the words for those who cannot see it."""

    id: str
    title: str
    spec: str


def write_report(
    target: Path | str = "report.html",
    root: Path | str = "Results",
    purpose: str | None = None,
    by: Sequence[str] = ("method", "data"),
) -> Path:
    """Write the report of the runs below `root`; return where it lies.

    The file needs no network: scripts and charts are in it. Raises ConfigError when there are no
    runs.
    """
    rows = results(root, purpose)
    if not rows:
        raise ConfigError("holds no runs", file=Path(root) / (purpose or ""))
    done = [row for row in rows if row.record.state is State.DONE]
    comparison = compare_rows(rows, by, str(root)) if done else None
    charts = [
        _Chart("comparison", "Evaluation scores", _script_json(comparison_chart(comparison)))
        for comparison in ([comparison] if comparison else [])
    ]
    for metric, title in (("loss", "Training loss"), ("dev_score", "Dev score")):
        spec = curve_chart(rows, metric, title.lower())
        if spec is not None:
            charts.append(_Chart(metric, title, _script_json(spec)))
    page = _template().render(
        version=__version__,
        place=purpose or str(root),
        rows=[{**row.to_dict(), "yaml": experiment_yaml(row.record.config)} for row in rows],
        comparison=comparison,
        charts=charts,
        datasets=_findings(rows),
        scripts=_vega_scripts() if charts else "",
    )
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, page)
    return target


def _findings(rows: Sequence[ResultRow]) -> list[DatasetFindings]:
    """Check every dataset that a run used and that is still there, against its original if any."""
    pairs: dict[str, str | None] = {}
    for row in rows:
        data = row.record.config.data
        for path in (data.path, data.original):
            if path is not None:
                pairs.setdefault(path, None)
        if data.synthetic is not None:
            pairs[data.synthetic] = data.original
    return [
        dataset
        for path, original in pairs.items()
        if Path(path).is_dir()
        for dataset in check(path, against=original).datasets
        if Path(dataset.path) == Path(path)
    ]


def _template() -> Any:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError:
        raise MissingExtraError("jinja2", "report", "the report") from None
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = short_number
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def _script_json(spec: dict[str, Any]) -> str:
    """Return JSON that can stand in a script element."""
    return json.dumps(spec).replace("<", "\\u003c")


def _vega_scripts() -> str:
    try:
        import vl_convert
    except ImportError:
        raise MissingExtraError("vl-convert-python", "report", "the report") from None
    bundle: str = vl_convert.javascript_bundle(_GLOBALS)
    return bundle.replace("</script", "<\\/script")
