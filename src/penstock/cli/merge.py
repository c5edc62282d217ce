"""`penstock merge`: several datasets of one format as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from penstock.cli._output import Format, FormatOption, Output, QuietOption, guarded
from penstock.files import plural


@guarded
def merge(
    datasets: Annotated[
        list[Path], typer.Argument(metavar="DATASET...", help="Directories, or prefixes.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "--output-prefix", help="A prefix for Megatron's files, else NAME/x.y.z."
        ),
    ],
    format: FormatOption = Format.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Make one dataset of several, without encoding a row again.

    Megatron's files are joined; shards of TFRecord and ArrayRecord are linked under new names.
    """
    from penstock.formats import merge as merge_datasets

    manifest = merge_datasets(datasets, output)
    rows = {name: count for name, count in manifest.counts.items() if name.endswith(".rows")}
    document = {
        "output": str(output),
        "format": manifest.format,
        "counts": manifest.counts,
        "files": len(manifest.files),
        "bytes": sum(entry.size for entry in manifest.files),
    }
    told = ", ".join(f"{name.removesuffix('.rows')} {n:,} rows" for name, n in rows.items())
    files = plural(len(manifest.files), "file")
    line = f"[bold]{escape(str(output))}[/]  {manifest.format}, {files}: {told}"
    Output(format, quiet).show(document, [document], lambda: [line])
