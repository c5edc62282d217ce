"""`penstock compare`: which method, data or model is better."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from penstock.cli._options import ByOption, PurposeOption, ResultsOption, split_names
from penstock.cli._output import Output, OutputFormat, QuietOption, handle_errors
from penstock.cli._tables import FoldingTable

if TYPE_CHECKING:
    from penstock.report import Comparison


class CompareFormat(StrEnum):
    """How a comparison is printed."""

    HUMAN = "human"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    LATEX = "latex"


@handle_errors
def compare(
    by: ByOption = "method,data",
    purpose: PurposeOption = None,
    root: ResultsOption = Path("Results"),
    format: Annotated[
        CompareFormat, typer.Option("--format", help="Format of the results on stdout.")
    ] = CompareFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Compare finished runs: learning rates chosen on dev rows, scores on evaluation rows."""
    from penstock.report import compare as compare_runs
    from penstock.report import to_latex

    comparison = compare_runs(root, purpose, split_names(by))
    latex = format is CompareFormat.LATEX
    output = Output(OutputFormat.HUMAN if latex else OutputFormat(format.value), quiet)
    output.show(
        comparison.to_dict(),
        [candidate.to_dict() for candidate in comparison.candidates],
        lambda: [Text(to_latex(comparison)) if latex else _table(comparison)],
    )
    for note in comparison.notes:
        output.hint(f"[yellow]note:[/] {escape(note)}")


def _table(comparison: Comparison) -> FoldingTable:
    from penstock.report import comparison_cells

    cells = comparison_cells(comparison)
    return FoldingTable(list(cells[0]), [list(candidate.values()) for candidate in cells])
