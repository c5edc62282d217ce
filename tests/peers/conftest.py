"""Fixtures of the tests against peers."""

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
    """A real LLaMA-Factory: the one in LLAMAFACTORY_VENV, which is not changed.

    Otherwise an environment with the pinned versions is created in the cache and reused.
    """
    if os.environ.get(VARIABLE):
        return require_environment()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = caches / "penstock" / f"llamafactory-{requirements_hash()[:16]}"
    try:
        return create_environment(path)
    except PenstockError as error:
        pytest.skip(f"LLaMA-Factory cannot be installed: {error}")
