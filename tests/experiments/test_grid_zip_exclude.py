"""`zip` combines lists element by element; `exclude` removes cells."""

from __future__ import annotations

import pytest

from helpers.grids import plan, refusal, values

pytestmark = pytest.mark.usefixtures("workspace")

LORA = "{learning_rate: [1e-4, 2e-4], lora_rank: [8, 16, 32], lora_alpha: [16, 32, 64]}"
RATES = "{learning_rate: [1e-4, 1e-5], seed: [0, 1]}"


def test_zipped_lists_are_one_dimension() -> None:
    grid = plan(method="fo_lora", hyperparameters=LORA, zip="[[lora_rank, lora_alpha]]")
    assert values(grid, "learning_rate", "lora_rank", "lora_alpha") == [
        (rate, rank, 2 * rank) for rate in (1e-4, 2e-4) for rank in (8, 16, 32)
    ]


def test_zip_accepts_dotted_keys_and_keys_of_different_sections() -> None:
    grid = plan(
        model="[org/a, org/b]",
        hyperparameters="{learning_rate: [1e-4, 1e-5], seed: [0, 1]}",
        zip="[[hyperparameters.learning_rate, model]]",
    )
    assert values(grid, "model", "learning_rate", "seed") == [
        (model, rate, seed) for model, rate in (("org/a", 1e-4), ("org/b", 1e-5)) for seed in (0, 1)
    ]


def test_two_groups_are_two_dimensions() -> None:
    grid = plan(
        method="fo_lora",
        hyperparameters=LORA.replace("}", ", seed: [0, 1]}"),
        zip="[[lora_rank, lora_alpha], [learning_rate, seed]]",
    )
    assert len(grid.runs) == 3 * 2


def test_a_zipped_hyperparameter_that_a_method_lacks_leaves_the_other_as_a_list() -> None:
    grid = plan(
        method="[zo, fo_lora]",
        hyperparameters="{learning_rate: [1e-4, 1e-5], lora_rank: [8, 16]}",
        zip="[[learning_rate, lora_rank]]",
    )
    assert values(grid, "method", "learning_rate", "lora_rank") == [
        ("zo", 1e-4, None),
        ("zo", 1e-5, None),
        ("fo_lora", 1e-4, 8),
        ("fo_lora", 1e-5, 16),
    ]


def test_zipped_lists_of_different_lengths_are_refused() -> None:
    message = refusal(
        method="fo_lora",
        hyperparameters="{learning_rate: [1e-4, 1e-5], lora_rank: [8, 16, 32]}",
        zip="[[learning_rate, lora_rank]]",
    )
    assert message.startswith(
        "e.yaml:7:7: zip.0: zipped lists must have the same length; "
        "hyperparameters.learning_rate has 2, hyperparameters.lora_rank has 3"
    )


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("[[learning_rat, seed]]", "zip.0.0: unknown key 'learning_rat'; did you mean"),
        (
            "[[learning_rate, batch_size]]",
            "zip.0.1: hyperparameters.batch_size has no value to zip",
        ),
        (
            "[[learning_rate, method]]",
            "zip.0.1: methods cannot be zipped; write the values of each",
        ),
        ("[[seed, learning_rate], [seed]]", "zip.1.0: hyperparameters.seed is in zip twice"),
        ("[[seed, seed]]", "zip.0.1: hyperparameters.seed is in zip twice"),
        ("[seed, learning_rate]", "zip.0: must be a list, not 'seed'"),
    ],
)
def test_an_invalid_zip_group_is_refused_with_its_location(group: str, message: str) -> None:
    assert message in refusal(hyperparameters=RATES, zip=group)


def test_a_rule_excludes_the_cells_that_match_all_its_keys() -> None:
    grid = plan(hyperparameters=RATES, exclude="[{learning_rate: 1e-4, seed: 1}]")
    assert values(grid, "learning_rate", "seed") == [(1e-4, 0), (1e-5, 0), (1e-5, 1)]
    assert grid.notes == []


def test_several_rules_exclude_the_cells_that_match_any_of_them() -> None:
    grid = plan(hyperparameters=RATES, exclude="[{learning_rate: 1e-4}, {seed: 1}]")
    assert values(grid, "learning_rate", "seed") == [(1e-5, 0)]


def test_a_rule_may_have_dotted_keys_and_lists_of_values() -> None:
    grid = plan(
        hyperparameters="{learning_rate: [1e-4, 1e-5], seed: [0, 1, 2]}",
        exclude="[{hyperparameters.seed: [0, 2], method: zo}]",
    )
    assert values(grid, "learning_rate", "seed") == [(1e-4, 1), (1e-5, 1)]


def test_a_rule_matches_default_values() -> None:
    grid = plan(hyperparameters=RATES, exclude="[{steps: 20000, seed: 0}]")
    assert values(grid, "learning_rate", "seed") == [(1e-4, 1), (1e-5, 1)]


def test_a_rule_accepts_both_names_of_a_task() -> None:
    for name in ("Copa", "copa"):
        message = refusal(exclude=f"[{{task: {name}}}]")
        assert "exclude: excludes every run" in message


def test_a_rule_does_not_match_a_method_without_its_hyperparameter() -> None:
    grid = plan(
        method="[zo, fo_lora]",
        hyperparameters="{learning_rate: 1e-4, lora_rank: [8, 16]}",
        exclude="[{lora_rank: 8}]",
    )
    assert values(grid, "method", "lora_rank") == [("zo", None), ("fo_lora", 16)]


def test_a_rule_that_matches_no_run_is_noted() -> None:
    grid = plan(hyperparameters=RATES, exclude="[{seed: 0}, {seed: 7}]")
    assert grid.notes == ["exclude[1] matches no run"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            "[{sed: 0}]",
            "e.yaml:7:12: exclude.0.sed: unknown key 'sed'; did you mean 'seed'",
        ),
        ("[{seed: 0}, {}]", "exclude.1: an empty rule would exclude every run"),
        ("[{seed: [0, 1]}]", "e.yaml:7:1: exclude: excludes every run"),
        ("[{seed: 0, hyperparameters.seed: 1}]", "hyperparameters.seed is in the rule twice"),
        ("[{task: Cppa}]", "exclude.0.task: there is no task 'Cppa'; did you mean"),
    ],
)
def test_an_invalid_rule_is_refused_with_its_location(rules: str, message: str) -> None:
    assert message in refusal(hyperparameters="{learning_rate: 1e-4, seed: [0, 1]}", exclude=rules)
