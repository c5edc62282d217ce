"""Fixtures that the tests of experiments share."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A working directory with a dataset, which this process is in too."""
    monkeypatch.chdir(tmp_path)
    return Workplace(tmp_path)
