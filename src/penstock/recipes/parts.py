"""A part: what one input_split of input became, on disk, with a report that is written last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
import orjson
from numpy.typing import NDArray

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.files import staged_file
from penstock.steps import as_bytes

#: How the names of arrays begin that have no value for each document.
_NOTE = "note."


def parts_directory(work: Path, key: str) -> Path:
    """Return where the parts of a build lie; those of another key are never looked at."""
    return work / f"parts-{key[:16]}"


@dataclass(frozen=True)
class PartReport:
    """What a part holds. `dtype` and `tokens` are of its ids.

    `errors` and `left_out`, rows that could not be used and that a step passed over, are
    (file, line, reason).
    """

    documents: int
    sequences: int
    tokens: int
    dtype: str
    checksum: int
    arrays_checksum: int
    counts: Mapping[str, int]
    errors: list[tuple[str, int, str]] = field(default_factory=list)
    left_out: list[tuple[str, int, str]] = field(default_factory=list)


class Part:
    """The files of one part: `NAME.ids`, `NAME.npz` with lengths and columns, `NAME.json`.

    Ids lie flat in one dtype; rows of text are JSON in UTF-8 as uint8, one sequence a row.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.ids = directory / f"{name}.ids"
        self.arrays = directory / f"{name}.npz"
        self.report = directory / f"{name}.json"

    def write(self, batches: Iterable[RowBatch | TokenBatch], stats: RowStats) -> PartReport:
        """Write the batches; what a killed process left here is written over."""
        self.report.unlink(missing_ok=True)
        with staged_file(self.ids) as staging, staging.open("wb") as out:
            gathered = _Gathered(out)
            for batch in batches:
                gathered.add(batch if isinstance(batch, TokenBatch) else as_bytes(batch, stats))
        with staged_file(self.arrays) as staging, staging.open("wb") as out:
            np.savez(out, allow_pickle=False, **gathered.arrays(), **_notes_of(stats))
        report = PartReport(
            documents=gathered.documents,
            sequences=gathered.sequences,
            tokens=gathered.tokens,
            dtype=gathered.dtype.name,
            checksum=gathered.checksum,
            arrays_checksum=_checksum_of(self.arrays),
            counts=dict(stats.counts),
            errors=stats.errors,
            left_out=stats.left_out,
        )
        # No fsync: after a crash of the machine the checksum tells what did not reach the disk.
        with staged_file(self.report) as staging:
            staging.write_bytes(orjson.dumps(asdict(report)))
        return report

    def read_report(self) -> PartReport | None:
        """Return the report of a part that is whole, None for one that has to be made (again)."""
        try:
            report = PartReport(**orjson.loads(self.report.read_bytes()))
            whole = (
                _checksum_of(self.ids) == report.checksum
                and _checksum_of(self.arrays) == report.arrays_checksum
            )
        except (OSError, ValueError, TypeError):
            return None
        return report if whole else None

    def read_ids(self, report: PartReport) -> NDArray[Any]:
        """Return the ids, memory-mapped."""
        dtype = np.dtype(report.dtype)
        if not report.tokens:
            return np.empty(0, dtype)
        return np.memmap(self.ids, dtype, mode="r", shape=(report.tokens,)).view(np.ndarray)

    def read_arrays(self) -> dict[str, NDArray[Any]]:
        """Return `lengths` (int32, a sequence), `sequences` (int32, a document) and the columns."""
        with np.load(self.arrays) as arrays:
            return {name: arrays[name] for name in arrays if not name.startswith(_NOTE)}

    def read_notes(self) -> dict[str, NDArray[Any]]:
        """Return what steps noted of rows that left, by name."""
        with np.load(self.arrays) as arrays:
            return {
                name.removeprefix(_NOTE): arrays[name] for name in arrays if name.startswith(_NOTE)
            }


class _Gathered:
    """Writes the ids of batches and keeps their lengths and columns."""

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.dtype: np.dtype[Any] = np.dtype(np.int32)
        self.checksum = 0
        self.tokens = self.sequences = self.documents = 0
        self._arrays: dict[str, list[NDArray[Any]]] = {"lengths": [], "sequences": []}

    def add(self, batch: TokenBatch) -> None:
        if not self.documents:
            self.dtype = batch.ids.dtype
        data = np.ascontiguousarray(batch.ids).view(np.uint8)
        self.out.write(data.data)
        self.checksum = google_crc32c.extend(self.checksum, data)
        self.tokens += len(batch.ids)
        self.sequences += len(batch.lengths)
        self.documents += len(batch)
        columns = {"lengths": batch.lengths, "sequences": batch.sequences, **batch.columns}
        for name, column in columns.items():
            self._arrays.setdefault(name, []).append(column)

    def arrays(self) -> dict[str, NDArray[Any]]:
        empty = np.empty(0, np.int32)
        return {
            name: np.concatenate(columns) if columns else empty
            for name, columns in self._arrays.items()
        }


def _notes_of(stats: RowStats) -> dict[str, NDArray[Any]]:
    return {f"{_NOTE}{name}": np.concatenate(values) for name, values in stats.notes.items()}


def _checksum_of(path: Path) -> int:
    checksum = 0
    with path.open("rb") as stream:
        while data := stream.read(1 << 20):
            checksum = google_crc32c.extend(checksum, data)
    return checksum
