"""`penstock report`: one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli._output import Format, FormatOption, Output, guarded
from penstock.cli.compare import ByOption, split_names
from penstock.cli.results import PurposeOption, ResultsOption


@guarded
def report(
    target: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("report.html"),
    by: ByOption = "method,data",
    purpose: PurposeOption = None,
    root: ResultsOption = Path("Results"),
    format: FormatOption = Format.HUMAN,
) -> None:
    """Write comparison, curves, data findings and every configuration into one HTML file."""
    from penstock.report import write_report

    path = write_report(target, root, purpose, split_names(by))
    row = {"report": str(path.resolve())}
    Output(format).show(row, [row], lambda: [str(path.resolve())])
