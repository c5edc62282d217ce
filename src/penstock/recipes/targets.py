"""The dataset that a recipe's format is asked to write."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.formats import OutputSpec, SplitShape
from penstock.recipes.arranging import Arrangement
from penstock.recipes.schema import Recipe
from penstock.recipes.tokenizers import tokenizer_of


def output_spec_of(
    recipe: Recipe, arrangement: Arrangement, splits: Mapping[str, SplitShape]
) -> OutputSpec:
    """Return the target for splits of these shapes."""
    return OutputSpec(
        directory=recipe.output,
        name=recipe.name,
        splits=splits,
        dtype=arrangement.store.dtype,
        context=arrangement.context,
        pad_id=arrangement.pad_id,
        vocab_size=(tokenizer_of(recipe) or {}).get("vocab_size"),
    )
