"""Every list is a dimension of the grid, method by method."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.grids import plan, plan_text, refusal, values
from helpers.workspace import write_rte
from penstock import load_experiment

pytestmark = pytest.mark.usefixtures("workspace")


def test_an_experiment_of_the_old_automation_resolves_unchanged() -> None:
    grid = plan_text(
        """
        experiment:
          purpose: "baseline_comparison"

        model: "meta-llama/Llama-3.2-1B"
        task: "Copa"
        method: "zo"

        data:
          path: "data/original/Copa"

        hyperparameters:
          learning_rate: [1e-6, 5e-7, 2e-7, 1e-7]
          batch_size: 16
          steps: 20000
          seed: 0
        """
    )
    assert values(grid, "method", "learning_rate", "batch_size", "steps", "seed") == [
        ("zo", rate, 16, 20000, 0) for rate in (1e-6, 5e-7, 2e-7, 1e-7)
    ]


def test_a_rate_in_scientific_notation_is_a_number() -> None:
    (run,) = plan().runs
    assert run.config.hyperparameters["learning_rate"] == 1e-6
    assert type(run.config.hyperparameters["learning_rate"]) is float


def test_steps_in_scientific_notation_are_a_whole_number() -> None:
    (run,) = plan(hyperparameters="{learning_rate: 1e-6, steps: 2e4}").runs
    assert run.config.hyperparameters["steps"] == 20000
    assert type(run.config.hyperparameters["steps"]) is int


def test_lists_make_a_product_in_the_order_of_the_file() -> None:
    grid = plan(hyperparameters="{learning_rate: [1e-6, 1e-7], seed: [1, 0], batch_size: [8, 4]}")
    assert values(grid, "learning_rate", "seed", "batch_size") == [
        (rate, seed, size) for rate in (1e-6, 1e-7) for seed in (1, 0) for size in (8, 4)
    ]


def test_models_tasks_and_methods_are_dimensions_too() -> None:
    write_rte(Path("data/original/RTE"))
    grid = plan(
        model="[org/a, org/b]",
        task="[Copa, rte]",
        method="[zo, fo_full]",
        data="{path: 'data/original/{task}'}",
    )
    assert values(grid, "method", "model", "task") == [
        (method, model, task)
        for method in ("zo", "fo_full")
        for model in ("org/a", "org/b")
        for task in ("copa", "rte")
    ]


def test_methods_may_have_their_own_hyperparameters() -> None:
    grid = plan_text(
        """
        experiment: {purpose: p}
        model: org/m
        task: Copa
        method:
          zo: {learning_rate: [1e-6, 1e-7], zo_eps: 1e-2}
          fo_full:
          fo_lora: {learning_rate: 1e-4, lora_rank: [8, 16], steps: 3}
        data: {path: data/original/Copa}
        hyperparameters: {learning_rate: 1e-5, steps: 7}
        """
    )
    names = ("method", "learning_rate", "zo_eps", "lora_rank", "steps")
    assert values(grid, *names) == [
        ("zo", 1e-6, 1e-2, None, 7),
        ("zo", 1e-7, 1e-2, None, 7),
        ("fo_full", 1e-5, None, None, 7),
        ("fo_lora", 1e-4, None, 8, 3),
        ("fo_lora", 1e-4, None, 16, 3),
    ]
    assert grid.notes == []


def test_a_hyperparameter_that_a_method_lacks_is_ignored_for_it_and_noted() -> None:
    grid = plan(
        method="[zo, fo_lora]",
        hyperparameters="{learning_rate: 1e-5, lora_rank: [4, 8], lora_alpha: 32}",
    )
    assert values(grid, "method", "lora_rank", "lora_alpha") == [
        ("zo", None, None),
        ("fo_lora", 4, 32),
        ("fo_lora", 8, 32),
    ]
    assert grid.notes == [
        "hyperparameters.lora_rank is not used by zo",
        "hyperparameters.lora_alpha is not used by zo",
    ]


def test_defaults_are_filled_in() -> None:
    (run,) = plan().runs
    assert run.config.hyperparameters["steps"] == 20000
    assert run.config.hyperparameters["dev_samples"] == 100, "the task's convention"
    assert run.config.hyperparameters["train_as_classification"] is False


def test_a_repeated_value_is_one_run_and_is_noted() -> None:
    grid = plan(hyperparameters="{learning_rate: [1e-6, 0.000001]}")
    assert len(grid.runs) == 1
    assert grid.notes == ["1 of 2 cells give the same run as another cell"]


def test_overrides_replace_values_and_add_dimensions() -> None:
    grid = plan(
        "hyperparameters.learning_rate=[1e-3, 1e-4]",
        "hyperparameters.seed=[0, 1]",
        "method=fo_full",
        "experiment.purpose=q",
        hyperparameters="{learning_rate: 1e-6, steps: 5}",
    )
    assert values(grid, "method", "learning_rate", "seed", "steps") == [
        ("fo_full", rate, seed, 5) for rate in (1e-3, 1e-4) for seed in (0, 1)
    ]
    assert {run.config.purpose for run in grid.runs} == {"q"}


def test_an_invalid_override_is_located_on_the_command_line() -> None:
    error = refusal("hyperparameters.learning_rat=1e-3")
    assert error == (
        "command line: hyperparameters.learning_rat: unknown key; did you mean 'learning_rate'?"
    )
    assert refusal("hyperparameters.steps=many") == (
        "command line: hyperparameters.steps: must be a whole number, not 'many'"
    )


def test_text_that_looks_like_a_list_is_refused() -> None:
    error = refusal(method="fo_lora", hyperparameters='{learning_rate: 1e-4, lora_rank: "[8, 16]"}')
    assert "hyperparameters.lora_rank: must be a whole number, not '[8, 16]'" in error


@given(
    rates=st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=3, unique=True),
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=3, unique=True),
    sizes=st.lists(st.integers(1, 64), min_size=1, max_size=3, unique=True),
    methods=st.lists(
        st.sampled_from(["zo", "fo_full", "fo_lora"]), min_size=1, max_size=3, unique=True
    ),
)
def test_a_grid_is_the_product_of_its_lists_with_distinct_identities(
    rates: list[float],
    seeds: list[int],
    sizes: list[int],
    methods: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.getbasetemp() / "property.yaml"
    given_values = {"learning_rate": rates, "seed": seeds, "batch_size": sizes}
    lists = ", ".join(f"{name}: {values}" for name, values in given_values.items())
    file.write_text(
        "experiment: {purpose: p}\nmodel: org/m\ntask: Copa\n"
        f"method: {methods}\ndata: {{path: {Path('data/original/Copa').resolve()}}}\n"
        f"hyperparameters: {{{lists}}}\n"
    )
    grid = load_experiment(file)
    assert values(grid, "method", "learning_rate", "seed", "batch_size") == [
        (method, rate, seed, size)
        for method in methods
        for rate in rates
        for seed in seeds
        for size in sizes
    ]
    identities = [run.identity for run in grid.runs]
    assert len(set(identities)) == len(identities)
    assert [run.identity for run in load_experiment(file).runs] == identities
