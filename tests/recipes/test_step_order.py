"""The order in a recipe is the order of execution; another is refused with the order to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.errors import ConfigError, StepError

Recipe = Callable[..., Path]

FILTER: dict[str, Any] = {"filter": {"where": "id >= 100", "max_dropped": 0.5}}


def steps_of(tokenizer: Path) -> dict[str, Any]:
    return {
        "filter": FILTER,
        "tokenize": {"tokenize": {"tokenizer": str(tokenizer)}},
        "split": {"split": {"context": 16}},
        "deduplicate": {"deduplicate": {"on": "patient", "max_dropped": 1}},
        "pack": {"pack": {"context": 64}},
        "shuffle": "shuffle",
    }


@pytest.mark.parametrize(
    ("written", "to_write"),
    [
        ("deduplicate filter tokenize", "filter, tokenize, deduplicate"),
        ("tokenize filter", "filter, tokenize"),
        ("deduplicate tokenize", "tokenize, deduplicate"),
        ("tokenize deduplicate split", "tokenize, split, deduplicate"),
        ("tokenize shuffle deduplicate", "tokenize, deduplicate, shuffle"),
        ("tokenize pack split", "tokenize, split, pack"),
        ("shuffle filter tokenize", "filter, tokenize, shuffle"),
    ],
)
def test_an_order_that_cannot_run_is_refused_with_the_order_to_write(
    recipe: Recipe, tiny_tokenizer: Path, written: str, to_write: str
) -> None:
    steps = steps_of(tiny_tokenizer)
    path = recipe(steps=[steps[name] for name in written.split()])
    with pytest.raises(ConfigError) as caught:
        penstock.load_recipe(path)
    error = caught.value
    lines = path.read_text().splitlines()
    assert error.line is not None
    assert error.column is not None
    # The caret is at the step that comes too late.
    late = lines[error.line - 1][error.column - 1 :].partition(":")[0].strip()
    assert f"`{late}` works on" in error.message
    assert error.message.endswith(f"Steps run in the order written; write: {to_write}")
    order = [steps[name] for name in to_write.split(", ")]
    penstock.load_recipe(recipe(steps=order))


def test_a_threshold_counts_the_rows_that_the_step_is_given(recipe: Recipe, tmp_path: Path) -> None:
    """100 of 200 rows are dropped: half, if the filter runs on all; all of the rest, if second."""
    first = {"filter": {"where": "id < 100", "max_dropped": 0.5, "name": "first"}}
    built = penstock.build(recipe(steps=[first], format="jsonl"))
    assert built.manifest.report("filter.first").kept == 100
    with pytest.raises(StepError, match="100 of 100 documents dropped"):
        penstock.build(
            recipe(steps=[first, FILTER], format="jsonl", name="other"),
            [f"output={tmp_path / 'other'}"],
        )


def test_rows_are_compared_after_the_filter_before_deduplicate(recipe: Recipe) -> None:
    """The first row of each patient is dropped by the filter; a later one is kept."""
    deduplicate = {"deduplicate": {"on": "patient", "max_dropped": 1}}
    built = penstock.build(recipe(steps=[FILTER, deduplicate], format="jsonl"))
    assert built.manifest.report("filter").kept == 100
    assert built.manifest.report("deduplicate").kept == 7


def test_only_one_step_decides_what_is_stored(recipe: Recipe, tiny_tokenizer: Path) -> None:
    tokenize = steps_of(tiny_tokenizer)["tokenize"]
    with pytest.raises(ConfigError, match="`keep` already decides what is stored; keep one"):
        penstock.load_recipe(recipe(steps=[{"keep": {"fields": ["text"]}}, tokenize]))
