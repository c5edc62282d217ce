"""Arrow data: the columns that a source needs, rows as records, and streams in Arrow files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock.batches import RowStats
from penstock.errors import DataError, did_you_mean
from penstock.files import plural
from penstock.sources._base import InputSplit
from penstock.sources._files import AGAIN, is_url, open_raw, reading, size_of
from penstock.sources._rows import FieldSource, Numbered, RecordSource

#: About how many bytes of a table are converted to Python objects at a time.
_SLICE = 1 << 20
_CORRUPT = "is corrupt, or is not the type of file that its name says"
#: The end-of-stream marker of Arrow.
_ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def wanted_columns(
    source: FieldSource,
    names: Sequence[str],
    path: str,
    line: int | None = None,
    *,
    shown: bool = True,
) -> list[str]:
    """Return the names of the columns that a source reads from a table, in the table's order.

    Raises DataError for a missing column and for two columns of the same name; `line` is the
    location of the names in the file. With `shown=False` the message shows no name of the file,
    since a first line without names may be a row.
    """
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        which = f"columns '{repeated}'" if shown else "columns of the same name"
        raise DataError(f"has two {which}; rename one", file=path, line=line)
    wanted = set()
    required = [("", source.text)] if source.text is not None else []
    for name, field in [*required, *(source.kept or {}).items()]:
        # A dotted field is nested in a column unless a column has exactly that name.
        column = field if field in names else field.split(".")[0]
        if column in names:
            wanted.add(column)
        elif name not in source.optional:
            if shown:
                found = did_you_mean(column, names) or f"; it has {', '.join(names)}"
            else:
                found = (
                    f" among the {plural(len(names), 'name')} of its first line; "
                    "for a file without such a line, list the names under `columns`"
                )
            raise DataError(f"has no column '{column}'{found}", file=path, line=line)
    return [name for name in names if source.kept is None or name in wanted]


@contextmanager
def reading_table(path: str) -> Iterator[None]:
    """Turn the exceptions of reading a table into DataError.

    Messages of pyarrow are omitted because they may show bytes of the file.
    """
    from pyarrow import ArrowException

    with reading(path):
        try:
            yield
        except (ArrowException, OSError) as error:
            if isinstance(error, OSError) and (error.strerror or type(error) is not OSError):
                raise  # an error of the file system
            raise DataError(f"{_CORRUPT} ({type(error).__name__}); {AGAIN}", file=path) from None


def table_records(batch: Any, first: int, stats: RowStats) -> Iterator[Numbered]:
    """Yield the rows of a pyarrow.RecordBatch as records, numbered from `first`."""
    step = max(1, batch.num_rows * _SLICE // max(batch.nbytes, 1))
    for start in range(0, batch.num_rows, step):
        rows = batch.slice(start, step)
        try:
            records = rows.to_pylist()
        except UnicodeDecodeError:
            yield from _decodable_records(rows, first + start, stats)
        else:
            yield from enumerate(records, first + start)


def _decodable_records(batch: Any, first: int, stats: RowStats) -> Iterator[Numbered]:
    for number in range(batch.num_rows):
        record = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                record[name] = column[number].as_py()
            except UnicodeDecodeError:
                stats.bad(first + number, f"the field '{name}' is not UTF-8")
                break
        else:
            yield first + number, record


def group_splits(
    path: str, groups: Iterable[tuple[int, int]], split_bytes: int
) -> list[InputSplit]:
    """Return splits of consecutive groups of rows, given by their numbers of rows and bytes."""
    splits: list[InputSplit] = []
    start = stop = size = 0
    for rows, group_bytes in groups:
        stop += rows
        size += group_bytes
        if size >= split_bytes:
            splits.append(InputSplit(path, start, stop, size))
            start, size = stop, 0
    return [*splits, InputSplit(path, start, stop, size)] if stop > start else splits


class ArrowSource(RecordSource):
    """Rows from Arrow streams, as Hugging Face `datasets` writes them.

    An input split is one or more consecutive batches of a file.
    """

    def arrow_files(self) -> list[str]:
        """Return the Arrow files among the inputs, in order."""
        return self.inputs()

    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        """Return ranges of rows of about `split_bytes`; a file behind a URL is one split."""
        return [split for path in self.arrow_files() for split in _arrow_splits(path, split_bytes)]

    def read_records(self, input_split: InputSplit, stats: RowStats) -> Iterator[Numbered]:
        start, stop, path = input_split.start, input_split.stop, input_split.path
        position = 0
        with reading_table(path), _open_stream(path) as table:
            columns = wanted_columns(self, table.schema.names, path)
            for batch in table:
                if start <= position and (stop is None or position < stop):
                    _check_batch(batch, path)
                    yield from table_records(batch.select(columns), position - start, stats)
                position += batch.num_rows


def _arrow_splits(path: str, split_bytes: int) -> list[InputSplit]:
    if is_url(path):  # finding the batches would mean to download the file
        return [InputSplit(path, size=size_of(path) or 0)]
    with reading_table(path), _open_stream(path) as table:
        return group_splits(path, ((b.num_rows, b.nbytes) for b in table), split_bytes)


@contextmanager
def _open_stream(path: str) -> Iterator[Any]:
    """Yield the reader of an Arrow stream; raises DataError if the file is truncated.

    The reader itself accepts a file that ends after any batch.
    """
    import pyarrow

    with open_raw(path, seekable=True) as stream:
        stream.seek(max(0, (size_of(path) or 0) - len(_ARROW_END)))
        if stream.read() != _ARROW_END:
            raise DataError(f"is truncated; {AGAIN}", file=path)
        stream.seek(0)
        file = pyarrow.PythonFile(stream) if is_url(path) else pyarrow.memory_map(path)
        with file, pyarrow.ipc.open_stream(file) as table:
            yield table


def _check_batch(batch: Any, path: str) -> None:
    """Raise DataError for a pyarrow.RecordBatch with invalid offsets or lengths.

    Reading it could crash the process. Text that is not UTF-8 is accepted; `table_records` reports
    it by row.
    """
    from pyarrow import ArrowInvalid

    for column in batch.columns:
        try:
            column.validate(full=True)
        except ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise DataError(f"{_CORRUPT}; {AGAIN}", file=path) from None
