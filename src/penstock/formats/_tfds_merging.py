"""Several datasets of TFDS's layout as one, by metadata alone: no row is read or written again."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from penstock.errors import ConfigError
from penstock.formats._merged import Parts
from penstock.formats._tfds import (
    FORMAT_OF_KIND,
    NAME,
    VERSION,
    Layout,
    check_files,
    read_layout,
)
from penstock.formats._workplace import workplace
from penstock.manifest import FileEntry

#: What the operating system says when a file cannot be linked there, but can be copied.
_NOT_LINKED = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK}


def merge(datasets: Sequence[Path], output: Path) -> Layout:
    """Make one dataset of several `tfrecord` or `arrayrecord` ones; return its layout.

    The shards are hard links under new names (copies, on another file system): those of the first
    dataset come first in each split. `output` must end with NAME/x.y.z. A manifest names the parts.

    Raises ConfigError for fewer than two datasets, for one that is named twice, for another form of
    `output` and for datasets that differ in columns, context, file format or tokenizer;
    ConflictError where `output` is there already or being made; DataError for a dataset that cannot
    be read.
    """
    name, version = output.parent.name, output.name
    if len(datasets) < 2:
        raise ConfigError("name at least two datasets to merge")
    if not NAME.fullmatch(name) or not VERSION.fullmatch(version):
        raise ConfigError("does not end with NAME/x.y.z, by which TFDS finds it", file=output)
    layouts = {path: read_layout(path) for path in datasets}
    for path, layout in layouts.items():
        if layout.kind not in FORMAT_OF_KIND:
            raise ConfigError(f"has the file format {layout.kind}, which is not read", file=path)
        check_files(path, layout)
        _refuse_difference(datasets[0], layouts[datasets[0]], path, layout)
    merged = _joined(name, version, list(layouts.values()))
    parts = Parts.of([(path, layouts[path].file_names()) for path in datasets])
    with workplace(output, [output]) as place:
        staging = place.directory / output.name
        staging.mkdir()
        entries = _link_shards(layouts, merged, staging, parts)
        entries += [FileEntry.of(staging, file) for file in merged.write(staging)]
        counts = {f"{split}.rows": sum(rows) for split, rows in merged.shards.items()}
        kind = FORMAT_OF_KIND[merged.kind]
        parts.manifest(format=kind, files=entries, counts=counts).write(staging)
        place.publish()
    return merged


def _refuse_difference(first: Path, one: Layout, path: Path, other: Layout) -> None:
    for what, left, right in (
        ("file format", one.kind, other.kind),
        ("columns", sorted(one.features), sorted(other.features)),
        ("lengths or dtypes of columns", one.features, other.features),
    ):
        if left != right:
            raise ConfigError(
                f"does not have the same {what} as {first}; build both with the same settings",
                file=path,
            )


def _joined(name: str, version: str, layouts: Sequence[Layout]) -> Layout:
    splits = dict.fromkeys(split for layout in layouts for split in layout.shards)
    shards = {
        split: [rows for layout in layouts for rows in layout.shards.get(split, ())]
        for split in splits
    }
    sizes = {split: sum(layout.sizes.get(split, 0) for layout in layouts) for split in splits}
    first = layouts[0]
    return Layout(name, version, first.kind, shards, first.features, sizes)


def _link_shards(
    layouts: dict[Path, Layout], merged: Layout, directory: Path, parts: Parts
) -> list[FileEntry]:
    """Link every shard under its new name; what a manifest knows of it is not found out again."""
    next_index = dict.fromkeys(merged.shards, 0)
    entries = []
    for path, layout in layouts.items():
        for split, lengths in layout.shards.items():
            for index, rows in enumerate(lengths):
                source = path / layout.file_name(split, index)
                target = directory / merged.file_name(split, next_index[split])
                next_index[split] += 1
                _link(source, target)
                known = parts.entry(source)
                sha256 = known.sha256 if known else None
                entries.append(FileEntry.of(directory, target.name, rows, sha256, split))
    return entries


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NOT_LINKED:
            raise
        shutil.copyfile(source, target)
