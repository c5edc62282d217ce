"""`penstock migrate`: old trees of task data to datasets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors

if TYPE_CHECKING:
    from penstock.migration import DatasetPlan, MigrationPlan

_COLUMNS = ("dataset", "action", "source", "destination", "sentence")


@handle_errors
def migrate(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="The old tree. It is never modified.")
    ],
    destination: Annotated[
        Path, typer.Argument(metavar="DST", help="The directory for the datasets.")
    ],
    link: Annotated[
        bool,
        typer.Option("--link/--copy", help="Create relative symbolic links instead of copies."),
    ] = False,
    pick: Annotated[
        list[str] | None,
        typer.Option(
            "--pick",
            metavar="DATASET=VERSION",
            help="The version to migrate: Copa=mezo_gpt/version_2 or Copa=mezo_gpt/latest.",
        ),
    ] = None,
    all_versions: Annotated[
        list[str] | None,
        typer.Option(
            "--all-versions",
            metavar="DATASET=DIR",
            help="Migrate each version to its own dataset: Copa=mezo_gpt.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite files with different content.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="DATASET", help="Migrate only this dataset. Can be repeated."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan, and write nothing.")
    ] = False,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Migrate an old tree of task data to datasets with manifests.

    Exits with 2 before anything is written if something is in the way.
    """
    from penstock.migration import migrate as run_migration

    plan = run_migration(
        source,
        destination,
        link=link,
        pick=_pairs(pick, "--pick"),
        all_versions=_pairs(all_versions, "--all-versions"),
        replace=replace,
        only=only or (),
        dry_run=dry_run,
    )
    output = Output(format, quiet)
    document = {"dry_run": dry_run, **plan.to_dict()}
    rows = [
        {"dataset": dataset["path"], **step}
        for dataset in document["datasets"]
        for step in dataset["steps"]
    ]
    for note in plan.notes:
        output.hint(f"[yellow]note:[/] {escape(note)}")
    output.show(document, rows, lambda: _render(plan, dry_run), columns=_COLUMNS)
    for left in plan.left_behind:
        output.hint(f"[yellow]left behind:[/] {escape(left.sentence)}")


def _pairs(values: list[str] | None, option: str) -> dict[str, str]:
    """Return `NAME=VALUE` options as a mapping."""
    pairs: dict[str, str] = {}
    for value in values or []:
        name, equals, rest = value.partition("=")
        if not (name and equals and rest):
            raise typer.BadParameter(f"'{value}' must have the form NAME=VALUE", param_hint=option)
        if name in pairs:
            raise typer.BadParameter(f"'{name}' is given twice", param_hint=option)
        pairs[name] = rest
    return pairs


def _render(plan: MigrationPlan, dry_run: bool) -> list[RenderableType]:
    lines = [_dataset_lines(dataset, dry_run) for dataset in plan.datasets]
    changed = Counter(step.action.value for step in plan.steps)
    told = ", ".join(f"{count} {action}" for action, count in sorted(changed.items()))
    ending = "nothing was written" if dry_run else "done" if plan.changed else "nothing to do"
    return [*lines, f"{told}: {ending}"]


def _dataset_lines(dataset: DatasetPlan, dry_run: bool) -> str:
    from penstock.files import plural

    version = f" from {dataset.version}" if dataset.version else ""
    rows = ", ".join(f"{split} {count:,}" for split, count in dataset.manifest.counts.items())
    head = f"[bold]{escape(str(dataset.directory))}[/]{escape(version)}  [dim]{rows} rows[/]"
    if not dataset.changed:
        return f"{head}: {plural(len(dataset.files), 'file')} kept"
    return "\n".join([head, *(f"  {escape(step.sentence)}" for step in dataset.steps)])
