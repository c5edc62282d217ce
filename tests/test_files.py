"""Files and directories are complete or absent, whatever happens while they are written."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.killed_writes import NEW, WRITES
from penstock.files import (
    HashedFile,
    entries_by_folded_name,
    is_staging,
    natural_key,
    plural,
    sha256_of,
    staged_directory,
    staged_file,
    staging_path,
    write_atomic,
)


def killed_writes(kind: str, root: Path) -> list[Path]:
    """Return the directories of writes that were killed one file-system change later each."""
    script = ("-m", "helpers.killed_writes")
    subprocess.run([sys.executable, *script, kind, root], check=True, timeout=100)
    return sorted((path for path in root.iterdir() if path.name != "start"), key=str)


@pytest.mark.parametrize("old", [b"old", None], ids=["over an old file", "new file"])
def test_a_killed_write_leaves_the_old_or_the_new_bytes(tmp_path: Path, old: bytes | None) -> None:
    start = tmp_path / "start"
    start.mkdir()
    if old is not None:
        (start / "a.txt").write_bytes(old)
    directories = killed_writes("file", tmp_path)
    left = {(p / "a.txt").read_bytes() if (p / "a.txt").exists() else None for p in directories}
    assert left == {old, NEW}
    unfinished = [p for p in directories if {e.name for e in p.iterdir()} - {"a.txt"}]
    assert unfinished
    for directory in unfinished:
        assert all(is_staging(e.name) for e in directory.iterdir() if e.name != "a.txt")
        write_atomic(directory / "a.txt", NEW)
        assert [e.name for e in directory.iterdir()] == ["a.txt"]
        assert (directory / "a.txt").read_bytes() == NEW


def test_a_killed_write_of_a_directory_leaves_it_complete_or_absent(tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    directories = killed_writes("directory", tmp_path)
    assert len(directories) > 4
    for directory in directories:
        made = directory / "made"
        if not made.exists():
            WRITES["directory"](directory)
        assert {entry.name: entry.read_bytes() for entry in made.iterdir()} == {
            "one": NEW,
            "two": NEW,
        }
        assert [entry.name for entry in directory.iterdir()] == ["made"]


def test_text_is_written_as_utf8(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.txt", "naïve")
    assert (tmp_path / "a.txt").read_bytes() == "naïve".encode()


def test_a_failed_write_leaves_only_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), staged_file(target) as staging:
        staging.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_failed_write_of_a_directory_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staged_directory(tmp_path / "a") as staging:
        (staging / "half").write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_content_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "kept").write_text("kept")
    with pytest.raises(OSError, match="not empty"), staged_directory(tmp_path / "a") as staging:
        (staging / "new").write_text("new")
    assert (tmp_path / "a" / "kept").read_text() == "kept"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_staging_files_of_a_killed_process_are_removed_first(tmp_path: Path) -> None:
    leftover = staging_path(tmp_path / "a")
    leftover.mkdir()
    (leftover / "half").write_text("half")
    with staged_directory(tmp_path / "a") as staging:
        assert list(staging.iterdir()) == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["a.txt", "Copa", ".hidden", "a.partial", "x.y.z"])
def test_staging_names_are_recognised(name: str) -> None:
    assert is_staging(staging_path(Path("dir") / name).name)
    assert staging_path(Path("dir") / name).parent == Path("dir")
    assert not is_staging(name)


def test_the_hash_of_a_file_covers_every_byte(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    (tmp_path / "a").write_bytes(data)
    assert sha256_of(tmp_path / "a") == f"sha256:{hashlib.sha256(data).hexdigest()}"
    (tmp_path / "a").write_bytes(data[:-1] + b"x")
    assert sha256_of(tmp_path / "a") != f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_versions_are_in_natural_order() -> None:
    versions = ["version_13-2", "version_9-2", "version_13-1", "version_1", "version_10-1", "v"]
    assert sorted(versions, key=natural_key) == [
        *("v", "version_1", "version_9-2", "version_10-1", "version_13-1", "version_13-2"),
    ]


@given(st.text(max_size=4), st.integers(0, 10**9), st.integers(0, 10**9), st.text(max_size=4))
def test_numbers_after_the_same_text_are_ordered_by_value(
    before: str, one: int, other: int, after: str
) -> None:
    before, after = f"{before}-", f".{after}"
    keys = natural_key(f"{before}{one}{after}"), natural_key(f"{before}{other}{after}")
    assert (keys[0] < keys[1]) == (one < other)
    assert (keys[0] == keys[1]) == (one == other)


@given(st.lists(st.text("av01９-._é", max_size=6), unique=True), st.randoms())
def test_the_natural_order_does_not_depend_on_the_order_before(
    texts: list[str], random: object
) -> None:
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sorted(shuffled, key=natural_key) == sorted(texts, key=natural_key)


@given(st.text(max_size=6), st.text(min_size=1, max_size=6))
def test_a_prefix_is_ordered_first(text: str, more: str) -> None:
    if not (text[-1:].isdecimal() and more[0].isdecimal()):
        assert natural_key(text) < natural_key(text + more)


def test_entries_are_grouped_by_case_folded_name(tmp_path: Path) -> None:
    for name in ("copa_train.jsonl", "Copa_Train.jsonl", "STRASSE", "straße", ".x.partial"):
        (tmp_path / name).touch()
    grouped = {
        name: [entry.name for entry in entries]
        for name, entries in entries_by_folded_name(tmp_path).items()
    }
    assert grouped == {
        "copa_train.jsonl": ["Copa_Train.jsonl", "copa_train.jsonl"],
        "strasse": ["STRASSE", "straße"],
    }


def test_plural() -> None:
    assert [plural(count, "row") for count in (0, 1, 2, 1000)] == [
        *("0 rows", "1 row", "2 rows", "1,000 rows")
    ]


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("source")
    (tmp_path / "a").symlink_to("source")
    write_atomic(tmp_path / "a", "new")
    assert (tmp_path / "source").read_text() == "source"
    assert not (tmp_path / "a").is_symlink()
    shutil.copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "new"


@given(st.lists(st.binary(max_size=50), max_size=30))
def test_a_file_is_hashed_while_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, buffers: list[bytes]
) -> None:
    path = tmp_path_factory.getbasetemp() / "hashed"
    with HashedFile(path) as out:
        for data in buffers:
            out.write(data)
    assert path.read_bytes() == b"".join(buffers)
    assert out.sha256 == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_hashed_file_on_a_full_disk_is_an_error_and_the_process_ends(size: int) -> None:
    program = f"""
from pathlib import Path
from penstock.files import HashedFile
with HashedFile(Path("/dev/full")) as out:
    for _ in range(20):
        out.write(b"x" * {size})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


def test_an_error_of_the_hashing_thread_is_raised_and_does_not_block_the_writer(
    tmp_path: Path,
) -> None:
    with pytest.raises(TypeError), HashedFile(tmp_path / "hashed") as out:
        for data in ["no bytes", *[b"x"] * 20]:
            out._buffers.put(data)


def test_an_error_in_the_block_of_a_hashed_file_is_raised(tmp_path: Path) -> None:
    with pytest.raises(KeyError), HashedFile(tmp_path / "hashed") as out:
        out.write(b"x")
        raise KeyError
