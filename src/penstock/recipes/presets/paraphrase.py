"""The recipe `paraphrase`: PAWS and QQP without leaks, repetitions and traces of a tokeniser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from penstock.config import FileName, Options
from penstock.recipes.presets._corpora import Corpus, Paws, QqpFields
from penstock.recipes.presets._paraphrase import ParaphrasePreset, Steps

#: How sentences are compared: by letters and digits alone.
_SAME = "letters"
_SIDES = ["source", "target"]


Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Qqp(Corpus):
    """Quora question pairs."""

    fields: QqpFields = Field(QqpFields(), description="What the columns are called.")
    empty: Literal["error", "drop"] = Field(
        "drop",
        description="A pair with an empty side, of which the published file has a few: a bad row, "
        "or left out, counted and named.",
    )


class Limit(Options):
    """How much of what it gets a filter may drop."""

    max_dropped: float = Field(0.1, ge=0, le=1, description="The largest share that is dropped.")


class LengthRatio(Limit):
    """Pairs whose sides are too unlike in length."""

    most: float = Field(
        3.0, ge=1, allow_inf_nan=False, description="The longer side by the other, in characters."
    )


class Edit(Limit):
    """Pairs whose sides are too much alike."""

    least: float = Field(
        0.05, gt=0, le=1, description="The edit distance in words, as a share of the longer side."
    )


class Filters(Options):
    """Which pairs are dropped, each with the largest share that it may drop; null: not done."""

    empty: Limit = Field(
        Limit(max_dropped=0.5), description="Pairs with an empty side, where they are dropped."
    )
    identical: Limit | None = Field(Limit(), description="Sides that say the same.")
    length_ratio: LengthRatio | None = Field(LengthRatio(), description=LengthRatio.__doc__)
    edit: Edit | None = Field(Edit(), description=Edit.__doc__)
    contradicted: Limit = Field(Limit(max_dropped=0.05), description="Pairs with both labels.")
    repeated: Limit = Field(Limit(max_dropped=0.5), description="Pairs that stand there already.")
    leaking: Limit = Field(
        Limit(max_dropped=0.5), description="Pairs joined to evaluation or test by a sentence."
    )
    contaminated: Limit = Field(
        Limit(), description="Pairs of train that have a sentence of `test_sets`."
    )


class Paraphrase(ParaphrasePreset):
    """Positive pairs of PAWS and QQP in both directions; no sentence stands in two splits.

    A corpus with published evaluation or test keeps them, nothing of its train added; of the others
    the shares `eval` and `test` are drawn. Splits are made by connected components of shared
    sentences. Pairs with both labels, with sides that say the same, too unlike in length or too
    much alike, and repeated pairs (whichever way round) are dropped; PAWS is detokenised.
    """

    paws: Paws = Field(description="PAWS (wiki, labeled_final) in its published splits.")
    qqp: Qqp = Field(description="Quora question pairs; a published split stays what it is.")
    most: dict[Literal["paws", "qqp"], Annotated[int, Field(ge=1)]] = Field(
        {"qqp": 50_000},
        description="The most positives of a corpus's train file that are taken, a sample.",
    )
    eval: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="The share of evaluation in the corpora that have no published splits.",
    )
    test: float = Field(
        0.02, ge=0, lt=1, description="The share of test in the corpora that have none."
    )
    filters: Filters = Field(Filters(), description="Which pairs are dropped.")
    weights: dict[Literal["paws", "qqp"], Weight] | None = Field(
        None,
        min_length=2,
        description="The shares of the corpora in train: {paws: 1, qqp: 3}; what one has too much "
        "is left out, a sample. null: as many as there are.",
    )
    test_sets: dict[FileName, dict[str, Any]] = Field(
        default_factory=dict,
        description="Test sets that train must not hold a sentence of, each with the settings of a "
        "source whose rows have `source` and `target`.",
    )

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        if self.eval + self.test >= 1:
            raise ValueError("`eval` and `test` together must be less than 1: train is the rest")
        if not (self._given() or self.eval or self.test):
            raise ValueError(
                "nothing is for evaluation or test; name a split of the corpora, or set `eval`"
            )
        for name in self.weights or ():
            if self.corpora()[name].train is None:
                raise ValueError(f"weights: {name}.train is null; remove the weights")
        return self

    def corpora(self) -> Mapping[str, Corpus]:
        """Return PAWS, then QQP."""
        return {"paws": self.paws, "qqp": self.qqp}

    def thresholds(self) -> dict[str, str]:
        """Return the filters that steps are."""
        of_steps = {
            **{f"pairs.{name}": "empty" for name in self.corpora()},
            **{f"filter_pairs.{name}": name for name in ("identical", "length_ratio", "edit")},
            "positives": "contradicted",
            "deduplicate": "repeated",
            "components": "leaking",
            "decontaminate": "contaminated",
        }
        return {step: f"filters.{name}.max_dropped" for step, name in of_steps.items()}

    def steps(self) -> Steps:
        """Return the steps."""
        paws = self._sources_of("paws")
        return [
            *self._pairs(),
            *([{"detokenize": {"sources": paws}}] if paws else []),
            *self._filters(),
            *self._sample(),
            *self._splits(),
            *self._chat(),
            {"shuffle": {"splits": ["train"]}},
        ]

    def _settings_of_pairs(self, corpus: str) -> dict[str, Any]:
        most = {"max_dropped": self.filters.empty.max_dropped}
        return {**super()._settings_of_pairs(corpus), **most}

    def _filters(self) -> Steps:
        told = self.filters
        contradicted = {"max_contradicted": told.contradicted.max_dropped}
        steps: Steps = [{"positives": {"normalise": _SAME, **contradicted}}]
        if told.identical is not None:
            steps.append(_filter("identical", told.identical, {}))
        if (ratio := told.length_ratio) is not None:
            steps.append(_filter("length_ratio", ratio, {"max_length_ratio": ratio.most}))
        if (edit := told.edit) is not None:
            steps.append(_filter("edit", edit, {"min_edit": edit.least}))
        repeated = {"on": _SIDES, "unordered": True, "max_dropped": told.repeated.max_dropped}
        return [*steps, {"deduplicate": {"normalise": _SAME, **repeated}}]

    def _sample(self) -> Steps:
        taken = {
            f"{name}_train": count
            for name, count in self.most.items()
            if self.corpora()[name].train is not None
        }
        return [{"take": {"rows": taken, "sample": True}}] if taken else []

    def _splits(self) -> Steps:
        # Published splits stay comparable: nothing of the train rows beside them is drawn.
        published = {name.partition("_")[0] for name in self._given()}
        trains = {f"{name}_train": "train" for name in published if self.corpora()[name].train}
        given = {**self._given(), **trains}
        divide = {"given": given, "validation": self.eval, "test": self.test}
        limit = {"max_dropped": self.filters.leaking.max_dropped}
        steps: Steps = [{"components": {"normalise": _SAME, **divide, **limit}}]
        if self.test_sets:
            most = {"max_dropped": self.filters.contaminated.max_dropped}
            against = {"against": self.test_sets, "normalise": _SAME}
            steps.append({"decontaminate": {**against, **most}})
        if self.weights is not None:
            weights = {f"{name}_train": weight for name, weight in self.weights.items()}
            steps.append({"balance": {"weights": weights, "splits": ["train"]}})
        return steps


def _filter(name: str, limit: Limit, condition: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Return a step that filters by one condition, or drops sides that say the same by none."""
    kept = {"identical": "keep"} if condition else {"normalise": _SAME}
    settings = {"name": name, "max_dropped": limit.max_dropped, **kept, **condition}
    return {"filter_pairs": settings}


PRESET = Paraphrase
