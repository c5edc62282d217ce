"""`penstock migrate`: an old tree to the layout that loaders read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from penstock.cli._options import DryRunOption
from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.files import plural

if TYPE_CHECKING:
    from penstock.migration import DatasetPlan

_COLUMNS = ("dataset", "action", "source", "destination", "description")


@handle_errors
def migrate(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="The old tree. It is never modified.")
    ],
    destination: Annotated[
        Path, typer.Argument(metavar="DST", help="The directory for the datasets.")
    ],
    link: Annotated[
        bool, typer.Option("--link/--copy", help="Create relative symbolic links, not copies.")
    ] = False,
    pick: Annotated[
        list[str] | None,
        typer.Option(metavar="DATASET=VERSION", help="The version: Copa=mezo_gpt/latest."),
    ] = None,
    all_versions: Annotated[
        list[str] | None,
        typer.Option(metavar="DATASET=DIR", help="Migrate each version in DIR as a dataset."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace files that have other content.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="DATASET", help="Migrate only this dataset. Can be repeated."),
    ] = None,
    dry_run: DryRunOption = False,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Migrate an old tree of task data to the layout that loaders read, with manifests.

    Exits with 2, before the first write, if the source is incomplete or the destination conflicts.
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
    counts = Counter(step.action.value for step in plan.steps)
    counted = ", ".join(f"{count} {action}" for action, count in sorted(counts.items()))
    status = "nothing was written" if dry_run else "done" if plan.changed else "nothing to do"
    for note in plan.notes:
        output.hint(f"[yellow]note:[/] {escape(note)}")
    lines = [*map(_dataset_lines, plan.datasets), f"{counted}: {status}"]
    output.show(document, rows, lambda: lines, columns=_COLUMNS)
    for item in plan.unmigrated:
        output.hint(f"[yellow]not migrated:[/] {escape(item.description)}")


def _pairs(values: list[str] | None, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values or []:
        name, _, rest = value.partition("=")
        if not (name and rest):
            raise typer.BadParameter(f"'{value}' must have the form NAME=VALUE", param_hint=option)
        if name in pairs:
            raise typer.BadParameter(f"'{name}' is given twice", param_hint=option)
        pairs[name] = rest
    return pairs


def _dataset_lines(dataset: DatasetPlan) -> str:
    version = f" from {dataset.version}" if dataset.version else ""
    rows = ", ".join(f"{split} {count:,}" for split, count in dataset.manifest.counts.items())
    head = f"[bold]{escape(str(dataset.directory))}[/]{escape(version)}  [dim]{rows} rows[/]"
    if not dataset.changed:
        return f"{head}: {plural(len(dataset.files), 'file')} kept"
    return "\n".join([head, *(f"  {escape(step.description)}" for step in dataset.steps)])
