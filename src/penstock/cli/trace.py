"""`penstock trace`: from a score back to the raw files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.tree import Tree

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors

if TYPE_CHECKING:
    from penstock.report import TraceNode

_COLOURS = {"same": "green", "changed": "red", "missing": "red"}
#: How many hexadecimal digits of a hash are printed.
_DIGITS = 12


@handle_errors
def trace(
    path: Annotated[Path, typer.Argument(help="The directory of a run or of a dataset.")],
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Trace a run or a dataset back to its raw files, and verify their hashes.

    Exits with 1 if a file has changed or is missing.
    """
    from penstock.report import trace as trace_back

    node = trace_back(path)
    rows = [{"depth": depth, **below.to_row()} for depth, below in node.walk()]
    hashed = sum(row["state"] is not None for row in rows)
    if node.intact:
        summary = f"[green]nothing has changed[/] ({hashed} hashed)"
    else:
        summary = f"[red]{len(node.broken)} of {hashed} changed or missing[/]"
    document = {"intact": node.intact, **node.to_dict()}
    Output(format, quiet).show(document, rows, lambda: [_tree(node), summary])
    if not node.intact:
        raise typer.Exit(1)


def _tree(node: TraceNode, parent: Tree | None = None) -> Tree:
    parts = [f"[bold]{node.kind}[/] {escape(node.name)}"]
    if node.detail:
        parts.append(f"[dim]{escape(node.detail)}[/]")
    if node.sha256:
        parts.append(f"[dim]{node.sha256.removeprefix('sha256:')[:_DIGITS]}[/]")
    if node.state:
        parts.append(f"[{_COLOURS[node.state]}]{node.state}[/]")
    text = "  ".join(parts)
    branch = parent.add(text) if parent else Tree(text)
    for child in node.children:
        _tree(child, branch)
    return branch
