"""What the tests against peers share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.backends.llamafactory.environment import VARIABLE, Environment
from penstock.backends.llamafactory.installing import install, requirements_hash
from penstock.errors import PenstockError


@pytest.fixture(scope="session")
def llamafactory() -> Environment:
    """A real LLaMA-Factory, of the versions that are pinned; it is made where there is none.

    `make test` has made it; else it is kept for the next time, by the hash of its pins.
    """
    named = os.environ.get(VARIABLE)
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = caches / "penstock" / f"llamafactory-{requirements_hash()[:16]}"
    try:
        return install(Path(named) if named else kept)
    except PenstockError as error:
        pytest.skip(f"LLaMA-Factory cannot be installed here: {error}")
