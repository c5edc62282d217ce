"""Which tokenizer made the tokens of a build: that of its step, or that of its sources."""

from __future__ import annotations

from typing import Any

from penstock.errors import ConfigError
from penstock.recipes.schema import Recipe


def tokenizer_of(recipe: Recipe) -> dict[str, Any] | None:
    """Return what the manifest says of the tokenizer, None where there is none.

    Raises ConfigError where sources of tokens were made by different tokenizers, or one of them by
    nobody knows which: ids of one tokenizer mean nothing to another, and most are in range.
    """
    for step in recipe.steps:
        if (identity := step.tokenizer_identity()) is not None:
            return identity
    told = {
        name: source.tokenizer_identity()
        for name, source in recipe.sources.items()
        if not source.synthetic
    }
    known = {name: identity for name, identity in told.items() if identity is not None}
    if not known:
        return None
    first, tokenizer = next(iter(known.items()))
    for name, identity in told.items():
        if identity is None:
            raise ConfigError(
                f"nobody knows by which tokenizer the source {name} was made, and {first} was made "
                f"by {tokenizer['path']}; say it with tokenizer: DIR"
            )
        if identity["sha256"] != tokenizer["sha256"]:
            raise ConfigError(
                f"the sources {first} and {name} were made by different tokenizers "
                f"({tokenizer['path']}, {identity['path']}); build them again with one"
            )
    return tokenizer
