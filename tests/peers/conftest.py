"""What the tests against peers share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.errors import PenstockError
from penstock.trainers.llamafactory.environment import (
    VARIABLE,
    Environment,
    create_environment,
    require_environment,
    requirements_hash,
)


@pytest.fixture(scope="session")
def llamafactory() -> Environment:
    """A real LLaMA-Factory: the one that LLAMAFACTORY_VENV names, which stays as it is.

    Else one of the versions that are pinned is made, and kept for the next time by their hash.
    """
    if os.environ.get(VARIABLE):
        return require_environment()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = caches / "penstock" / f"llamafactory-{requirements_hash()[:16]}"
    try:
        return create_environment(kept)
    except PenstockError as error:
        pytest.skip(f"LLaMA-Factory cannot be installed here: {error}")
