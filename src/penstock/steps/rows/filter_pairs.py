"""The step `filter_pairs`: drop pairs with too similar sides or too different lengths."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from penstock.steps._base import Condition, FilteringStep
from penstock.steps._fields import SIDES, text_of
from penstock.text import NORMALISE_ALSO, Normalise, edit_share, normalised, words_of


class FilterPairs(FilteringStep):
    """Keep the pairs (`source`, `target`) that meet every condition.

    A dropped pair is counted under the first condition that it fails, in the order of the options
    below.
    """

    step_name = "filter_pairs"
    unit = "pair"

    identical: Literal["drop", "keep"] = Field(
        "drop", description="Pairs whose normalised sides are equal."
    )
    normalise: Normalise = Field("letters", description=NORMALISE_ALSO)
    max_length_ratio: float | None = Field(
        None,
        ge=1,
        allow_inf_nan=False,
        description="The maximum ratio of the longer side to the shorter, in characters.",
    )
    min_edit: float | None = Field(
        None,
        gt=0,
        le=1,
        description="The minimum edit distance (Levenshtein) between the sides, ignoring case, as "
        "a share of the longer side: 0 for equal sides, 1 for nothing in common.",
    )
    edit_of: Literal["words", "characters"] = Field(
        "words", description="The unit of the edit distance; words are separated by white space."
    )

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if not self.conditions:
            raise ValueError("has no condition; give max_length_ratio or min_edit")
        return self

    @cached_property
    def conditions(self) -> list[Condition]:
        conditions: list[Condition] = []
        if self.identical == "drop":
            conditions.append(("identical", self._differs))
        if (most := self.max_length_ratio) is not None:
            conditions.append(("length_ratio", lambda row: _length_ratio(row) <= most))
        if (least := self.min_edit) is not None:
            distance = _edit_distance(self.edit_of)
            conditions.append(("edit", lambda row: distance(row) >= least))
        return conditions

    def _differs(self, row: dict[str, Any]) -> bool:
        source, target = (normalised(side, self.normalise) for side in _sides(row))
        return source != target


def _sides(row: dict[str, Any]) -> tuple[str, str]:
    source, target = SIDES
    return text_of(row, source), text_of(row, target)


def _length_ratio(row: dict[str, Any]) -> float:
    shorter, longer = sorted(map(len, _sides(row)))
    return longer / shorter if shorter else float("inf")


def _edit_distance(of: Literal["words", "characters"]) -> Callable[[dict[str, Any]], float]:
    share = edit_share()

    def distance(row: dict[str, Any]) -> float:
        source, target = _sides(row)
        if of == "words":
            return share(words_of(source), words_of(target))
        return share(normalised(source, "nfkc_casefold"), normalised(target, "nfkc_casefold"))

    return distance


STEP = FilterPairs
