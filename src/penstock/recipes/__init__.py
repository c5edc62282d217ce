"""Recipe YAML to a dataset: plan, input splits, partial outputs, order, shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.executors import executor as executor_named
from penstock.recipes.build import Built, Progress, ProgressCallback, execute
from penstock.recipes.estimate import Estimate, estimate
from penstock.recipes.plan import BuildPlan, load_tokenize, make_plan
from penstock.recipes.recipe import Recipe, read_recipe, recipe_of
from penstock.recipes.report import SummaryTable, summary_tables
from penstock.recipes.schema import RecipeFile, recipe_schema

__all__ = [
    "BuildPlan",
    "Built",
    "Estimate",
    "Progress",
    "ProgressCallback",
    "Recipe",
    "RecipeFile",
    "SummaryTable",
    "build",
    "estimate",
    "execute",
    "load_recipe",
    "load_tokenize",
    "make_plan",
    "read_recipe",
    "recipe_of",
    "recipe_schema",
    "summary_tables",
    "tokenize",
]


def load_recipe(recipe: Path | str, overrides: Sequence[str] = ()) -> BuildPlan:
    """Return the plan of a recipe file with `key.path=value` overrides; nothing is written.

    Raises ConfigError, with line and caret, for what is invalid, and ConflictError if something
    else exists at the output.
    """
    return make_plan(read_recipe(Path(recipe), overrides))


def build(
    recipe: Path | str | BuildPlan,
    overrides: Sequence[str] = (),
    *,
    workers: int | None = None,
    executor: str = "local",
    executor_options: Mapping[str, Any] | None = None,
    on_progress: ProgressCallback = lambda _: None,
) -> Built:
    """Build the dataset of a recipe (a file, or its plan) and return it with its manifest.

    `workers` is the number of parallel workers, by default one per core; `executor_options` are
    further settings of the executor. Raises as `load_recipe` and `execute` do.
    """
    plan = recipe if isinstance(recipe, BuildPlan) else load_recipe(recipe, overrides)
    return execute(plan, executor_named(executor, workers, executor_options), on_progress)


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
    `load_tokenize`. Raises as `load_tokenize` and `execute` do.
    """
    plan = load_tokenize(
        inputs, tokenizer, output_prefix, key=key, append_eod=append_eod, options=options
    )
    return execute(plan, executor_named("local", workers))
