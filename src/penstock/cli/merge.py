"""`penstock merge`: merge datasets of one format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.files import plural


@handle_errors
def merge(
    datasets: Annotated[
        list[Path],
        typer.Argument(metavar="DATASET", help="Dataset directories, or Megatron prefixes."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "--output-prefix",
            help="The merged dataset: a prefix for Megatron, otherwise a directory NAME/x.y.z.",
        ),
    ],
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Merge datasets of one format, without encoding their rows again.

    Megatron's files are concatenated; shards of TFRecord and ArrayRecord are linked under new
    names.
    """
    from penstock.formats import merge as merge_datasets

    manifest = merge_datasets(datasets, output)
    document = {
        "output": str(output),
        "format": manifest.format,
        "counts": manifest.counts,
        "files": len(manifest.files),
        "bytes": sum(entry.size for entry in manifest.files),
    }
    rows = ", ".join(
        f"{name.removesuffix('.rows')} {count:,} rows"
        for name, count in manifest.counts.items()
        if name.endswith(".rows")
    )
    files = plural(len(manifest.files), "file")
    line = f"[bold]{escape(str(output))}[/]  {manifest.format}, {files}: {rows}"
    Output(format, quiet).show(document, [document], lambda: [line])
