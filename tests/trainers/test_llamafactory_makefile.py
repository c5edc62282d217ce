"""The stamp of `make test` with the location of LLaMA-Factory's environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"
#: Stubs of `penstock doctor --install llamafactory`, which writes the mark last.
INSTALL = 'mkdir -p "$LLAMAFACTORY_VENV"; echo 1 >"$LLAMAFACTORY_VENV/penstock-requirements.sha256"'
FAIL = 'mkdir -p "$LLAMAFACTORY_VENV"; : >"$LLAMAFACTORY_VENV/penstock-requirements.sha256"; exit 2'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory with the Makefile and the prerequisites of the stamp."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    shutil.copy(MAKEFILE, tmp_path)
    pins = tmp_path / "src" / "penstock" / "trainers" / "llamafactory" / "requirements.txt"
    for file in (pins, tmp_path / ".venv" / "bin" / "penstock", tmp_path / ".venv" / "test.stamp"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def make(checkout: Path, doctor: str) -> str | None:
    """Make the stamp with a script as doctor; return its content, None if there is no stamp."""
    program = checkout / ".venv" / "bin" / "penstock"
    program.write_text(f"#!/bin/sh\n{doctor}\n")
    program.chmod(0o755)
    stamp = ".venv/llamafactory.stamp"
    subprocess.run(["make", "-o", ".venv/test.stamp", stamp], cwd=checkout, check=True)
    return (checkout / stamp).read_text().strip() if (checkout / stamp).exists() else None


def test_a_created_environment_is_stamped_even_if_the_doctor_fails(checkout: Path) -> None:
    assert make(checkout, f"{INSTALL}; exit 1") == str(checkout / ".venv" / "llamafactory")


def test_a_failed_installation_is_not_stamped_and_is_retried(checkout: Path) -> None:
    assert make(checkout, FAIL) is None
    assert make(checkout, INSTALL) == str(checkout / ".venv" / "llamafactory")
