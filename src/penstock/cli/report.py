"""`penstock report`: one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from penstock.cli._options import ByOption, PurposeOption, ResultsOption, split_names
from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.errors import ConfigError

_RUN_OPTIONS = {"by": "--by", "purpose": "--purpose", "root": "--results"}


@handle_errors
def report(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="The HTML file to write.")] = Path("report.html"),
    by: ByOption = "method,data",
    purpose: PurposeOption = None,
    root: ResultsOption = Path("Results"),
    data: Annotated[
        list[Path] | None,
        typer.Option(help="A dataset to report on instead of runs. Can be repeated."),
    ] = None,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Write the comparison, curves, data and every configuration to one HTML file.

    With --data the report is about datasets only: their content and the findings of a check.
    """
    from penstock.report import write_data_report, write_report

    if data:
        for name, option in _RUN_OPTIONS.items():
            given = context.get_parameter_source(name)
            if given is not None and given.name != "DEFAULT":
                message = "is about runs, but --data reports on datasets; leave one of them out"
                raise ConfigError(message, field=option)
        written = write_data_report(data, target)
    else:
        written = write_report(target, root, purpose, split_names(by))
    path = str(written.resolve())
    row = {"report": path}
    Output(format, quiet).show(row, [row], lambda: [Text(path)])
