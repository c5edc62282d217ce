"""`penstock weights`: rebuild the weights of a run as a full model."""

from __future__ import annotations

import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors


@handle_errors
def weights(
    run: Annotated[Path, typer.Argument(help="The directory of a finished run.")],
    target: Annotated[Path, typer.Argument(help="The directory for the model.")],
    step: Annotated[
        int | None, typer.Option(min=0, help="The step, for runs with the method zo.")
    ] = None,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Rebuild the weights of a run as a full model, by default those of its best step."""
    # Users cannot fix deprecation warnings between the trainer's libraries.
    warnings.filterwarnings("ignore", category=FutureWarning)
    # Some libraries print while they are imported (DeepSpeed does); stdout is for the result.
    with redirect_stdout(sys.stderr):
        from penstock.training.weights import rebuild_weights

        rebuilt = rebuild_weights(run, target, step)
    model = str(target.resolve())
    row = {"model": model, "step": rebuilt}
    Output(format, quiet).show(row, [row], lambda: [f"{escape(model)}  [dim]step {rebuilt}[/]"])
