"""The step `mix`: the shares hold at every point; what is dropped or repeated is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.step_batches import context, order_of, segments_of
from penstock.errors import ConfigError, StepError
from penstock.step_report import StepReport
from penstock.steps import STEPS, Order, StepPosition

NAMES = ("finetune", "replay", "notes")
LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=40)
SOURCES = st.lists(LENGTHS, min_size=2, max_size=3)
WEIGHTS = st.lists(st.floats(0.05, 1), min_size=3, max_size=3)


def sources(*lengths: list[int]) -> Order:
    """Return an order of documents of one segment, source after source."""
    return order_of(
        [[n] for source in lengths for n in source],
        source=[code for code, source in enumerate(lengths) for _ in source],
    )


def mix(
    order: Order, weights: dict[str, float], *, seed: int = 0, **options: Any
) -> tuple[Order, StepReport]:
    """Mix the sources named by the weights; return the order and the report."""
    given_ = context(seed=seed, split="train", source_names=NAMES[: len(weights)])
    step = STEPS.get("mix").model_validate({"weights": weights, **options})
    return step.reorder(order, given_), given_.report


def weights_of(drawn: list[float], count: int) -> dict[str, float]:
    """Return weights for the first `count` sources."""
    return dict(zip(NAMES[:count], drawn, strict=False))


@given(
    SOURCES,
    WEIGHTS,
    st.sampled_from(["tokens", "rows"]),
    st.sampled_from(["first_exhausted", "all_exhausted"]),
)
def test_the_shares_hold_at_every_point_within_a_unit_of_each_source(
    lengths: list[list[int]], drawn: list[float], of: str, stop: str
) -> None:
    weights = weights_of(drawn, len(lengths))
    mixed, _ = mix(sources(*lengths), weights, of=of, stop=stop)
    sizes = mixed.unit_lengths() if of == "tokens" else np.ones(len(mixed), np.int64)
    by_source = np.array(
        [
            np.cumsum(np.where(mixed.columns["source"] == code, sizes, 0))
            for code in range(len(lengths))
        ]
    )
    shares = np.array(list(weights.values()))
    proportions = by_source / shares[:, None]
    largest = max(1 if of == "rows" else max(source) for source in lengths)
    spread = proportions.max(axis=0, initial=0) - proportions.min(axis=0, initial=np.inf)
    assert (spread <= 1.0001 * largest * 2 / shares.min()).all()


@given(SOURCES, WEIGHTS, st.booleans())
def test_the_first_exhausted_source_ends_it_and_no_unit_comes_twice(
    lengths: list[list[int]], drawn: list[float], shuffle: bool
) -> None:
    order = sources(*lengths)
    weights = weights_of(drawn, len(lengths))
    mixed, report = mix(order, weights, shuffle=shuffle)
    starts = mixed.starts.tolist()
    assert len(set(starts)) == len(starts)
    used = np.bincount(mixed.columns["source"], minlength=len(lengths))
    assert any(used[code] == len(source) for code, source in enumerate(lengths))
    assert report.dropped.get("unused", 0) == len(order) - len(mixed)
    assert report.noted.get("repeated", 0) == 0


@given(SOURCES, WEIGHTS, st.booleans())
def test_until_all_are_exhausted_every_unit_comes_and_repeats_are_counted(
    lengths: list[list[int]], drawn: list[float], shuffle: bool
) -> None:
    order = sources(*lengths)
    mixed, report = mix(
        order, weights_of(drawn, len(lengths)), stop="all_exhausted", shuffle=shuffle
    )
    assert set(mixed.starts.tolist()) == set(order.starts.tolist())
    assert report.total_dropped == 0
    assert report.noted.get("repeated", 0) == len(mixed) - len(order)
    for code in range(len(lengths)):
        uses = np.unique(mixed.starts[mixed.columns["source"] == code], return_counts=True)[1]
        assert uses.max() - uses.min() <= 1, "a pass begins when the one before is over"
    assert report.noted["finetune rows"] == (mixed.columns["source"] == 0).sum()
    assert sum(report.noted.get(f"{name} tokens", 0) for name in NAMES) == mixed.tokens


def test_any_window_has_nearly_the_shares() -> None:
    rng = np.random.default_rng(0)
    lengths = [rng.integers(1, 100, count).tolist() for count in (4000, 9000)]
    mixed, _ = mix(sources(*lengths), {"finetune": 0.7, "replay": 0.3})
    tokens = mixed.unit_lengths()
    of_first = np.where(mixed.columns["source"] == 0, tokens, 0)
    for start in range(0, len(mixed) - 200, 50):
        window = slice(start, start + 200)
        assert abs(of_first[window].sum() / tokens[window].sum() - 0.7) < 0.03


def test_without_shuffling_each_source_keeps_its_order() -> None:
    mixed, _ = mix(
        sources([1] * 4, [1] * 2), {"finetune": 2, "replay": 1}, of="rows", shuffle=False
    )
    assert [row[0][0] for row in segments_of(mixed)] == [0, 4, 1, 2, 5, 3]


@given(SOURCES, WEIGHTS, st.integers(0, 3))
def test_the_seed_decides_the_mix(lengths: list[list[int]], drawn: list[float], seed: int) -> None:
    order, weights = sources(*lengths), weights_of(drawn, len(lengths))
    first, _ = mix(order, weights, seed=seed, stop="all_exhausted")
    again, _ = mix(order, weights, seed=seed, stop="all_exhausted")
    assert segments_of(first) == segments_of(again)


def test_seeds_shuffle_differently_and_every_pass_anew() -> None:
    order = sources([1] * 50, [1] * 200)
    weights = {"finetune": 1, "replay": 1}
    orders = [mix(order, weights, seed=seed, of="rows", stop="all_exhausted")[0] for seed in (0, 1)]
    first, other = (mixed.starts[mixed.columns["source"] == 0].tolist() for mixed in orders)
    assert first != other
    assert first[:50] != first[50:100]
    assert sorted(first[:50]) == sorted(first[50:100]) == list(range(50))


@pytest.mark.parametrize(
    ("weights", "names", "message"),
    [
        (["a", "b"], ["source"], "the recipe has one source; remove `mix`, or add another source"),
        (
            ["finetune", "repley"],
            ["finetune", "replay"],
            "weights: there is no source 'repley'; did you mean 'replay'?",
        ),
        (
            ["finetune", "replay", "xyz"],
            ["finetune", "replay"],
            "weights: there is no source 'xyz'; the sources are finetune, replay",
        ),
        (
            ["finetune", "replay"],
            NAMES,
            "weights: no weight for notes; add one, or remove the source",
        ),
    ],
)
def test_weights_that_do_not_fit_the_sources_are_refused(
    weights: list[str], names: list[str], message: str
) -> None:
    step = STEPS.get("mix").model_validate({"weights": dict.fromkeys(weights, 1)})
    with pytest.raises(ConfigError) as refused:
        step.verify(StepPosition([], [], names))
    assert str(refused.value) == message


def test_rows_of_several_sources_cannot_be_mixed() -> None:
    step = STEPS.get("mix").model_validate({"weights": {"finetune": 1, "replay": 1}})
    pack = {"context": 4}
    step.verify(StepPosition([STEPS.get("pack").model_validate(pack)], [], NAMES[:2]))
    with pytest.raises(ConfigError, match="put `mix` before `pack`"):
        across = STEPS.get("pack").model_validate(pack | {"across_sources": True})
        step.verify(StepPosition([across], [], NAMES[:2]))


def test_a_source_with_nothing_to_give_is_an_error() -> None:
    with pytest.raises(StepError) as refused:
        mix(sources([3, 4], []), {"finetune": 1, "replay": 1})
    assert str(refused.value).startswith("the source 'replay' has no tokens in train;")
