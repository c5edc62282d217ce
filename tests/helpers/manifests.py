"""Recipes of manifests, for tests that write manifests themselves."""

from __future__ import annotations

from typing import Any

from penstock.manifest import BuildRecipe


def build_recipe(**settings: Any) -> BuildRecipe:
    """Return the recipe of a dataset that was built from nothing."""
    return BuildRecipe(**{"sources": {}, "format": {}, "output": "dataset", **settings})
