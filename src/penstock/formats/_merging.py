"""Several datasets of one format as one, without reading or encoding a row again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from penstock.errors import ConfigError, did_you_mean_beside
from penstock.formats._base import Format
from penstock.formats._registry import FORMATS
from penstock.manifest import Manifest, read_manifest


def merge(datasets: Sequence[Path | str], output: Path | str) -> Manifest:
    """Make one dataset of several, in their order; return its manifest.

    `output` is a prefix for Megatron's files, a directory NAME/x.y.z for TFRecord and ArrayRecord.
    Raises ConfigError for datasets of several formats, dtypes, columns or tokenizers, ConflictError
    where the output is there already, DataError for a dataset that is damaged.
    """
    paths = [Path(path) for path in datasets]
    if len(paths) < 2:
        raise ConfigError("name at least two datasets to merge")
    found = {path: _format_of(path) for path in paths}
    first = paths[0]
    for path, format in found.items():
        if format is not found[first]:
            raise ConfigError(
                f"is {format.name} and {first} is {found[first].name}; only datasets of one format "
                "can be merged",
                file=path,
            )
    written = found[first].merge(paths, Path(output))
    manifest = read_manifest(written)
    assert manifest is not None
    return manifest


def _format_of(path: Path) -> type[Format]:
    """Return the format of the one dataset that a path names."""
    for name in FORMATS.names():
        format = FORMATS.get(name)
        datasets = format.find(path)
        if len(datasets) > 1:
            raise ConfigError(f"holds {len(datasets)} datasets; name each of them", file=path)
        if datasets:
            return format
    raise ConfigError(f"is no dataset of tokens{did_you_mean_beside(path)}", file=path)
