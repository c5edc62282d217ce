"""Source and destination trees of the migration tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.migration_trees import write_old_tree


@pytest.fixture
def src(tmp_path: Path) -> Path:
    """An old tree: Copa with five versions, CB with one, and files that are not data."""
    return write_old_tree(tmp_path / "old")


@pytest.fixture
def dst(tmp_path: Path) -> Path:
    """The destination, which does not exist yet."""
    return tmp_path / "new" / "0_data"
