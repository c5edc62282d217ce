"""`penstock report`: one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from penstock.cli._output import Format, FormatOption, Output, QuietOption, guarded
from penstock.cli._runs import ByOption, PurposeOption, ResultsOption, split_names


@guarded
def report(
    target: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("report.html"),
    by: ByOption = "method,data",
    purpose: PurposeOption = None,
    root: ResultsOption = Path("Results"),
    format: FormatOption = Format.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Write comparison, curves, data findings and every configuration into one HTML file."""
    from penstock.report import write_report

    path = str(write_report(target, root, purpose, split_names(by)).resolve())
    row = {"report": path}
    Output(format, quiet).show(row, [row], lambda: [Text(path)])
