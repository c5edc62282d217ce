"""`penstock build`: run a recipe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from penstock.cli._build import (
    build_progress,
    built_document,
    built_lines,
    plan_document,
    plan_lines,
)
from penstock.cli._output import (
    FormatOption,
    Output,
    OutputFormat,
    QuietOption,
    handle_errors,
    interrupt_on_signals,
)

if TYPE_CHECKING:
    from penstock.executors import Executor
    from penstock.recipes import BuildPlan

WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Number of worker processes. Default: all CPU cores."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the plan and an estimate, and write nothing.")
]


@handle_errors
def build(
    recipe: Annotated[Path, typer.Argument(help="The recipe's YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY.PATH=VALUE", help="Values that replace the file's."),
    ] = None,
    dry_run: DryRunOption = False,
    workers: WorkersOption = None,
    executor: Annotated[
        str, typer.Option("--executor", help="Where the build runs: local, slurm or ray.")
    ] = "local",
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--executor-option",
            metavar="NAME=VALUE",
            help="A setting of the executor. Can be repeated.",
        ),
    ] = None,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Build a dataset from a recipe: source, steps, output format.

    Run the same command again to resume an interrupted build; the bytes are the same.
    """
    from penstock.executors import executor as load_executor
    from penstock.recipes import load_recipe

    output = Output(format, quiet)
    plan = load_recipe(recipe, overrides or ())
    runner = load_executor(executor, workers, _settings(options or ()))
    (show_plan if dry_run else run_plan)(plan, output, runner)


def show_plan(plan: BuildPlan, output: Output, executor: Executor) -> None:
    """Print what a build would do, and the job script that it would submit."""
    from penstock.recipes import estimate

    expected = None if plan.done else estimate(plan)
    document = {**plan_document(plan, expected), "script": executor.render(plan.input_splits)}
    script = [escape(document["script"])] if document["script"] else []
    output.show(document, [document], lambda: [*plan_lines(plan, expected), *script])


def run_plan(plan: BuildPlan, output: Output, executor: Executor) -> None:
    """Run a build with a progress bar, and print its result."""
    from penstock.recipes import execute

    if plan.finished:
        output.hint(f"{len(plan.finished)} of {len(plan.input_splits)} input splits already built")
    start = time.perf_counter()
    try:
        with interrupt_on_signals(), build_progress(output) as on_progress:
            built = execute(plan, executor, on_progress)
    except KeyboardInterrupt:
        output.hint("run the same command again to resume from the finished input splits")
        raise
    seconds = time.perf_counter() - start
    document = built_document(built, seconds)
    output.show(document, [document], lambda: built_lines(built, seconds))


def _settings(options: Sequence[str]) -> dict[str, Any]:
    """Return `NAME=VALUE` options as a mapping."""
    from penstock.config import Document, apply_overrides

    document = Document({}, "command line")
    apply_overrides(document, options)
    return document.data
