"""What `make test` notes of LLaMA-Factory's environment: where it is, if it was made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"
#: What stands for `penstock doctor --install llamafactory`, which makes the mark at the very end.
INSTALL = 'mkdir -p "$LLAMAFACTORY_VENV"; echo 1 >"$LLAMAFACTORY_VENV/penstock-requirements.sha256"'
FAIL = 'mkdir -p "$LLAMAFACTORY_VENV"; : >"$LLAMAFACTORY_VENV/penstock-requirements.sha256"; exit 2'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory with the Makefile and what the stamp is made from."""
    if shutil.which("make") is None:
        pytest.skip("make is not here")
    shutil.copy(MAKEFILE, tmp_path)
    pins = tmp_path / "src" / "penstock" / "trainers" / "llamafactory" / "requirements.txt"
    for file in (pins, tmp_path / ".venv" / "bin" / "penstock", tmp_path / ".venv" / "test.stamp"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def make(checkout: Path, doctor: str) -> str | None:
    """Make the stamp with a doctor of this script; return what it holds, None for no stamp."""
    program = checkout / ".venv" / "bin" / "penstock"
    program.write_text(f"#!/bin/sh\n{doctor}\n")
    program.chmod(0o755)
    stamp = ".venv/llamafactory.stamp"
    subprocess.run(["make", "-o", ".venv/test.stamp", stamp], cwd=checkout, check=True)
    return (checkout / stamp).read_text().strip() if (checkout / stamp).exists() else None


def test_what_was_made_counts_whatever_else_the_doctor_finds_broken(checkout: Path) -> None:
    assert make(checkout, f"{INSTALL}; exit 1") == str(checkout / ".venv" / "llamafactory")


def test_what_was_not_made_is_not_noted_and_is_tried_again(checkout: Path) -> None:
    assert make(checkout, FAIL) is None
    assert make(checkout, INSTALL) == str(checkout / ".venv" / "llamafactory")
