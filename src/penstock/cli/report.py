"""`penstock report`: one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.cli._runs import ByOption, PurposeOption, ResultsOption, split_names
from penstock.errors import ConfigError


@handle_errors
def report(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="The HTML file to write.")] = Path("report.html"),
    by: ByOption = "method,data",
    purpose: PurposeOption = None,
    root: ResultsOption = Path("Results"),
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", help="A dataset to report on instead of runs. Can be repeated."),
    ] = None,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Write the comparison, curves, data and every configuration to one HTML file.

    With --data the report is about datasets only: their content and the findings of a check.
    """
    from penstock.report import write_data_report, write_report

    if data:
        _refuse_options_of_runs(context)
    written = (
        write_data_report(data, target)
        if data
        else write_report(target, root, purpose, split_names(by))
    )
    path = str(written.resolve())
    row = {"report": path}
    Output(format, quiet).show(row, [row], lambda: [Text(path)])


def _refuse_options_of_runs(context: typer.Context) -> None:
    """Raise ConfigError for an option that a report of datasets would not heed."""
    for name, option in {"by": "--by", "purpose": "--purpose", "root": "--results"}.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise ConfigError(
                "says which runs to report on, and --data reports on none; leave one of them out",
                field=option,
            )
