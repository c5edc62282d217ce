"""Damaged inputs: an error that names the file, never a crash and never half a file silently."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from helpers.source_rows import make, read
from penstock.batches import RowBatch
from penstock.errors import ConfigError, DataError

ROWS = [{"text": f"secret é {n}\n" * 3, "id": n} for n in range(30)]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


def parquet() -> bytes:
    """Return rows as a Parquet file."""
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(ROWS), out, row_group_size=10)
    return out.getvalue().to_pybytes()


def arrow() -> bytes:
    """Return rows as an Arrow stream."""
    table = pa.Table.from_pylist(ROWS)
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    return out.getvalue().to_pybytes()


FILES: dict[str, tuple[str, Callable[[], bytes], dict[str, Any]]] = {
    "a.jsonl": ("jsonl", lambda: LINES, {}),
    "a.jsonl.gz": ("jsonl", lambda: gzip.compress(LINES, mtime=0), {}),
    "a.jsonl.zst": ("jsonl", lambda: zstandard.compress(LINES), {}),
    "a.csv": ("csv", lambda: b'text,id\n"secret\n",1\nsecret "b",2\n' * 3, {}),
    "a.json": ("cohorts", lambda: json.dumps({"rows": ROWS}).encode(), {"records": "rows[*]"}),
    "a.parquet": ("parquet", parquet, {}),
    "d/a.arrow": ("hf_disk", arrow, {}),
}
CONTENTS = {name: content() for name, (_, content, _) in FILES.items()}


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_corrupt_and_truncated_files_are_errors_or_bad_rows(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    kind, _, settings = FILES[name]
    content = bytearray(CONTENTS[name])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    if kind == "hf_disk":
        state = {"_data_files": [{"filename": path.name}]}
        (path.parent / "state.json").write_text(json.dumps(state))
    try:
        _, errors, _ = read(
            make(kind, path=str(path.parent if kind == "hf_disk" else path), **settings),
            split_bytes=500,
            skip=True,
        )
    except (DataError, ConfigError) as error:
        assert path.name in str(error)
        assert "secret" not in str(error)
    else:
        assert "secret" not in str(errors)


def test_rows_before_a_truncation_are_yielded_before_the_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    lines = b"".join(b'{"text": "%d"}\n' % (n * 0x9E3779B97F4A7C15) for n in range(200_000))
    path.write_bytes(gzip.compress(lines)[:-20])
    source = make("jsonl", path=str(path))
    [input_split] = source.input_splits(1 << 24)
    batches = source.read(input_split, None)  # type: ignore[arg-type]
    first = next(iter(batches))
    assert isinstance(first, RowBatch)
    assert first.rows[1] == {"text": str(0x9E3779B97F4A7C15)}
    with pytest.raises(DataError, match="is truncated after"):
        list(batches)
