"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OverridesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY.PATH=VALUE", help="Values that replace the file's."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan; write nothing.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Number of worker processes. Default: all CPU cores.")
]
TokenizerOption = Annotated[
    Path | None, typer.Option(help="The tokenizer, if the manifest does not name one.")
]
ResultsOption = Annotated[Path, typer.Option("--results", help="The directory of all results.")]
PurposeOption = Annotated[str | None, typer.Option(help="Only the runs of this purpose.")]
ByOption = Annotated[
    str, typer.Option(help="Comma-separated columns or hyperparameters to compare by.")
]


def split_names(text: str) -> list[str]:
    """Return the names of a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]
