"""The options of every command that reads runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ResultsOption = Annotated[Path, typer.Option("--results", help="The directory of all results.")]
PurposeOption = Annotated[
    str | None, typer.Option("--purpose", help="Only the runs of this purpose.")
]
ByOption = Annotated[
    str, typer.Option("--by", help="Comma-separated columns or hyperparameters to compare by.")
]


def split_names(text: str) -> list[str]:
    """Return the names of a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]
