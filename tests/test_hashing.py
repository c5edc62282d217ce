"""A file is hashed while it is written, and what goes wrong on the way ends the writing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.files import HashedFile


@given(st.lists(st.binary(max_size=50), max_size=30))
def test_the_hash_is_that_of_every_byte_of_the_file(
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
def test_a_full_disk_is_an_error_and_the_process_ends(size: int) -> None:
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


def test_what_cannot_be_hashed_is_an_error_and_the_writer_does_not_wait(tmp_path: Path) -> None:
    with pytest.raises(TypeError), HashedFile(tmp_path / "hashed") as out:
        for data in ["no bytes", *[b"x"] * 20]:
            out._buffers.put(data)


def test_an_error_of_the_block_goes_to_the_caller(tmp_path: Path) -> None:
    with pytest.raises(KeyError), HashedFile(tmp_path / "hashed") as out:
        out.write(b"x")
        raise KeyError
