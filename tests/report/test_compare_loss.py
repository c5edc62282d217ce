"""Runs whose metric is a loss: lower is better, and there is no percentage."""

from __future__ import annotations

import math

import pytest

from helpers.composed_runs import ComposedRuns
from penstock.report import compare, comparison_cells, to_latex
from penstock.report.charts import comparison_chart
from penstock.runs import lower_is_better, perplexity, score_for_ranking


@pytest.fixture
def losses(runs: ComposedRuns) -> ComposedRuns:
    """Two methods with two rates each; the dev loss and the evaluation loss disagree."""
    for method, rate, dev, score in (
        ("fo_lora", 1e-4, 1.2, 1.25),
        ("fo_lora", 1e-3, 0.9, 1.30),
        ("fo_full", 1e-4, 0.7, 1.10),
        ("fo_full", 1e-3, 2.0, 0.50),
    ):
        runs.add(
            task="chat", metric="loss", method=method, rate=rate, dev=dev, score=score, chance=None
        )
    return runs


def test_the_setting_with_the_lowest_dev_loss_is_chosen(losses: ComposedRuns) -> None:
    found = compare(losses.root).candidates
    assert {c.group["method"]: (c.learning_rate, c.score) for c in found} == {
        "fo_full": (1e-4, 1.10),
        "fo_lora": (1e-3, 1.30),
    }


def test_the_lowest_loss_comes_first(losses: ComposedRuns) -> None:
    assert [c.group["method"] for c in compare(losses.root).candidates] == ["fo_full", "fo_lora"]


def test_a_loss_is_not_a_percentage_and_has_no_chance(losses: ComposedRuns) -> None:
    comparison = compare(losses.root)
    cells = comparison_cells(comparison)[0]
    assert [cells[name] for name in ("loss", "chance", "above chance", "p-value")] == [
        "1.100",
        "-",
        "-",
        "-",
    ]
    assert "0.700 & 1.100 & --" in to_latex(comparison)


def test_bars_of_losses_are_not_limited_to_one(losses: ComposedRuns) -> None:
    drawn = str(comparison_chart(compare(losses.root)))
    assert "evaluation loss (lower is better)" in drawn
    assert "[0, 1]" not in drawn


def test_the_direction_of_a_metric() -> None:
    assert lower_is_better("loss") and lower_is_better("perplexity")
    assert not lower_is_better("accuracy") and not lower_is_better("f1")
    assert score_for_ranking("loss", 1.0) > score_for_ranking("loss", 2.0)
    assert score_for_ranking("f1", 1.0) > score_for_ranking("f1", 0.5)


def test_losses_over_different_tokens_are_never_one_group(runs: ComposedRuns) -> None:
    """The loss of only the last answers may be lower because of the context before them."""
    same = {"task": "chat", "metric": "loss", "method": "fo_lora", "chance": None}
    for history, tokens, loss in ((False, 900, 1.5), (True, 300, 0.5)):
        for rate in (1e-4, 1e-3):
            values = {**same, "mask_history": history, "tokens": tokens, "score": loss}
            runs.add(rate=rate, dev=loss + rate, **values)
    found = compare(runs.root)
    assert found.by == ("method", "data", "evaluation_tokens")
    groups = {c.group["evaluation_tokens"]: (c.settings, c.learning_rate) for c in found.candidates}
    assert groups == {900: (2, 1e-4), 300: (2, 1e-4)}
    assert any("(because of mask_history)" in note for note in found.notes)
    assert any("answer tokens of the same rows (300, 900)" in note for note in found.notes)
    named = compare(runs.root, by=["method", "mask_history"])
    assert named.by == ("method", "mask_history")
    assert any("answer tokens of the same rows (300, 900)" in note for note in named.notes)


def test_two_trainers_are_never_averaged_over(runs: ComposedRuns) -> None:
    same = {"task": "chat", "metric": "loss", "method": "fo_lora", "chance": None, "rows": 5}
    runs.add(**same, trainer="penstock", dev=1.0, score=1.0, tokens=900)
    runs.add(**same, trainer="llamafactory", dev=0.5, score=0.5)
    found = compare(runs.root)
    assert found.by == ("method", "data", "trainer")
    assert [c.group["trainer"] for c in found.candidates] == ["llamafactory", "penstock"]
    assert any("added to --by" in note and "trainer" in note for note in found.notes)
    assert any("answer tokens of the same rows (900, unknown)" in note for note in found.notes)


def test_perplexity_is_a_number_however_high_the_loss() -> None:
    assert perplexity(0.0) == 1.0
    assert math.isfinite(perplexity(1e4))
