"""Fixtures that the tests of experiments share."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A working directory with a dataset, which is also that of this process."""
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path)
