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
#: How many hexadecimal digits of a hash tell it from others, for people.
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
    Output(format, quiet).show(
        {"intact": node.intact, **node.to_dict()}, rows, lambda: [_tree(node), _verdict(node)]
    )
    if not node.intact:
        raise typer.Exit(1)


def _tree(node: TraceNode, parent: Tree | None = None) -> Tree:
    words = [f"[bold]{node.kind}[/] {escape(node.name)}"]
    if node.detail:
        words.append(f"[dim]{escape(node.detail)}[/]")
    if node.sha256:
        words.append(f"[dim]{node.sha256.removeprefix('sha256:')[:_DIGITS]}[/]")
    if node.state:
        words.append(f"[{_COLOURS[node.state]}]{node.state}[/]")
    text = "  ".join(words)
    branch = parent.add(text) if parent else Tree(text)
    for child in node.children:
        _tree(child, branch)
    return branch


def _verdict(node: TraceNode) -> str:
    hashed = sum(below.state is not None for _, below in node.walk())
    if node.intact:
        return f"[green]every file is what it was[/] ({hashed} hashed)"
    return f"[red]{len(node.broken)} of {hashed} are not what they were[/]"
