"""`compare`: the rate is chosen on dev, and the evaluation rows choose nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.composed_runs import ComposedRuns, used, write_copa
from penstock.report import Contender, compare
from penstock.runs import State


def only_contender(runs: ComposedRuns, by: tuple[str, ...] = ("method", "data")) -> Contender:
    """Compare runs that are one group, and return their contender."""
    (contender,) = compare(runs.root, by=by).contenders
    return contender


def test_the_rate_with_the_best_dev_score_wins_though_another_evaluates_better(
    runs: ComposedRuns,
) -> None:
    runs.add(rate=1e-6, dev=0.8, score=0.6)
    runs.add(rate=1e-5, dev=0.7, score=0.9)
    chosen = only_contender(runs)
    assert (chosen.learning_rate, chosen.dev_score, chosen.score) == (1e-6, 0.8, 0.6)
    assert chosen.settings == 2


@given(
    cells=st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1)),
        min_size=2,
        max_size=5,
        unique_by=lambda c: c[0],
    )
)
def test_the_evaluation_scores_never_choose(
    cells: list[tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("choice")
    runs = ComposedRuns(root / "Results", write_copa(root / "Copa"))
    for index, (dev, score) in enumerate(cells, 1):
        runs.add(rate=index * 1e-6, dev=dev, score=score)
    best = max(cells)
    chosen = only_contender(runs)
    assert (chosen.dev_score, chosen.score) == best


def test_the_mean_dev_score_over_the_seeds_chooses(runs: ComposedRuns) -> None:
    for seed, dev in enumerate((0.9, 0.3)):
        runs.add(rate=1e-6, seed=seed, dev=dev)
    for seed, dev in enumerate((0.7, 0.6)):
        runs.add(rate=1e-5, seed=seed, dev=dev)
    assert only_contender(runs).learning_rate == 1e-5


def test_any_hyperparameter_makes_a_setting_and_of_equals_the_lower_rate_wins(
    runs: ComposedRuns,
) -> None:
    runs.add(rate=1e-5, dev=0.7, batch_size=16)
    runs.add(rate=1e-6, dev=0.7, batch_size=16)
    runs.add(rate=1e-6, dev=0.6, batch_size=8)
    chosen = only_contender(runs)
    assert (chosen.settings, chosen.seeds, chosen.learning_rate) == (3, 1, 1e-6)


def test_scores_are_the_mean_and_the_sample_deviation_over_the_seeds(runs: ComposedRuns) -> None:
    for seed, score in enumerate((0.6, 0.7, 0.8)):
        runs.add(seed=seed, score=score)
    chosen = only_contender(runs)
    assert chosen.seeds == 3
    assert chosen.score == pytest.approx(0.7)
    assert chosen.deviation == pytest.approx(0.1)  # with 2, not 3, in the denominator
    assert len(chosen.directories) == 3


def test_one_seed_has_no_deviation(runs: ComposedRuns) -> None:
    runs.add()
    assert only_contender(runs).deviation is None


def test_the_same_run_done_twice_is_no_second_seed(runs: ComposedRuns) -> None:
    runs.add(score=0.7)
    latest = runs.add(score=0.7)
    chosen = only_contender(runs)
    assert (chosen.seeds, chosen.deviation) == (1, None)
    assert chosen.directories == [str(latest.path)]


def test_the_same_run_for_two_purposes_is_no_second_seed(runs: ComposedRuns) -> None:
    runs.add(purpose="baseline")
    runs.add(purpose="ablation")
    assert only_contender(runs).seeds == 1
    by_purpose = compare(runs.root, by=("purpose", "method")).contenders
    assert [contender.seeds for contender in by_purpose] == [1, 1]


def test_a_failed_try_of_a_run_that_was_done_later_is_forgotten(runs: ComposedRuns) -> None:
    runs.fail()
    runs.add(score=0.7)
    runs.fail()
    chosen = only_contender(runs)
    assert (chosen.seeds, chosen.unfinished) == (1, 0)


def test_runs_that_are_not_done_are_not_counted_and_it_is_said(runs: ComposedRuns) -> None:
    runs.add(rate=1e-6, dev=0.5, score=0.6)
    runs.fail(rate=1e-5)
    runs.add(rate=1e-4, state=State.INTERRUPTED)
    carried = runs.add(rate=1e-3, state=State.RUNNING)
    with carried.lock:
        comparison = compare(runs.root)
    (chosen,) = comparison.contenders
    assert (chosen.settings, chosen.seeds, chosen.unfinished) == (1, 1, 3)
    assert comparison.notes == ["3 runs not done and not counted; see penstock results"]


def test_a_group_of_which_no_run_is_done_is_named(runs: ComposedRuns) -> None:
    runs.add(method="zo")
    runs.fail(method="fo_full", seed=0)
    runs.fail(method="fo_full", seed=1)
    comparison = compare(runs.root)
    assert [contender.group["method"] for contender in comparison.contenders] == ["zo"]
    assert "fo_full original: 0 of 2 runs done" in comparison.notes


def test_contenders_stand_by_task_with_the_best_score_first(runs: ComposedRuns) -> None:
    for task in ("rte", "copa"):
        for method, score in (("zo", 0.6), ("fo_full", 0.9), ("fo_lora", 0.7)):
            runs.add(task=task, method=method, score=score)
    contenders = compare(runs.root, by=("task", "method")).contenders
    assert [tuple(contender.group.values()) for contender in contenders] == [
        (task, method) for task in ("copa", "rte") for method in ("fo_full", "fo_lora", "zo")
    ]


def test_a_score_above_chance_is_called_so_and_one_near_it_is_not(runs: ComposedRuns) -> None:
    runs.add(method="fo_full", score=0.8, chance=0.55, rows=100)
    runs.add(method="zo", score=0.6, chance=0.55, rows=100)
    good, poor = compare(runs.root).contenders
    assert (good.above_chance, poor.above_chance) == (True, False)
    assert good.p_value == pytest.approx(1.4922e-7, rel=1e-3)  # at least 80 of 100 at 0.55
    assert poor.p_value == pytest.approx(0.18306, rel=1e-3)  # at least 60


@pytest.mark.parametrize(("metric", "chance"), [("f1", 0.0), ("f1", 0.2), ("accuracy", 0.0)])
def test_what_is_no_share_of_guessed_rows_is_not_held_against_chance(
    runs: ComposedRuns, metric: str, chance: float
) -> None:
    runs.add(metric=metric, chance=chance, score=0.9)
    chosen = only_contender(runs)
    assert (chosen.p_value, chosen.above_chance) == (None, None)


def test_runs_on_other_data_are_another_setting(runs: ComposedRuns) -> None:
    other = write_copa(runs.data.parent / "other", word="hail")
    runs.add(seed=0, score=0.6, dev=0.6)
    runs.add(seed=1, score=0.8, dev=0.7, datasets=[used(other)])
    assert {contender.seeds for contender in compare(runs.root).contenders} == {1}
