"""`penstock results`: every run with its state and its scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from penstock.cli._output import Format, FormatOption, Output, guarded, number, table

if TYPE_CHECKING:
    from penstock.report import ResultRow

ResultsOption = Annotated[
    Path, typer.Option("--results", help="The directory that holds every purpose.")
]
PurposeOption = Annotated[
    str | None, typer.Option("--purpose", help="Only the runs of this experiment.")
]


@guarded
def results(
    purpose: PurposeOption = None,
    detail: Annotated[
        bool, typer.Option("--detail", help="Directories, steps, times and failures too.")
    ] = False,
    root: ResultsOption = Path("Results"),
    format: FormatOption = Format.HUMAN,
) -> None:
    """List runs with their states and scores."""
    from penstock.report import results as read_results

    rows = read_results(root, purpose)
    output = Output(format)
    flat = [row.to_dict() for row in rows]
    output.show({"runs": flat}, flat, lambda: [_detailed(rows) if detail else _short(rows)])


def _short(rows: list[ResultRow]) -> RenderableType:
    columns = [
        "purpose",
        "model",
        "task",
        "method",
        "data",
        "rate",
        "seed",
        "state",
        "dev",
        "score",
    ]
    cells = [
        [
            *(d[k] for k in ("purpose", "model", "task", "method", "data")),
            number(d["learning_rate"]),
            d["seed"],
            d["state"],
            _score(d["dev_score"]),
            _score(d["score"]),
        ]
        for d in (row.to_dict() for row in rows)
    ]
    return table(columns, cells)


def _detailed(rows: list[ResultRow]) -> RenderableType:
    columns = [
        "task",
        "method",
        "data",
        "rate",
        "seed",
        "state",
        "dev",
        "score",
        "best step",
        "seconds",
        "started",
        "directory",
        "failure",
    ]
    cells = [
        [
            *(d[k] for k in ("task", "method", "data")),
            number(d["learning_rate"]),
            d["seed"],
            d["state"],
            _score(d["dev_score"]),
            _score(d["score"]),
            d["best_step"],
            None if d["seconds"] is None else round(d["seconds"]),
            d["started"],
            d["directory"],
            d["failure"],
        ]
        for d in (row.to_dict() for row in rows)
    ]
    return table(columns, cells)


def _score(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
