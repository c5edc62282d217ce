"""One self-contained HTML file: comparison, curves, datasets, and every configuration."""

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
from penstock.errors import ConfigError
from penstock.experiments import experiment_yaml
from penstock.files import plural, write_atomic
from penstock.report.chart_data import DRAWN_SHARE, curves_of
from penstock.report.charts import comparison_chart, curve_chart, histogram_chart, import_library
from penstock.report.compare import Comparison, compare_rows
from penstock.report.datasets import ReportedDataset, datasets_at, datasets_of_runs
from penstock.report.results import ResultRow, results
from penstock.report.tables import comparison_cells

#: Makes the bundle's function available to the page's own script.
_GLOBALS = "window.vegaEmbed = vegaEmbed;"
_HOW_CHOSEN = "Settings and checkpoints are chosen on dev rows; scores are of evaluation rows."
_TEMPLATE = Path(__file__).with_name("page.html.j2")


@dataclass(frozen=True)
class _Chart:
    """A chart; `spec` is its JSON, escaped for a script element."""

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
    """Write the report of the runs below `root`; return its path.

    The file contains every script and chart and needs no network. Raises ConfigError if there are
    no runs, for a name in `by` that no run has, and if the file cannot be written.
    """
    directory = Path(root) / (purpose or "")
    rows = results(root, purpose)
    if not rows:
        raise ConfigError("holds no runs", file=directory)
    comparison = compare_rows(rows, by, directory) if any(row.done for row in rows) else None
    states = Counter(row.record.state.value for row in rows)
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    return _write(
        Path(target),
        title=purpose or str(root),
        about=f"{plural(len(rows), 'run')}: {counts}. {_HOW_CHOSEN}",
        charts=list(_charts(rows, comparison)),
        datasets=datasets_of_runs(rows),
        comparison=comparison,
        cells=comparison_cells(comparison) if comparison else [],
        runs=[
            {"row": row, "yaml": experiment_yaml(row.record.config, row.directory)} for row in rows
        ],
    )


def write_data_report(datasets: Sequence[Path | str], target: Path | str = "report.html") -> Path:
    """Write a report of datasets only, with their contents and findings; return its path.

    Raises ConfigError for a dataset that does not exist, and if the file cannot be written.
    """
    paths = [Path(path) for path in datasets]
    title, about = ", ".join(map(str, paths)), plural(len(paths), "dataset")
    return _write(Path(target), [], datasets_at(paths), title=title, about=about)


def _write(
    target: Path, charts: Sequence[_Chart], datasets: Sequence[ReportedDataset], **values: Any
) -> Path:
    """Render the page; `values` are the other variables of the template."""
    hint = f"Each line covers at least {DRAWN_SHARE:.1%} of its rows."
    data_charts = {
        dataset.path: [
            _Chart(f"data{number}-{h.name}", h.title, hint, _script_json(histogram_chart(h)))
            for h in dataset.histograms
        ]
        for number, dataset in enumerate(datasets)
    }
    every = [*charts, *(chart for drawn in data_charts.values() for chart in drawn)]
    page = _template().render(
        version=__version__,
        charts=charts,
        datasets=datasets,
        data_charts=data_charts,
        every_chart=every,
        scripts=_vega_scripts() if every else "",
        **{"comparison": None, "runs": [], **values},
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, page)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=target) from None
    return target


def _charts(rows: Sequence[ResultRow], comparison: Comparison | None) -> Iterator[_Chart]:
    if comparison:
        hints = []
        if any(candidate.chance is not None for candidate in comparison.candidates):
            hints.append("Red: the score of guessing.")
        if any(candidate.deviation is not None for candidate in comparison.candidates):
            hints.append("Orange: one standard deviation over the seeds.")
        spec = _script_json(comparison_chart(comparison))
        yield _Chart("comparison", "Evaluation scores", " ".join(hints), spec)
    for metric, title in (("loss", "Training loss"), ("dev_score", "Dev score")):
        if data := curves_of(rows, metric, title):
            hint = "Click a name in the legend to highlight its runs."
            yield _Chart(data.name, data.title, hint, _script_json(curve_chart(data)))


def _template() -> Any:
    jinja2 = import_library("jinja2")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["short"] = short_value
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def _script_json(spec: dict[str, Any]) -> str:
    """Return JSON that is safe inside a script element."""
    return json.dumps(spec, allow_nan=False).replace("<", "\\u003c")


@cache
def _vega_scripts() -> str:
    """Return Vega-Embed with its dependencies as a JavaScript module; bundling takes a second."""
    vl_convert = import_library("vl_convert", "vl-convert-python")
    bundle: str = vl_convert.javascript_bundle(_GLOBALS)
    return bundle.replace("</script", "<\\/script")
