"""`penstock check`: findings about data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.cli._tables import document_lines

if TYPE_CHECKING:
    from penstock.findings import CheckReport, DatasetFindings, Finding

_COLUMNS = ("path", "format", "code", "severity", "file", "line", "count", "message", "fix")
_COLOURS = {"error": "bold red", "warning": "yellow", "info": "cyan"}


@handle_errors
def check(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Datasets, or directories that contain them."),
    ],
    against: Annotated[
        Path | None, typer.Option("--against", help="The original data of synthetic data.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read every byte, even of large token datasets.")
    ] = False,
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", help="The tokenizer of tokens whose manifest names none."),
    ] = None,
    show_text: Annotated[
        bool | None,
        typer.Option(
            "--show-text/--hide-text",
            help="Show the first row of tokens as text. Default: unless it is confidential.",
        ),
    ] = None,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Check that datasets are complete, valid, free of leaks and made of real data.

    Exits with 1 if there is a finding of severity error.
    """
    from penstock.checks import check as run_check

    found = run_check(paths, against=against, full=full, tokenizer=tokenizer)
    document = found.to_dict()
    rows = [
        {"path": dataset["path"], "format": dataset["format"], **finding}
        for dataset in document["datasets"]
        for finding in dataset["findings"]
    ]
    output = Output(format, quiet)
    output.show(document, rows, lambda: _render(found, tokenizer, show_text), columns=_COLUMNS)
    if len(found.datasets) > 1:
        output.hint(_summary(found))
    if not found.ok:
        raise typer.Exit(1)


def _render(
    found: CheckReport, tokenizer: Path | None, show_text: bool | None
) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for dataset in found.datasets:
        mark = "[green]ok[/]" if dataset.ok else "[bold red]not ok[/]"
        told = _counts(dataset.rows, [dataset])
        lines.append(f"{mark} [bold]{escape(dataset.path)}[/]  {dataset.format}, {told}")
        for finding in dataset.findings:
            lines += _finding_lines(finding)
        if show_text is not False:
            lines += _first_row(dataset, tokenizer, bool(show_text))
    return lines


def _first_row(
    dataset: DatasetFindings, tokenizer: Path | None, show_text: bool
) -> list[RenderableType]:
    """Return the first row of a token dataset as text: what a trainer would see."""
    from penstock.checks import show
    from penstock.errors import PenstockError
    from penstock.formats import FORMATS

    if dataset.format not in FORMATS.names():
        return []
    try:
        shown = show(dataset.path, rows=1, tokenizer=tokenizer, show_text=show_text)
    except PenstockError:
        return []  # why it cannot be read stands among the findings
    if shown.masked:
        return ["  [dim]the text is confidential (redact: true); --show-text shows it[/]"]
    return [line for row in shown.rows for line in document_lines(row)]


def _summary(found: CheckReport) -> str:
    from penstock.files import plural

    sound = sum(dataset.ok for dataset in found.datasets)
    rows = sum(dataset.rows for dataset in found.datasets)
    count = plural(len(found.datasets), "dataset")
    return f"{count}, {sound} of them ok; {_counts(rows, found.datasets)}"


def _counts(rows: int, datasets: Sequence[DatasetFindings]) -> str:
    """Return the number of rows, and of findings by severity: `500 rows: 1 warning, 1 info`."""
    from penstock.files import plural
    from penstock.findings import Severity

    told = ", ".join(
        plural(count, severity.value)
        for severity in Severity
        if (count := sum(dataset.count(severity) for dataset in datasets))
    )
    return f"{plural(rows, 'row')}{f': {told}' if told else ''}"


def _finding_lines(finding: Finding) -> list[str]:
    place = finding.file or ""
    if finding.line is not None:
        place += f":{finding.line}"
    colour = _COLOURS[finding.severity.value]
    times = f" ({finding.count:,} times)" if finding.count > 1 else ""
    head = f"  [{colour}]{finding.severity.value}[/] [bold]{finding.code}[/]{times} {escape(place)}"
    return [head, f"    {escape(finding.message)}", f"    [dim]{escape(finding.fix)}[/]"]
