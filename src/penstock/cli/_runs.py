"""The options of every verb that reads runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ResultsOption = Annotated[Path, typer.Option("--results", help="The directory of all results.")]
PurposeOption = Annotated[
    str | None, typer.Option("--purpose", help="Only runs with this purpose.")
]
ByOption = Annotated[
    str, typer.Option("--by", help="Columns or hyperparameters to compare by, separated by commas.")
]


def split_names(text: str) -> list[str]:
    """Return the names of a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
