"""Fixtures of the demo tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.chromium import Page, browser_session


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A headless Chromium."""
    yield from browser_session(tmp_path_factory.mktemp("chromium"))
