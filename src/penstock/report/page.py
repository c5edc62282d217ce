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
from penstock.report.charts import comparison_chart, curve_chart, histogram_chart
from penstock.report.compare import Comparison, compare_rows
from penstock.report.curves import curves_of
from penstock.report.data import UsedData, named_data, used_data
from penstock.report.histograms import DRAWN
from penstock.report.results import ResultRow, results
from penstock.report.tables import comparison_cells

#: What the bundle's module offers to the page's own script.
_GLOBALS = "window.vegaEmbed = vegaEmbed;"
#: What is said above the scores of runs.
_CHOSEN = "Learning rates and checkpoints are chosen on dev rows; scores are of evaluation rows."
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
    return _write(
        target,
        place=purpose or str(root),
        about=f"{_states(rows)}. {_CHOSEN}",
        charts=list(_charts(rows, comparison)),
        datasets=used_data(rows),
        comparison=comparison,
        cells=comparison_cells(comparison) if comparison else [],
        runs=[
            {"row": row, "yaml": experiment_yaml(row.record.config, row.directory)} for row in rows
        ],
    )


def write_data_report(datasets: Sequence[Path | str], target: Path | str = "report.html") -> Path:
    """Write a report of datasets alone: what they hold, and what a check finds.

    Raises ConfigError for one that is not there, and where the file cannot be written.
    """
    paths = [Path(path) for path in datasets]
    return _write(
        Path(target),
        place=", ".join(map(str, paths)),
        about=plural(len(paths), "dataset"),
        charts=[],
        datasets=named_data(paths),
        comparison=None,
        cells=[],
        runs=[],
    )


def _write(
    target: Path, charts: Sequence[_Chart], datasets: Sequence[UsedData], **words: Any
) -> Path:
    """Write the page; raises ConfigError where that cannot be done."""
    drawn = {data.path: list(_data_charts(number, data)) for number, data in enumerate(datasets)}
    every = [*charts, *(chart for found in drawn.values() for chart in found)]
    page = _template().render(
        version=__version__,
        charts=charts,
        datasets=datasets,
        drawn=drawn,
        every_chart=every,
        scripts=_vega_scripts() if every else "",
        **words,
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
        guessed = any(contender.chance is not None for contender in comparison.contenders)
        hint = "Red: what guessing scores." if guessed else ""
        if any(contender.deviation is not None for contender in comparison.contenders):
            hint += " Orange: one deviation over the seeds to either side."
        spec = comparison_chart(comparison)
        yield _Chart("comparison", "Evaluation scores", hint, _script_json(spec))
    for metric, title in (("loss", "Training loss"), ("dev_score", "Dev score")):
        curves = curves_of(rows, metric)
        if curves is not None:
            hint = "Click on names in the legend to single their runs out."
            yield _Chart(metric, title, hint, _script_json(curve_chart(curves)))


def _data_charts(number: int, data: UsedData) -> Iterator[_Chart]:
    """Yield the charts of a dataset, the page's number of it in their names."""
    for histograms in data.histograms:
        hint = f"Each line is drawn to where {DRAWN:.1%} of its rows are, or further."
        spec = _script_json(histogram_chart(histograms))
        yield _Chart(f"data{number}-{histograms.unit}", histograms.title, hint, spec)


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
