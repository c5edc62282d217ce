"""Trees that the tests of the migration share."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.migration_trees import write_old_tree


@pytest.fixture
def src(tmp_path: Path) -> Path:
    """An old tree: Copa with versions, CB with one, and things that are no data."""
    return write_old_tree(tmp_path / "old")


@pytest.fixture
def dst(tmp_path: Path) -> Path:
    """Where the migration writes; not there yet."""
    return tmp_path / "new" / "0_data"
