"""Which tokenizer made the tokens of a build: that of its step, or that of its sources."""

from __future__ import annotations

from typing import Any

from penstock.errors import ConfigError
from penstock.recipes.schema import Recipe


def tokenizer_of(recipe: Recipe) -> dict[str, Any] | None:
    """Return what the manifest says of the tokenizer, None where there is none.

    Raises ConfigError where sources of tokens were made by different tokenizers: ids of one mean
    nothing to another, and most are in range.
    """
    for step in recipe.steps:
        if (identity := step.tokenizer_identity()) is not None:
            return identity
    known = {name: source.tokenizer_identity() for name, source in recipe.sources.items()}
    hashes = {name: each["sha256"] for name, each in known.items() if each is not None}
    if len(set(hashes.values())) > 1:
        (one, first), (other, second) = [
            next((name, value) for name, value in hashes.items() if value == wanted)
            for wanted in list(dict.fromkeys(hashes.values()))[:2]
        ]
        raise ConfigError(
            f"sources {one} and {other} were made by different tokenizers ({first}, {second}); "
            "build them again with one"
        )
    return next((each for each in known.values() if each is not None), None)
