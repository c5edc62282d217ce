"""`penstock build`: carry out a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from penstock.cli._build import BuildBar, built_document, built_lines, plan_document, plan_lines
from penstock.cli._output import Format, FormatOption, Output, QuietOption, guarded
from penstock.cli._stopping import stopped_by_signals

if TYPE_CHECKING:
    from penstock.executors import Executor
    from penstock.recipes import Plan

WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="How many work at a time; default: the cores."),
]


@guarded
def build(
    recipe: Annotated[Path, typer.Argument(help="The recipe's YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY.PATH=VALUE]...", help="Values instead of the file's."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and an estimate; write nothing.")
    ] = False,
    workers: WorkersOption = None,
    executor: Annotated[
        str, typer.Option("--executor", help="Where the work is carried: local, slurm or ray.")
    ] = "local",
    options: Annotated[
        list[str] | None,
        typer.Option("--executor-option", metavar="NAME=VALUE", help="A setting of the executor."),
    ] = None,
    format: FormatOption = Format.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Build a dataset: source, steps, format.

    A build that was interrupted goes on from its finished input splits, and yields the same bytes.
    """
    from penstock.executors import executor as executor_named
    from penstock.recipes import load_recipe

    output = Output(format, quiet)
    plan = load_recipe(recipe, overrides or ())
    carrier = executor_named(executor, workers, _settings(options or ()))
    if dry_run:
        show_plan(plan, output, carrier)
    else:
        carry_and_show(plan, output, carrier)


def show_plan(plan: Plan, output: Output, carrier: Executor) -> None:
    """Print what a build would do, and the script that it would submit."""
    from penstock.recipes import estimate

    expected = None if plan.done else estimate(plan)
    document = {**plan_document(plan, expected), "script": carrier.render(plan.input_splits)}
    script = [escape(document["script"])] if document["script"] else []
    output.show(document, [document], lambda: [*plan_lines(plan, expected), *script])


def carry_and_show(plan: Plan, output: Output, carrier: Executor) -> None:
    """Carry out a plan with progress, and print what was built."""
    from penstock.recipes import carry_out

    if plan.finished:
        output.hint(
            f"{len(plan.finished)} of {len(plan.input_splits)} input splits are finished already"
        )
    try:
        with stopped_by_signals(), BuildBar(output) as bar:
            built = carry_out(plan, carrier, bar.heard)
    except KeyboardInterrupt:
        output.hint("the same command goes on from the finished input splits")
        raise
    document = built_document(built, bar.seconds)
    output.show(document, [document], lambda: built_lines(built, bar.seconds))


def _settings(options: Sequence[str]) -> dict[str, Any]:
    """Return `NAME=VALUE` options as plain data."""
    from penstock.config import Document, apply_overrides

    document = Document({}, "command line")
    apply_overrides(document, options)
    return document.data
