"""Recipe YAML to a dataset: the plan, the input_splits, the order, the shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.executors import executor as executor_named
from penstock.recipes.building import Built, Listener, Progress, carry_out
from penstock.recipes.describing import recipe_schema
from penstock.recipes.estimating import Estimate, estimate
from penstock.recipes.plan import Plan, make_plan
from penstock.recipes.schema import Recipe, RecipeFile, read_recipe, recipe_of
from penstock.recipes.summary import SummaryTable, summary_tables
from penstock.recipes.tokenizing import load_tokenize

__all__ = [
    "Built",
    "Estimate",
    "Listener",
    "Plan",
    "Progress",
    "Recipe",
    "RecipeFile",
    "SummaryTable",
    "build",
    "carry_out",
    "estimate",
    "load_recipe",
    "load_tokenize",
    "make_plan",
    "read_recipe",
    "recipe_of",
    "recipe_schema",
    "summary_tables",
    "tokenize",
]


def load_recipe(recipe: Path | str, overrides: Sequence[str] = ()) -> Plan:
    """Return the plan of a recipe file, with `key.path=value` overrides; nothing is written.

    Raises ConfigError, with line and caret, for what does not fit, and ConflictError where
    something else stands in the place of the dataset.
    """
    return make_plan(read_recipe(Path(recipe), overrides))


def build(
    recipe: Path | str | Plan,
    overrides: Sequence[str] = (),
    *,
    workers: int | None = None,
    executor: str = "local",
    executor_options: Mapping[str, Any] | None = None,
    listener: Listener = lambda _: None,
) -> Built:
    """Build the dataset of a recipe (a file, or its plan) and return it with its manifest.

    `workers` work at a time, by default one a core; `executor_options` are the other settings of
    the executor. Raises as `load_recipe` and `carry_out` do.
    """
    plan = recipe if isinstance(recipe, Plan) else load_recipe(recipe, overrides)
    return carry_out(plan, executor_named(executor, workers, executor_options), listener)


def tokenize(
    inputs: Sequence[str],
    tokenizer: Path | str,
    output_prefix: Path | str,
    *,
    key: str = "text",
    append_eod: bool = False,
    options: Mapping[str, Any] | None = None,
    workers: int | None = None,
) -> Built:
    """Tokenize JSON Lines into `{output_prefix}_{key}_document.bin` and `.idx`.

    The bytes are those of Megatron-LM's tools/preprocess_data.py; `options` are those of
    `load_tokenize`. Raises as `load_tokenize` and
    `carry_out` do.
    """
    plan = load_tokenize(
        inputs, tokenizer, output_prefix, key=key, append_eod=append_eod, options=options
    )
    return carry_out(plan, executor_named("local", workers))
