"""A partial output: the rows or tokens of one input split, with a report that is written last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
import orjson
from numpy.typing import NDArray

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.files import staged_file
from penstock.jsonl import dump_row
from penstock.step_report import StepReport

#: The prefix of arrays with values of dropped rows, which have no value per document.
_ASIDE = "aside."


def partials_directory(staging: Path, key: str) -> Path:
    """Return the directory of the partial outputs of a build with this key."""
    return staging / f"parts-{key[:16]}"


@dataclass(frozen=True)
class PartialReport:
    """The content of a partial output; `dtype` and `tokens` are those of its ids.

    `steps` has the report of reading and of each step; `errors` and `dropped_rows` are
    (file, line, reason).
    """

    documents: int
    sequences: int
    tokens: int
    dtype: str
    checksum: int
    arrays_checksum: int
    unusable: int
    dropped_singly: int
    steps: list[StepReport]
    errors: list[tuple[str, int, str]] = field(default_factory=list)
    dropped_rows: list[tuple[str, int, str]] = field(default_factory=list)


class Partial:
    """The files of a partial output: `NAME.ids`, `NAME.npz` (lengths, columns), `NAME.json`.

    Ids are flat in one dtype; a row of text is JSON in UTF-8 as uint8, one sequence per row.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.ids = directory / f"{name}.ids"
        self.arrays = directory / f"{name}.npz"
        self.report_path = directory / f"{name}.json"

    def write(self, batches: Iterable[RowBatch | TokenBatch], stats: RowStats) -> PartialReport:
        """Write the batches, over the files of a killed process."""
        self.report_path.unlink(missing_ok=True)
        with staged_file(self.ids) as staging, staging.open("wb") as out:
            writer = _Writer(out)
            for batch in batches:
                writer.add(batch if isinstance(batch, TokenBatch) else encode_rows(batch, stats))
        none = np.empty(0, np.int32)
        arrays = {"lengths": none, "sequences": none}
        arrays |= {name: np.concatenate(found) for name, found in writer.arrays.items()}
        aside = {f"{_ASIDE}{n}": np.concatenate(found) for n, found in stats.kept_aside.items()}
        with staged_file(self.arrays) as staging, staging.open("wb") as out:
            np.savez(out, allow_pickle=False, **arrays, **aside)
        report = PartialReport(
            documents=writer.documents,
            sequences=writer.sequences,
            tokens=writer.tokens,
            dtype=writer.dtype.name,
            checksum=writer.checksum,
            arrays_checksum=_checksum_of(self.arrays),
            unusable=stats.unusable,
            dropped_singly=stats.dropped_singly,
            steps=stats.reports,
            errors=stats.errors,
            dropped_rows=stats.dropped_rows,
        )
        # No fsync: after a crash of the machine the checksums show what did not reach the disk.
        with staged_file(self.report_path) as staging:
            staging.write_bytes(orjson.dumps(asdict(report)))
        return report

    def read_report(self) -> PartialReport | None:
        """Return the report of a complete partial output, None if it must be made (again)."""
        try:
            fields = orjson.loads(self.report_path.read_bytes())
            fields["steps"] = [StepReport(**step) for step in fields["steps"]]
            report = PartialReport(**fields)
            complete = (
                _checksum_of(self.ids) == report.checksum
                and _checksum_of(self.arrays) == report.arrays_checksum
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return report if complete else None

    def read_ids(self, report: PartialReport) -> NDArray[Any]:
        """Return the ids, memory-mapped."""
        dtype = np.dtype(report.dtype)
        if not report.tokens:
            return np.empty(0, dtype)
        return np.memmap(self.ids, dtype, mode="r", shape=(report.tokens,)).view(np.ndarray)

    def read_arrays(self) -> dict[str, NDArray[Any]]:
        """Return `lengths` (int32, per sequence), `sequences` (int32, per document), columns."""
        with np.load(self.arrays) as arrays:
            return {name: arrays[name] for name in arrays if not name.startswith(_ASIDE)}

    def read_aside(self) -> dict[str, NDArray[Any]]:
        """Return the values that steps kept of dropped rows, by name."""
        with np.load(self.arrays) as arrays:
            return {n.removeprefix(_ASIDE): arrays[n] for n in arrays if n.startswith(_ASIDE)}


def encode_rows(batch: RowBatch, stats: RowStats) -> TokenBatch:
    """Return rows as byte sequences (uint8), each row JSON in UTF-8 without a newline.

    A document with a row that is not JSON, or that the format cannot store, is a bad row.
    """
    rows, sequences, kept = [], [], []
    with stats.step(len(stats.reports) - 2) as report:
        for index, document in enumerate(batch.documents()):
            try:
                encoded = [_encode(row, stats) for row in document]
            except ValueError as error:
                stats.bad(batch.numbers[index], str(error))
                continue
            rows += encoded
            sequences.append(len(encoded))
            kept.append(index)
        report.kept += len(kept)
    if len(kept) < len(batch):
        batch = batch.take(kept)
    return TokenBatch(
        ids=np.frombuffer(b"".join(rows), np.uint8),
        lengths=np.fromiter(map(len, rows), np.int32, len(rows)),
        sequences=np.array(sequences, np.int32),
        numbers=batch.numbers,
        columns=batch.columns,
    )


def _encode(row: dict[str, Any], stats: RowStats) -> bytes:
    if problem := stats.problem_with(row):
        raise ValueError(problem)
    try:
        return dump_row(row)
    except ValueError as error:
        raise ValueError(f"{error}; list the other fields under `metadata`") from None


@dataclass
class _Writer:
    """Writes the ids of batches and collects their lengths and columns."""

    out: BinaryIO
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.int32))
    checksum: int = 0
    tokens: int = 0
    sequences: int = 0
    documents: int = 0
    arrays: dict[str, list[NDArray[Any]]] = field(default_factory=dict)

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
            self.arrays.setdefault(name, []).append(column)


def _checksum_of(path: Path) -> int:
    checksum = 0
    with path.open("rb") as stream:
        while data := stream.read(1 << 20):
            checksum = google_crc32c.extend(checksum, data)
    return checksum
