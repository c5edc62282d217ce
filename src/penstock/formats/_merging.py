"""Several datasets of one format as one, without reading or encoding a row again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from penstock.errors import ConfigError
from penstock.formats._finding import find_dataset
from penstock.manifest import Manifest, read_manifest


def merge(datasets: Sequence[Path | str], output: Path | str) -> Manifest:
    """Make one dataset of several, in their order; return its manifest.

    `output` is a prefix for Megatron's files, a directory NAME/x.y.z for TFRecord and ArrayRecord.
    Raises ConfigError for datasets of several formats, dtypes, columns or tokenizers and for one
    that is named twice, ConflictError where the output is there already or being made, DataError
    for a dataset that is damaged. Then nothing is written.
    """
    if len(datasets) < 2:
        raise ConfigError("name at least two datasets to merge")
    found = [find_dataset(Path(path)) for path in datasets]
    format, first = found[0]
    for other, path in found:
        if other is not format:
            raise ConfigError(
                f"is {other.name} and {first} is {format.name}; only datasets of one format can be "
                "merged",
                file=path,
            )
    written = format.merge([path for _, path in found], Path(output))
    manifest = read_manifest(written)
    assert manifest is not None
    return manifest
