"""Sources of files behind URLs: in memory, and on a web server with and without ranges."""

from __future__ import annotations

import gzip
import hashlib
import json
import multiprocessing
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.source_rows import make, read, rows_of, texts_of
from penstock.errors import ConfigError, DataError, MissingExtraError
from penstock.sources import describe_input

fsspec = pytest.importorskip("fsspec")

ROWS = [{"text": f"text {n}", "id": n} for n in range(400)]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


class CompleteFiles(SimpleHTTPRequestHandler):
    """Serves complete files."""

    def log_message(self, *args: Any) -> None:
        """Log nothing."""


class RangeFiles(CompleteFiles):
    """Serves files and byte ranges."""

    def do_GET(self) -> None:
        """Send the requested bytes."""
        path = Path(self.translate_path(self.path))
        asked = self.headers.get("Range")
        if asked is None or not path.is_file():
            super().do_GET()
            return
        data = path.read_bytes()
        first, last = asked.removeprefix("bytes=").split("-")
        start, stop = int(first), min(int(last or len(data) - 1) + 1, len(data))
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self.wfile.write(data[start:stop])


@pytest.fixture(params=[CompleteFiles, RangeFiles])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a web server on the files of `tmp_path`."""
    pytest.importorskip("aiohttp")

    def handler(*args: Any) -> SimpleHTTPRequestHandler:
        found: SimpleHTTPRequestHandler = request.param(*args, directory=str(tmp_path))
        return found

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def memory() -> Iterator[Any]:
    """The file system behind `memory://`, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def test_files_in_memory_are_found_cut_and_read(memory: Any) -> None:
    memory.pipe("/data/2.jsonl", LINES)
    memory.pipe("/data/10.jsonl.gz", gzip.compress(LINES))
    memory.pipe("/data/other.txt", b"text")
    source = make("jsonl", path="memory://data/*.jsonl*")
    assert [path.rpartition("/")[2] for path in source.inputs()] == ["2.jsonl", "10.jsonl.gz"]
    assert len(source.input_splits(2000)) > 5
    assert rows_of(source, split_bytes=2000) == ROWS + ROWS


def test_a_bad_line_behind_a_url_is_reported_and_skipped(memory: Any) -> None:
    memory.pipe("/data/a.jsonl", LINES + b"{\n" + LINES)
    rows, errors, _ = read(make("jsonl", path="memory://data/a.jsonl"), split_bytes=3000, skip=True)
    assert rows == ROWS + ROWS
    assert [(file, line) for file, line, _ in errors] == [("memory://data/a.jsonl", 401)]


@pytest.mark.parametrize("path", ["memory://data/none.jsonl", "memory://data/*.jsonl"])
def test_a_url_without_a_file_is_refused(memory: Any, path: str) -> None:
    with pytest.raises(ConfigError, match=r"no such file|matches no file"):
        make("jsonl", path=path).inputs()


def test_an_unknown_kind_of_url_is_refused() -> None:
    with pytest.raises(ConfigError, match="nowhere://a: Protocol not known: nowhere"):
        make("jsonl", path="nowhere://a").inputs()


def test_every_kind_of_source_reads_urls(memory: Any, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=50)
    memory.pipe("/a.parquet", (tmp_path / "a.parquet").read_bytes())
    assert rows_of(make("parquet", path="memory://a.parquet"), split_bytes=500) == ROWS
    arrow = pa.BufferOutputStream()
    with pa.ipc.new_stream(arrow, table.schema) as writer:
        writer.write_table(table)
    memory.pipe("/d/a.arrow", arrow.getvalue().to_pybytes())
    memory.pipe("/d/state.json", b'{"_data_files": [{"filename": "a.arrow"}]}')
    assert rows_of(make("hf_disk", path="memory://d"), split_bytes=500) == ROWS
    memory.pipe("/a.csv", b"text,id\n" + b"".join(b"%(text)s,1\n" % {b"text": b"t"} for _ in ROWS))
    assert texts_of(make("csv", path="memory://a.csv")) == ["t"] * len(ROWS)
    memory.pipe("/a.txt", b"one\n\ntwo\n")
    assert texts_of(make("text", path="memory://*.txt", documents="paragraph")) == ["one", "two"]
    memory.pipe("/a.json", json.dumps({"rows": ROWS, "name": "n"}).encode())
    cohorts = make("cohorts", path="memory://a.json", records="rows[*]", metadata={"name": "^name"})
    assert rows_of(cohorts)[7] == {"text": "text 7", "name": "n"}


def test_files_of_a_web_server_are_read_with_or_without_ranges(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINES)
    source = make("jsonl", path=f"{server}/a.jsonl")
    input_splits = source.input_splits(2000)
    assert len(input_splits) in (1, 6)
    assert rows_of(source, split_bytes=2000) == ROWS


def test_compressed_files_of_a_web_server_are_streamed(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINES))
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(LINES)[:-9])
    assert rows_of(make("jsonl", path=f"{server}/a.jsonl.gz?version=1")) == ROWS
    with pytest.raises(DataError, match=r"cut\.jsonl\.gz: is truncated after \d+ lines"):
        rows_of(make("jsonl", path=f"{server}/cut.jsonl.gz"))


def test_a_missing_file_on_a_web_server_is_an_error(server: str) -> None:
    with pytest.raises(ConfigError, match="there is no such file, or it cannot be reached"):
        make("jsonl", path=f"{server}/none.jsonl").inputs()


def test_input_splits_made_before_a_fork_can_be_read_after_it(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINES)
    source = make("jsonl", path=f"{server}/a.jsonl")
    assert source.input_splits(2000)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(rows_of, (source,)) == ROWS


def test_an_input_behind_a_url_is_described_by_its_size_and_hash(memory: Any) -> None:
    memory.pipe("/a.jsonl", LINES)
    entry = describe_input("memory://a.jsonl")
    assert entry.path == "memory://a.jsonl"
    assert entry.size == len(LINES)
    assert entry.sha256 == f"sha256:{hashlib.sha256(LINES).hexdigest()}"


def test_the_error_for_missing_fsspec_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'penstock\[remote\]'"):
        make("jsonl", path="gs://bucket/a.jsonl").inputs()
