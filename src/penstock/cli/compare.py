"""`penstock compare`: which method, data or model is better."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._output import Format, Output, guarded, number, table
from penstock.cli.results import PurposeOption, ResultsOption

if TYPE_CHECKING:
    from penstock.report import Comparison


class CompareFormat(StrEnum):
    """How a comparison is printed."""

    HUMAN = "human"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    LATEX = "latex"


ByOption = Annotated[
    str, typer.Option("--by", help="What to compare by: columns or hyperparameters, with commas.")
]


@guarded
def compare(
    by: ByOption = "method,data",
    purpose: PurposeOption = None,
    root: ResultsOption = Path("Results"),
    format: Annotated[
        CompareFormat, typer.Option("--format", help="How the table is printed.")
    ] = CompareFormat.HUMAN,
) -> None:
    """Compare the runs that are done: rates chosen on dev rows, scores of evaluation rows."""
    from penstock.report import compare as compare_runs
    from penstock.report.compare import to_latex

    comparison = compare_runs(root, purpose, split_names(by))
    if format is CompareFormat.LATEX:
        typer.echo(to_latex(comparison))
        return
    output = Output(Format(format.value))
    rows = comparison.to_rows()
    document = {"by": comparison.by, "contenders": rows, "notes": comparison.notes}
    output.show(document, rows, lambda: comparison_tables(comparison))


def split_names(text: str) -> list[str]:
    """Return the names of a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def comparison_tables(comparison: Comparison) -> list[RenderableType]:
    """Return the comparison for people."""
    columns = [
        *comparison.by,
        "rate",
        "cells",
        "seeds",
        "dev",
        "score",
        "chance",
        "above chance",
        "rows",
    ]
    rows = []
    for contender in comparison.contenders:
        score = f"{contender.score:.3f}"
        if contender.deviation is not None:
            score += f" ± {contender.deviation:.3f}"
        verdict = None
        if contender.p_value is not None:
            verdict = f"{'yes' if contender.above_chance else 'no'} (p = {contender.p_value:.2g})"
        rows.append(
            [
                *(contender.group[key] for key in comparison.by),
                number(contender.learning_rate),
                contender.cells,
                contender.seeds,
                f"{contender.dev_score:.3f}",
                score,
                f"{contender.chance:.3f}",
                verdict,
                contender.rows,
            ]
        )
    unfinished = sum(contender.unfinished for contender in comparison.contenders)
    notes = [*comparison.notes]
    if unfinished:
        notes.append(f"{unfinished} runs of these groups are not done and not counted")
    return [table(columns, rows), *(f"[yellow]note:[/] {escape(note)}" for note in notes)]
