"""`penstock check`: findings about data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._output import Format, FormatOption, Output, guarded

if TYPE_CHECKING:
    from penstock.findings import CheckReport, DatasetFindings, Finding

_COLOURS = {"error": "bold red", "warning": "yellow", "info": "cyan"}


@guarded
def check(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Datasets, or trees of them.")
    ],
    against: Annotated[
        Path | None, typer.Option("--against", help="The original of synthetic data, or its tree.")
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Check that data is there, whole, well-formed and honest.

    Exits with 1 when an error stands.
    """
    from penstock.checks import check as run_check

    found = run_check(paths, against=against)
    rows = [_row(dataset, finding) for dataset in found.datasets for finding in dataset.findings]
    Output(format).show(found.to_dict(), rows, lambda: _render(found))
    if not found.ok:
        raise typer.Exit(1)


def _row(dataset: DatasetFindings, finding: Finding) -> dict[str, Any]:
    return {
        "path": dataset.path,
        "format": dataset.format,
        "code": finding.code,
        "severity": finding.severity.value,
        "file": finding.file,
        "line": finding.line,
        "count": finding.count,
        "message": finding.message,
        "fix": finding.fix,
    }


def _render(found: CheckReport) -> list[RenderableType]:
    from penstock.files import plural
    from penstock.findings import Severity

    lines: list[RenderableType] = []
    for dataset in found.datasets:
        told = ", ".join(
            plural(count, severity.value)
            for severity in Severity
            if (count := dataset.count(severity))
        )
        mark = "[green]ok[/]" if dataset.ok else "[bold red]not ok[/]"
        lines.append(
            f"{mark} [bold]{escape(dataset.path)}[/]  {dataset.format}, "
            f"{plural(dataset.rows, 'row')}{f': {told}' if told else ''}"
        )
        for finding in dataset.findings:
            lines += _finding_lines(finding)
    return lines


def _finding_lines(finding: Finding) -> list[str]:
    place = finding.file or ""
    if finding.line is not None:
        place += f":{finding.line}"
    colour = _COLOURS[finding.severity.value]
    times = f" ({finding.count:,} times)" if finding.count > 1 else ""
    head = f"  [{colour}]{finding.severity.value}[/] [bold]{finding.code}[/]{times} {escape(place)}"
    return [head, f"    {escape(finding.message)}", f"    [dim]{escape(finding.fix)}[/]"]
