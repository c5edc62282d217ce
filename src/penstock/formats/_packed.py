"""Packed rows: several documents in one window, and the columns that keep them apart.

    inputs                2464  318 50256  464 3290 50256     0     0
    targets                318 50256    0 3290 50256    0     0     0
    inputs_position          0    1     2    0    1     2     0     0
    inputs_segmentation      1    1     1    2    2     2     0     0
    targets_segmentation     1    1     0    2    2     0     0     0

Segments are numbered from 1 in each row; 0 is padding. `targets_segmentation` is the loss mask: the
last token of a document has nothing to predict, so no document predicts the first token of another.
The mask never depends on a token's id: a token 0 counts like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.errors import ConfigError, DataError
from penstock.formats._base import Format, OutputSpec, RowBlock, Shard

Column = Literal[
    "inputs",
    "targets",
    "inputs_position",
    "targets_position",
    "inputs_segmentation",
    "targets_segmentation",
]
#: Every column, with the plane of the kernel that holds it.
COLUMNS: dict[Column, int] = {
    "inputs": 0,
    "targets": 1,
    "inputs_position": 4,
    "targets_position": 4,
    "inputs_segmentation": 2,
    "targets_segmentation": 3,
}
#: Ids must be below: every reader of packed rows holds them in an int32.
ID_LIMIT = 2**31
#: Columns are made for so many rows at once that they take about so many bytes.
_BYTES_AT_ONCE = 1 << 21


class PackedFormat(Format):
    """What the formats of packed rows share: which columns, and how many rows a shard has."""

    fixed_rows: ClassVar[bool] = True

    columns: tuple[Column, ...] = Field(
        tuple(COLUMNS), description="The columns of a row, all int32; all six unless named."
    )
    targets: Literal["shifted", "same"] = Field(
        "shifted",
        description="`shifted`: targets are the next token of the same document, and the last "
        "one's is masked; `same`: targets equal inputs, for a trainer that shifts by itself.",
    )
    rows_per_shard: int = Field(256, ge=1, description="The most rows that a shard has.")

    def verify(self, target: OutputSpec) -> None:
        """Refuse what packed rows cannot be; raises ConfigError."""
        if target.context is None:
            raise ConfigError(
                "packed rows need one length for all; give the steps `split` and `pack` a context",
                field="format.kind",
            )
        if target.pad_id is None and any(
            shape.tokens < shape.rows * target.context for shape in target.splits.values()
        ):
            raise ConfigError(
                "rows are shorter than the context, and nothing says what fills them; add the step "
                "`pad`",
                field="steps",
            )
        limit = _id_limit(target)
        if target.pad_id is not None and not 0 <= target.pad_id < limit:
            raise ConfigError(
                f"the id {target.pad_id} of the padding is not one of {limit:,} ids; name a token "
                "that the vocabulary has",
                field="steps",
            )
        if "inputs" not in self.columns or len(set(self.columns)) < len(self.columns):
            raise ConfigError(
                "must name `inputs`, and no column twice; leave it out for all columns",
                field="format.columns",
            )

    def prepare(self) -> None:
        """Load the compiled loops."""
        from penstock.kernels import packed_columns as _packed_kernels  # noqa: F401

    def split_shards(self, target: OutputSpec, name: str) -> Sequence[Shard]:
        """Return the shards of every split, as even as can be.

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

    def column_blocks(
        self, file: Path, target: OutputSpec, blocks: Iterable[RowBlock]
    ) -> Iterator[dict[str, NDArray[np.int32]]]:
        """Yield the columns of consecutive rows: int32 arrays of (rows, context).

        An array is only good until the next one is asked for. Raises DataError, naming `file`, for
        an id that is out of the vocabulary or of an int32, and for a row that is too long.
        """
        from penstock.kernels.packed_columns import fill_planes

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
        """Return the ids of a block, which fit an int32, the vocabulary and the context.

        `done` rows of the shard came before it.
        """
        ids = block.ids
        if ids.dtype.kind not in "iu":
            raise DataError(f"ids are whole numbers, not {ids.dtype.name}", file=file)
        ends = np.concatenate(([0], np.cumsum(block.lengths, dtype=np.int64)))[block.first]
        if ends[0] != 0 or ends[-1] != len(ids) or (np.diff(ends) < 0).any():
            raise ValueError("the segments of a block are not those of its ids")
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
                "is not in an int32, and would be read as another id"
                if limit == ID_LIMIT
                else f"is not in the vocabulary of {limit:,}; another tokenizer gave it"
            )
            raise DataError(f"row {done + row}: the id {ids[bad]} {reason}", file=file)
        return ids.astype(np.int32, copy=False)


def _id_limit(target: OutputSpec) -> int:
    """Return what ids must be below: the size of the vocabulary, or what an int32 holds."""
    return min(target.vocab_size or ID_LIMIT, ID_LIMIT)
