"""The recipe `paraphrase`: PAWS and QQP, detokenized, without leaks and repeated pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from penstock.config import FileName, KeyPath, Options
from penstock.recipes.presets._paraphrase import Corpus, ParaphrasePreset, Paws, QqpTrain, Steps

#: Sentences are compared by letters and digits only.
_SAME = "letters"
_SIDES = ["source", "target"]


Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Qqp(QqpTrain, Corpus):
    """Quora question pairs."""


class Limit(Options):
    """How much a filter may drop."""

    max_dropped: float = Field(0.1, ge=0, le=1, description="The largest share of pairs to drop.")


class LengthRatio(Limit):
    """Pairs whose sides differ too much in length."""

    most: float = Field(
        3.0,
        ge=1,
        allow_inf_nan=False,
        description="The maximum ratio of the longer side to the shorter, in characters.",
    )


class Edit(Limit):
    """Pairs whose sides are too similar."""

    least: float = Field(
        0.05,
        gt=0,
        le=1,
        description="The minimum edit distance in words, as a share of the longer side.",
    )


class Filters(Options):
    """The filters, each with the largest share that it may drop; null: no such filter."""

    empty: Limit = Field(
        Limit(max_dropped=0.5), description="Pairs with an empty side, if they are dropped."
    )
    identical: Limit | None = Field(Limit(), description="Pairs with equal sides.")
    length_ratio: LengthRatio | None = Field(LengthRatio(), description=LengthRatio.__doc__)
    edit: Edit | None = Field(Edit(), description=Edit.__doc__)
    contradicted: Limit = Field(Limit(max_dropped=0.05), description="Pairs with both labels.")
    repeated: Limit = Field(Limit(max_dropped=0.5), description="Pairs that occurred before.")
    leaking: Limit = Field(
        Limit(max_dropped=0.5), description="Pairs connected to evaluation or test by a sentence."
    )
    contaminated: Limit = Field(
        Limit(), description="Pairs of train with a sentence of `test_sets`."
    )


class Paraphrase(ParaphrasePreset):
    """Positive pairs of PAWS and QQP in both directions; no sentence is in two splits.

    A corpus with published evaluation or test splits keeps them unchanged; from the others the
    shares `eval` and `test` are drawn. Splits are made by connected components of shared sentences.
    Pairs with both labels, with equal or too similar sides, with too different lengths, and
    repeated pairs (in either direction) are dropped; PAWS is detokenized.
    """

    paws: Paws = Field(description="PAWS (wiki, labeled_final) in its published splits.")
    qqp: Qqp = Field(description="Quora question pairs; published splits stay unchanged.")
    most: dict[Literal["paws", "qqp"], Annotated[int, Field(ge=1)]] = Field(
        {"qqp": 50_000}, description="The most positives to sample from a corpus's train file."
    )
    eval: float = Field(
        0.02, ge=0, lt=1, description="The share of evaluation in corpora without published splits."
    )
    test: float = Field(
        0.02, ge=0, lt=1, description="The share of test in corpora without published splits."
    )
    filters: Filters = Field(Filters(), description="The filters.")
    weights: dict[Literal["paws", "qqp"], Weight] | None = Field(
        None,
        min_length=2,
        description="The shares of the corpora in train: {paws: 1, qqp: 3}; surplus rows are "
        "dropped at random. null: keep all.",
    )
    test_sets: dict[FileName, dict[str, Any]] = Field(
        default_factory=dict,
        description="Test sets whose sentences train must not have, each with the settings of a "
        "source whose rows have `source` and `target`.",
    )

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        if self.eval + self.test >= 1:
            raise ValueError("`eval` + `test` must be less than 1; the rest is train")
        if not (self._given() or self.eval or self.test):
            raise ValueError(
                "evaluation and test get no rows; name a published split, or set `eval`"
            )
        for name in self.weights or ():
            if self.corpora()[name].train is None:
                raise ValueError(f"weights: {name}.train is null; remove the weights")
        return self

    def corpora(self) -> Mapping[str, Corpus]:
        return {"paws": self.paws, "qqp": self.qqp}

    def thresholds(self) -> Mapping[str, KeyPath]:
        filters = {
            **dict.fromkeys(self.corpora(), "empty"),
            **{name: name for name in ("identical", "length_ratio", "edit", "contradicted")},
            "deduplicate": "repeated",
            "components": "leaking",
            "decontaminate": "contaminated",
        }
        return {step: ("filters", name, "max_dropped") for step, name in filters.items()}

    def steps(self) -> Steps:
        filters, paws = self.filters, self._sources_of("paws")
        same_pairs = {"on": _SIDES, "unordered": True, "normalise": _SAME}
        return [
            *self._pairs(),
            *([{"detokenize": {"sources": paws}}] if paws else []),
            "positives",
            *self._filters(),
            *self._chat(),
            {"contradicted": {"normalise": _SAME, **filters.contradicted.model_dump()}},
            {"deduplicate": {**same_pairs, **filters.repeated.model_dump()}},
            *self._sample(),
            *self._splits(),
            "statistics",
            {"shuffle": {"splits": ["train"]}},
        ]

    def _settings_of_pairs(self, corpus: str) -> dict[str, Any]:
        most = {"max_dropped": self.filters.empty.max_dropped}
        return {**super()._settings_of_pairs(corpus), **most}

    def _filters(self) -> Steps:
        filters = self.filters
        steps: Steps = []
        if filters.identical is not None:
            steps.append(_filter("identical", filters.identical, {}))
        if (ratio := filters.length_ratio) is not None:
            steps.append(_filter("length_ratio", ratio, {"max_length_ratio": ratio.most}))
        if (edit := filters.edit) is not None:
            steps.append(_filter("edit", edit, {"min_edit": edit.least}))
        return steps

    def _sample(self) -> Steps:
        taken = {
            f"{name}_train": count
            for name, count in self.most.items()
            if self.corpora()[name].train is not None
        }
        return [{"take": {"rows": taken, "sample": True}}] if taken else []

    def _splits(self) -> Steps:
        # Published splits stay comparable: no train row of such a corpus is drawn.
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
    """Return a step with one condition, or one that drops pairs with equal sides."""
    kept = {"identical": "keep"} if condition else {"normalise": _SAME}
    settings = {"name": name, "max_dropped": limit.max_dropped, **kept, **condition}
    return {"filter_pairs": settings}


PRESET = Paraphrase
