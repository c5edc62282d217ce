"""`compare`: settings are chosen on dev rows, never on evaluation rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.composed_runs import ComposedRuns, used, write_copa
from penstock.report import Candidate, compare
from penstock.runs import State


def only_candidate(runs: ComposedRuns, by: tuple[str, ...] = ("method", "data")) -> Candidate:
    """Compare runs of one group and return their candidate."""
    (candidate,) = compare(runs.root, by=by).candidates
    return candidate


def test_the_best_dev_score_wins_even_if_another_setting_evaluates_better(
    runs: ComposedRuns,
) -> None:
    runs.add(rate=1e-6, dev=0.8, score=0.6)
    runs.add(rate=1e-5, dev=0.7, score=0.9)
    chosen = only_candidate(runs)
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
def test_evaluation_scores_never_influence_the_choice(
    cells: list[tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("choice")
    runs = ComposedRuns(root / "Results", write_copa(root / "Copa"))
    for index, (dev, score) in enumerate(cells, 1):
        runs.add(rate=index * 1e-6, dev=dev, score=score)
    best = max(cells)
    chosen = only_candidate(runs)
    assert (chosen.dev_score, chosen.score) == best


def test_the_mean_dev_score_over_the_seeds_decides(runs: ComposedRuns) -> None:
    for seed, dev in enumerate((0.9, 0.3)):
        runs.add(rate=1e-6, seed=seed, dev=dev)
    for seed, dev in enumerate((0.7, 0.6)):
        runs.add(rate=1e-5, seed=seed, dev=dev)
    assert only_candidate(runs).learning_rate == 1e-5


def test_any_hyperparameter_defines_a_setting_and_ties_go_to_the_lower_rate(
    runs: ComposedRuns,
) -> None:
    runs.add(rate=1e-5, dev=0.7, batch_size=16)
    runs.add(rate=1e-6, dev=0.7, batch_size=16)
    runs.add(rate=1e-6, dev=0.6, batch_size=8)
    chosen = only_candidate(runs)
    assert (chosen.settings, chosen.seeds, chosen.learning_rate) == (3, 1, 1e-6)


def test_scores_are_mean_and_sample_standard_deviation_over_the_seeds(runs: ComposedRuns) -> None:
    for seed, score in enumerate((0.6, 0.7, 0.8)):
        runs.add(seed=seed, score=score)
    chosen = only_candidate(runs)
    assert chosen.seeds == 3
    assert chosen.score == pytest.approx(0.7)
    assert chosen.deviation == pytest.approx(0.1)  # with 2, not 3, in the denominator
    assert len(chosen.directories) == 3


def test_one_seed_has_no_deviation(runs: ComposedRuns) -> None:
    runs.add()
    assert only_candidate(runs).deviation is None


def test_a_repeated_run_does_not_count_as_another_seed(runs: ComposedRuns) -> None:
    runs.add(score=0.7)
    latest = runs.add(score=0.7)
    chosen = only_candidate(runs)
    assert (chosen.seeds, chosen.deviation) == (1, None)
    assert chosen.directories == [str(latest.path)]


def test_the_same_run_for_two_purposes_does_not_count_as_another_seed(runs: ComposedRuns) -> None:
    runs.add(purpose="baseline")
    runs.add(purpose="ablation")
    assert only_candidate(runs).seeds == 1
    by_purpose = compare(runs.root, by=("purpose", "method")).candidates
    assert [candidate.seeds for candidate in by_purpose] == [1, 1]


def test_failed_attempts_of_a_done_run_are_ignored(runs: ComposedRuns) -> None:
    runs.fail()
    runs.add(score=0.7)
    runs.fail()
    chosen = only_candidate(runs)
    assert (chosen.seeds, chosen.unfinished) == (1, 0)


def test_runs_that_are_not_done_are_excluded_with_a_note(runs: ComposedRuns) -> None:
    runs.add(rate=1e-6, dev=0.5, score=0.6)
    runs.fail(rate=1e-5)
    runs.add(rate=1e-4, state=State.INTERRUPTED)
    running = runs.add(rate=1e-3, state=State.RUNNING)
    with running.lock:
        comparison = compare(runs.root)
    (chosen,) = comparison.candidates
    assert (chosen.settings, chosen.seeds, chosen.unfinished) == (1, 1, 3)
    assert comparison.notes == ["3 runs not done and not counted; see penstock results"]


def test_a_group_without_a_done_run_is_named_in_a_note(runs: ComposedRuns) -> None:
    runs.add(method="zo")
    runs.fail(method="fo_full", seed=0)
    runs.fail(method="fo_full", seed=1)
    comparison = compare(runs.root)
    assert [candidate.group["method"] for candidate in comparison.candidates] == ["zo"]
    assert "fo_full original: 0 of 2 runs done" in comparison.notes


def test_candidates_are_sorted_by_task_and_score(runs: ComposedRuns) -> None:
    for task in ("rte", "copa"):
        for method, score in (("zo", 0.6), ("fo_full", 0.9), ("fo_lora", 0.7)):
            runs.add(task=task, method=method, score=score)
    candidates = compare(runs.root, by=("task", "method")).candidates
    assert [tuple(candidate.group.values()) for candidate in candidates] == [
        (task, method) for task in ("copa", "rte") for method in ("fo_full", "fo_lora", "zo")
    ]


def test_a_score_is_above_chance_only_if_significant(runs: ComposedRuns) -> None:
    runs.add(method="fo_full", score=0.8, chance=0.55, rows=100)
    runs.add(method="zo", score=0.6, chance=0.55, rows=100)
    good, poor = compare(runs.root).candidates
    assert (good.above_chance, poor.above_chance) == (True, False)
    assert good.p_value == pytest.approx(1.4922e-7, rel=1e-3)  # at least 80 of 100 at 0.55
    assert poor.p_value == pytest.approx(0.18306, rel=1e-3)  # at least 60


@pytest.mark.parametrize(("metric", "chance"), [("f1", 0.0), ("f1", 0.2), ("accuracy", 0.0)])
def test_scores_other_than_an_accuracy_above_zero_chance_have_no_p_value(
    runs: ComposedRuns, metric: str, chance: float
) -> None:
    runs.add(metric=metric, chance=chance, score=0.9)
    chosen = only_candidate(runs)
    assert (chosen.p_value, chosen.above_chance) == (None, None)


def test_runs_on_different_data_are_different_settings(runs: ComposedRuns) -> None:
    other = write_copa(runs.data.parent / "other", word="hail")
    runs.add(seed=0, score=0.6, dev=0.6)
    runs.add(seed=1, score=0.8, dev=0.7, datasets=[used(other)])
    assert {candidate.seeds for candidate in compare(runs.root).candidates} == {1}
