"""Tables of Arrow: which columns are read, and their rows as records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock.batches import RowStats
from penstock.errors import DataError, did_you_mean
from penstock.files import plural
from penstock.sources._files import AGAIN, reading
from penstock.sources._rows import FieldSource

#: About how much of a table becomes Python objects at a time, in bytes.
_SLICE = 1 << 20
_DAMAGED = "is damaged, or not what its name says"


def wanted_columns(
    source: FieldSource,
    names: Sequence[str],
    path: str,
    line: int | None = None,
    *,
    shown: bool = True,
) -> list[str]:
    """Return the names of the columns that a source needs of a table, in the table's order.

    Raises DataError for a column that is not there, and for two of one name; `line` is where the
    file has the names. No name but the recipe's own is in it unless they may be `shown`: what was
    taken for names may be a row.
    """
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        of_one_name = f"columns '{repeated}'" if shown else "columns of one name"
        raise DataError(f"has two {of_one_name}; rename one", file=path, line=line)
    wanted = set()
    required = [("", source.text)] if source.text is not None else []
    for name, field in [*required, *(source.kept or {}).items()]:
        # A dotted field is a part of a column unless a column has that very name.
        column = field if field in names else field.split(".")[0]
        if column in names:
            wanted.add(column)
        elif name not in source.optional:
            there = _what_is_there(column, names) if shown else _how_many(names)
            raise DataError(f"has no column '{column}'{there}", file=path, line=line)
    return [name for name in names if source.kept is None or name in wanted]


def _what_is_there(column: str, names: Sequence[str]) -> str:
    return did_you_mean(column, names) or f"; it has {', '.join(names)}"


def _how_many(names: Sequence[str]) -> str:
    return (
        f" among the {plural(len(names), 'name')} of its first line; "
        "of a file without such a line, list the names under `columns`"
    )


@contextmanager
def reading_table(path: str) -> Iterator[None]:
    """Turn what reading a table can raise into DataError.

    What pyarrow says is left out where it may show bytes of the file.
    """
    from pyarrow import ArrowException

    with reading(path):
        try:
            yield
        except (ArrowException, OSError) as error:
            if isinstance(error, OSError) and (error.strerror or type(error) is not OSError):
                raise  # the file system says it
            raise DataError(f"{_DAMAGED} ({type(error).__name__}); {AGAIN}", file=path) from None


def refuse_damaged(batch: Any, path: str) -> None:
    """Raise DataError for a pyarrow.RecordBatch that says of itself what cannot be.

    Reading it could end the process. Text that is not UTF-8 is told row by row, and passed here.
    """
    from pyarrow import ArrowInvalid

    for column in batch.columns:
        try:
            column.validate(full=True)
        except ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise DataError(f"{_DAMAGED}; {AGAIN}", file=path) from None


def table_records(batch: Any, first: int, stats: RowStats) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a pyarrow.RecordBatch as records, numbered from `first`."""
    step = max(1, batch.num_rows * _SLICE // max(batch.nbytes, 1))
    for start in range(0, batch.num_rows, step):
        part = batch.slice(start, step)
        try:
            records = part.to_pylist()
        except UnicodeDecodeError:
            yield from _one_by_one(part, first + start, stats)
        else:
            yield from enumerate(records, first + start)


def _one_by_one(batch: Any, first: int, stats: RowStats) -> Iterator[tuple[int, dict[str, Any]]]:
    for index in range(batch.num_rows):
        record = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                record[name] = column[index].as_py()
            except UnicodeDecodeError:
                stats.bad(first + index, f"the field '{name}' is not UTF-8")
                break
        else:
            yield first + index, record
