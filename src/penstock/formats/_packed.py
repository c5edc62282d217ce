"""Packed rows: several documents in one window, and the columns that separate them.

    inputs                2464  318 50256  464 3290 50256     0     0
    targets                318 50256    0 3290 50256    0     0     0
    inputs_position          0    1     2    0    1     2     0     0
    inputs_segmentation      1    1     1    2    2     2     0     0
    targets_segmentation     1    1     0    2    2     0     0     0

Segments are numbered from 1 in each row; 0 is padding. `targets_segmentation` is the loss mask: it
is 0 at the last token of a document, which must not predict the first token of the next one. The
mask never depends on token ids: a token with id 0 counts like any other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.errors import ConfigError, DataError
from penstock.files import staged_file
from penstock.formats._base import Format, OutputSpec, RowBlock, Shard, Written
from penstock.formats._locate import directories_with_files

Column = Literal[
    "inputs",
    "targets",
    "inputs_position",
    "targets_position",
    "inputs_segmentation",
    "targets_segmentation",
]
#: Every column, and the plane of `fill_planes` that holds it.
COLUMNS: dict[Column, int] = {
    "inputs": 0,
    "targets": 1,
    "inputs_position": 4,
    "targets_position": 4,
    "inputs_segmentation": 2,
    "targets_segmentation": 3,
}
#: Ids are below this limit, as every reader of packed rows uses int32.
ID_LIMIT = 2**31
#: Columns are made in batches of rows of about this many bytes.
_BYTES_AT_ONCE = 1 << 21


class PackedFormat(Format):
    """Base of the formats of packed rows.

    A subclass recognizes its files and writes the columns of one shard.
    """

    fixed_rows: ClassVar[bool] = True

    columns: tuple[Column, ...] = Field(
        tuple(COLUMNS), description="The columns of a row, all int32; default: all six."
    )
    targets: Literal["shifted", "same"] = Field(
        "shifted",
        description="`shifted`: targets are the next token of the same document, and the last "
        "target is masked; `same`: targets equal inputs, for a trainer that shifts them itself.",
    )
    rows_per_shard: int = Field(256, ge=1, description="The maximum number of rows of a shard.")

    def verify(self, target: OutputSpec) -> None:
        """Raise ConfigError for rows without one length, missing padding and invalid columns."""
        if target.context is None:
            raise ConfigError(
                "packed rows need the same length; give the steps `split` and `pack` a context",
                field="format.kind",
            )
        if target.pad_id is None and any(
            shape.tokens < shape.rows * target.context for shape in target.splits.values()
        ):
            message = "rows are shorter than the context; add the step `pad` to fill them"
            raise ConfigError(message, field="steps")
        limit = _id_limit(target)
        if target.pad_id is not None and not 0 <= target.pad_id < limit:
            raise ConfigError(
                f"the padding id {target.pad_id} is not below {limit:,}; use a token of the "
                "vocabulary",
                field="steps",
            )
        if "inputs" not in self.columns or len(set(self.columns)) < len(self.columns):
            message = "must contain `inputs`, and no column twice; omit it for all columns"
            raise ConfigError(message, field="format.columns")

    def prepare(self) -> None:
        from penstock.kernels import packing as _packed_kernels  # noqa: F401

    def split_shards(self, target: OutputSpec, name: str) -> Sequence[Shard]:
        """Return the shards of every split, of nearly equal size.

        `name` is a template with `{split}`, `{index}` and `{count}`.
        """
        shards = []
        for split, shape in target.splits.items():
            count = -(-shape.rows // self.rows_per_shard)
            for index in range(count):
                start, stop = (shape.rows * number // count for number in (index, index + 1))
                path = name.format(split=split, index=index, count=count)
                shards.append(Shard(split, path, start, stop))
        return shards

    def write(
        self, directory: Path, shard: Shard, target: OutputSpec, blocks: Iterable[RowBlock]
    ) -> Sequence[Written]:
        path = directory / shard.path
        with staged_file(path) as staging:
            rows = self.write_columns(staging, self.column_blocks(path, target, blocks))
        return [Written(shard.path, rows)]

    @abstractmethod
    def write_columns(self, file: Path, blocks: Iterable[dict[str, NDArray[np.int32]]]) -> int:
        """Write blocks of columns, each (rows, context), to a file; return the number of rows."""

    @classmethod
    def find(cls, path: Path) -> Sequence[Path]:
        found = directories_with_files(path)
        return [directory for directory, files in found if cls.recognizes(directory, files)]

    @classmethod
    @abstractmethod
    def recognizes(cls, directory: Path, files: Sequence[str]) -> bool:
        """Return True if a directory with these files is a dataset of this format."""

    def column_blocks(
        self, file: Path, target: OutputSpec, blocks: Iterable[RowBlock]
    ) -> Iterator[dict[str, NDArray[np.int32]]]:
        """Yield the columns of consecutive rows: int32 arrays of (rows, context).

        An array is valid until the next one is requested. Raises DataError, naming `file`, for an
        id outside of the vocabulary or of int32, and for a row that is too long.
        """
        from penstock.kernels.packing import fill_planes

        context, pad_id = target.context or 0, target.pad_id or 0
        at_once = max(1, _BYTES_AT_ONCE // (context * 5 * 4))
        planes = np.empty((5, at_once, context), np.int32)
        done = 0
        for block in blocks:
            ids = self._checked(block, target, file, done)
            ends = np.concatenate(([0], np.cumsum(block.lengths, dtype=np.int64)))
            for row in range(0, len(block), at_once):
                first = block.first[row : row + at_once + 1]
                used = planes[:, : len(first) - 1]
                fill_planes(
                    ids[ends[first[0]] : ends[first[-1]]],
                    block.lengths[first[0] : first[-1]],
                    first - first[0],
                    pad_id,
                    self.targets == "shifted",
                    used,
                )
                yield {name: used[COLUMNS[name]] for name in self.columns}
            done += len(block)

    def _checked(
        self, block: RowBlock, target: OutputSpec, file: Path, done: int
    ) -> NDArray[np.int32]:
        """Return the ids of a block as int32, checked against the vocabulary and the context.

        `done` is the number of rows before it in the shard.
        """
        ids = block.ids
        if ids.dtype.kind not in "iu":
            raise DataError(f"ids must be integers, not {ids.dtype.name}", file=file)
        ends = np.concatenate(([0], np.cumsum(block.lengths, dtype=np.int64)))[block.first]
        if ends[0] != 0 or ends[-1] != len(ids) or (np.diff(ends) < 0).any():
            raise ValueError("the lengths of a block do not match its ids")
        sizes = np.diff(ends)
        if len(sizes) and sizes.max() > (target.context or 0):
            row = int(sizes.argmax())
            raise DataError(
                f"row {done + row + 1} has {sizes[row]:,} tokens, more than the context of "
                f"{target.context:,}; split long documents at the same context",
                file=file,
            )
        limit = _id_limit(target)
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < limit:
            bad = int(np.flatnonzero((ids < 0) | (ids >= limit))[0])
            row = int(np.searchsorted(ends, bad, side="right"))
            reason = (
                "does not fit in int32 and would be read as another id"
                if limit == ID_LIMIT
                else f"is not in the vocabulary of {limit:,}; it comes from another tokenizer"
            )
            raise DataError(f"row {done + row}: the id {ids[bad]} {reason}", file=file)
        return ids.astype(np.int32, copy=False)


def _id_limit(target: OutputSpec) -> int:
    """Return the limit of ids: the size of the vocabulary, or that of int32."""
    return min(target.vocab_size or ID_LIMIT, ID_LIMIT)
