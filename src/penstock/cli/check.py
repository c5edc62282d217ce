"""`penstock check`: findings about data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._options import TokenizerOption
from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.cli._tables import document_lines
from penstock.files import plural

if TYPE_CHECKING:
    from penstock.findings import CheckReport, DatasetFindings

_COLUMNS = ("path", "format", "code", "severity", "file", "line", "count", "message", "fix")
_COLOURS = {"error": "bold red", "warning": "yellow", "info": "cyan"}


@handle_errors
def check(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Datasets, or directories that contain them."),
    ],
    against: Annotated[
        Path | None, typer.Option(help="The original of synthetic data, to compare with.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read every byte, even of large token datasets.")
    ] = False,
    tokenizer: TokenizerOption = None,
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

    report = run_check(paths, against=against, full=full, tokenizer=tokenizer)
    document = report.to_dict()
    rows = [
        {"path": dataset["path"], "format": dataset["format"], **finding}
        for dataset in document["datasets"]
        for finding in dataset["findings"]
    ]
    output = Output(format, quiet)
    output.show(document, rows, lambda: _render(report, tokenizer, show_text), columns=_COLUMNS)
    if len(report.datasets) > 1:
        ok = sum(dataset.ok for dataset in report.datasets)
        counts = _counts(sum(dataset.rows for dataset in report.datasets), report.datasets)
        output.hint(f"{plural(len(report.datasets), 'dataset')}, {ok} of them ok; {counts}")
    if not report.ok:
        raise typer.Exit(1)


def _render(
    report: CheckReport, tokenizer: Path | None, show_text: bool | None
) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for dataset in report.datasets:
        mark = "[green]ok[/]" if dataset.ok else "[bold red]not ok[/]"
        counts = _counts(dataset.rows, [dataset])
        lines.append(f"{mark} [bold]{escape(dataset.path)}[/]  {dataset.format}, {counts}")
        for finding in dataset.findings:
            severity, location = finding.severity.value, finding.file or ""
            if finding.line is not None:
                location += f":{finding.line}"
            label = f"[{_COLOURS[severity]}]{severity}[/] [bold]{finding.code}[/]"
            times = f" ({finding.count:,} times)" if finding.count > 1 else ""
            lines += [
                f"  {label}{times} {escape(location)}",
                f"    {escape(finding.message)}",
                f"    [dim]{escape(finding.fix)}[/]",
            ]
        if show_text is not False:
            lines += _first_row(dataset, tokenizer, bool(show_text))
    return lines


def _first_row(
    dataset: DatasetFindings, tokenizer: Path | None, show_text: bool
) -> list[RenderableType]:
    """Return the first row of a token dataset as text, as a trainer sees it."""
    from penstock.checks import show
    from penstock.errors import PenstockError
    from penstock.formats import FORMATS

    if dataset.format not in FORMATS.names():
        return []
    try:
        shown = show(dataset.path, rows=1, tokenizer=tokenizer, show_text=show_text)
    except PenstockError:
        return []  # a finding says why the dataset cannot be read
    if shown.masked:
        return ["  [dim]the text is confidential (redact: true); --show-text shows it[/]"]
    return [line for row in shown.rows for line in document_lines(row)]


def _counts(rows: int, datasets: Sequence[DatasetFindings]) -> str:
    """Return the number of rows, and of findings by severity: `500 rows: 1 warning, 1 info`."""
    from penstock.findings import Severity

    findings = ", ".join(
        plural(count, severity.value)
        for severity in Severity
        if (count := sum(dataset.count(severity) for dataset in datasets))
    )
    return f"{plural(rows, 'row')}{f': {findings}' if findings else ''}"
