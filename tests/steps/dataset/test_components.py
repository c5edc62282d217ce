"""The step `components`: no sentence is in two splits, checked by merging sets one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import rows, run_steps, stats
from penstock.errors import ConfigError, DataError, StepError
from penstock.splits import SPLIT_NAMES
from penstock.step_report import StepReport
from penstock.steps import STEPS, Step, StepPosition

#: The sources: one without a given split, and one for each split.
GIVEN = {"to_train": "train", "to_validation": "validation", "to_test": "test"}
SOURCES = ("free", *GIVEN)


@dataclass(frozen=True)
class Row:
    """A pair of sentences and the code of its source; `rank` is that of its given split."""

    source: int
    sides: tuple[int, int]

    @property
    def rank(self) -> int:
        return self.source - 1


ROWS = st.lists(
    st.builds(Row, st.integers(0, 3), st.tuples(st.integers(0, 14), st.integers(0, 14))),
    min_size=1,
    max_size=25,
)
SHARES = st.sampled_from([0.0, 0.1, 0.3, 0.45])


def components(**options: Any) -> Step:
    return STEPS.get("components").model_validate({"max_dropped": 1, **options})


def divided(step: Step, each: list[Row], seed: int = 0) -> tuple[dict[int, str], StepReport]:
    """Return the split of every remaining row, by its number, and the report."""
    batch = rows(*({"source": f"s{r.sides[0]}", "target": f"s{r.sides[1]}"} for r in each))
    source = [row.source for row in each]
    order, reports, _ = run_steps([batch], step, sources=SOURCES, source=source, seed=seed)
    names = [SPLIT_NAMES[code] for code in order.columns["split"].tolist()]
    return dict(zip(order.starts.tolist(), names, strict=True)), reports["components"]


def components_of(each: dict[int, Row]) -> list[set[int]]:
    """Return the components as sets of row numbers, by merging sets with a common sentence."""
    found: list[tuple[set[int], set[int]]] = []
    for number, row in each.items():
        sentences, numbers = set(row.sides), {number}
        apart = []
        for others in found:
            if others[0] & sentences:
                sentences |= others[0]
                numbers |= others[1]
            else:
                apart.append(others)
        found = [*apart, (sentences, numbers)]
    return [numbers for _, numbers in found]


def staying(each: list[Row], leave: str) -> dict[int, Row]:
    """Return the rows that no given split with precedence drops."""
    stay = dict(enumerate(each))
    if leave == "rows":
        for rank in (2, 1):
            held = {s for row in stay.values() if row.rank == rank for s in row.sides}
            stay = {n: r for n, r in stay.items() if r.rank >= rank or not held & {*r.sides}}
        return stay
    for numbers in components_of(stay):
        top = max(stay[number].rank for number in numbers)
        if top > 0:
            stay = {n: r for n, r in stay.items() if n not in numbers or r.rank == top}
    return stay


@given(ROWS, SHARES, SHARES, st.sampled_from(["component", "rows"]))
def test_no_sentence_is_in_two_splits_and_no_row_is_dropped_needlessly(
    each: list[Row], validation: float, test: float, leave: str
) -> None:
    step = components(given=GIVEN, validation=validation, test=test, leave=leave)
    split_of, report = divided(step, each)
    stay = staying(each, leave)
    assert set(split_of) == set(stay)
    splits_of_sentence: dict[int, set[str]] = {}
    for number, split in split_of.items():
        for side in each[number].sides:
            splits_of_sentence.setdefault(side, set()).add(split)
    assert all(len(splits) == 1 for splits in splits_of_sentence.values())
    for number, row in stay.items():
        assert row.rank < 0 or split_of[number] == SPLIT_NAMES[row.rank]
    assert report.total_dropped == len(each) - len(stay)
    for name in SPLIT_NAMES:
        assert report.noted.get(name, 0) == list(split_of.values()).count(name)


@given(ROWS, SHARES, SHARES, st.integers(0, 5))
def test_a_component_is_not_divided_and_no_split_exceeds_its_share(
    each: list[Row], validation: float, test: float, seed: int
) -> None:
    free = [Row(0, row.sides) for row in each]
    assume(validation + test)
    split_of, report = divided(components(validation=validation, test=test), free, seed)
    found = components_of(dict(enumerate(free)))
    assert all(len({split_of[number] for number in numbers}) == 1 for numbers in found)
    assert report.noted["components"] == len(found)
    assert report.noted["largest"] == max(map(len, found))
    sizes = Counter(split_of.values())
    smallest = min((len(n) for n in found if split_of[min(n)] == "train"), default=len(free))
    for name, share in (("validation", validation), ("test", test)):
        assert sizes[name] <= round(share * len(free))
        # What is lacking is less than any component that train got.
        assert round(share * len(free)) - sizes[name] < smallest or not share


@given(ROWS, st.randoms())
def test_the_order_of_the_rows_and_of_their_sides_decides_nothing(
    each: list[Row], random: Any
) -> None:
    free = [Row(0, row.sides) for row in each]
    step = components(validation=0.3, test=0.3)
    first, _ = divided(step, free)
    places = list(range(len(free)))
    random.shuffle(places)
    turned = [Row(0, free[place].sides[::-1]) for place in places]
    second, _ = divided(step, turned)
    assert {places[number]: split for number, split in second.items()} == first


def test_a_giant_component_goes_to_train_and_the_shares_are_met_by_the_others() -> None:
    giant = [Row(0, (0, n)) for n in range(1, 401)]
    small = [Row(0, (1000 + 2 * n, 1001 + 2 * n)) for n in range(600)]
    _, report = divided(components(validation=0.2, test=0.3), giant + small)
    assert report.noted["test"] == 300
    assert report.noted["validation"] == 200
    assert report.noted["train"] == 500
    assert report.noted["largest"] == 400


def test_another_seed_draws_other_components() -> None:
    small = [Row(0, (2 * n, 2 * n + 1)) for n in range(100)]
    step = components(test=0.3)
    assert divided(step, small)[0] == divided(step, small)[0] != divided(step, small, seed=1)[0]


def test_a_chain_is_dropped_completely_or_only_its_first_row() -> None:
    chain = [Row(3, (0, 1)), Row(0, (1, 2)), Row(0, (2, 3)), Row(0, (7, 8))]
    assert divided(components(given=GIVEN), chain)[0] == {0: "test", 3: "train"}
    assert divided(components(given=GIVEN, leave="rows"), chain)[0] == {
        0: "test",
        2: "train",
        3: "train",
    }


def test_sentences_are_compared_as_normalised() -> None:
    batch = rows({"source": "A , b", "target": "c"}, {"source": "a, B", "target": "d"})
    for normalise, found in (("letters", 1), ("nfkc_casefold", 2)):
        step = components(test=0.4, normalise=normalise)
        _, reports, _ = run_steps([batch], step, source=[0, 0])
        assert reports["components"].noted["components"] == found


def test_one_field_is_a_key_that_stays_together() -> None:
    batch = rows(*({"wrong": f"s{n % 5}", "right": f"r{n}"} for n in range(20)))
    order, reports, _ = run_steps([batch], components(on=["wrong"], test=0.4))
    assert reports["components"].noted["components"] == 5
    split = order.columns["split"].reshape(4, 5)
    assert (split == split[0]).all()
    assert reports["components"].noted["test"] == 8


def test_more_dropped_rows_than_the_share_fail() -> None:
    each = [Row(3, (0, 1)), Row(0, (1, 2)), Row(0, (3, 4)), Row(0, (5, 6))]
    divided(components(given=GIVEN, max_dropped=0.25), each)
    with pytest.raises(StepError) as caught:
        divided(components(given=GIVEN, max_dropped=0.2), each)
    assert str(caught.value) == (
        "1 of 4 rows dropped (25.0%: from_train 1), more than {setting} allows (20.0%); check the "
        "input, or raise {setting}"
    )


def test_splits_with_a_share_or_a_source_must_get_a_row() -> None:
    given = {"dev": "validation", "paws": "test"}
    assert components(given=given).required_splits(["dev", "paws"]) == {"validation", "test"}
    assert components(given=given).required_splits(["dev", "qqp"]) == {"validation", "train"}
    assert components(test=0.2).required_splits(["qqp"]) == {"train", "test"}


def test_a_row_without_its_sentence_is_bad() -> None:
    with pytest.raises(DataError, match=r":1: the field 'target' is absent; `components` needs it"):
        components(test=0.1).measure(rows({"source": "a"}), stats())


def test_rows_are_not_divided_twice() -> None:
    partition = STEPS.get("partition").model_validate({"key": "id", "test": 0.1})
    for one, other in ((components(test=0.1), partition), (partition, components(test=0.1))):
        with pytest.raises(ConfigError, match="an earlier step divides the rows"):
            other.verify(StepPosition([one], [], ["source"]))


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ConfigError, match="given: there is no source 'paws'; the sources are qqp"):
        components(given={"paws": "test"}).verify(StepPosition([], [], ["qqp"]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"given": {"paws": "train"}},
        {"given": {"paws": "eval"}},
        {"validation": 0.5, "test": 0.5},
        {"test": 0.1, "on": ["source", "source"]},
        {"test": 0.1, "on": []},
    ],
)
def test_settings_that_divide_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        components(**options)
