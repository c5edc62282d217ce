"""Fixtures of the report tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.chromium import Page, browser_session
from helpers.composed_runs import ComposedRuns, write_copa


@pytest.fixture
def runs(tmp_path: Path) -> ComposedRuns:
    """An empty results directory, and a dataset for its runs."""
    return ComposedRuns(tmp_path / "Results", write_copa(tmp_path / "data" / "Copa"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A headless Chromium."""
    yield from browser_session(tmp_path_factory.mktemp("chromium"))
