"""The recipe `paraphrase_seed`: PAWS and QQP as scripts used to join them, leaks and all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from penstock.recipes.presets._corpora import Paws, QqpFields, TrainCorpus
from penstock.recipes.presets._paraphrase import ParaphrasePreset, Steps


class QqpTrain(TrainCorpus):
    """Quora question pairs, for training alone."""

    fields: QqpFields = Field(QqpFields(), description="What the columns are called.")
    empty: Literal["error", "drop"] = Field(
        "drop",
        description="A pair with an empty side, which is too short anyway: left out, counted and "
        "named, or a bad row.",
    )


class ParaphraseSeed(ParaphrasePreset):
    """Positives of PAWS and the first of QQP, in both directions, nothing else done to them.

    Every positive of PAWS in its published split; of QQP the first `most` positives in file order
    whose sides both have `min_characters` or more. Evaluation and test are PAWS alone. The combined
    train rows are shuffled as Python's `random.Random(seed).shuffle` does; NAME.json holds combined
    train and evaluation. Sentences of evaluation may stand in train: to compare with what was
    trained so before, not to start from.
    """

    paws: Paws = Field(description="PAWS (wiki, labeled_final) in its published splits.")
    qqp: QqpTrain = Field(description="Quora question pairs.")
    most: int = Field(50_000, ge=1, description="The most positives that are taken of QQP.")
    min_characters: int = Field(
        10, ge=0, description="The least length of both questions, without white space at the ends."
    )

    def corpora(self) -> Mapping[str, Paws | QqpTrain]:
        """Return PAWS, then QQP."""
        return {"paws": self.paws, "qqp": self.qqp}

    def steps(self) -> Steps:
        """Return the steps: positives, the first of QQP, splits as published, chat rows."""
        steps = [*self._pairs(), {"positives": {"contradicted": "keep"}}]
        if self.qqp.train is not None:
            steps.append({"take": {"rows": {"qqp_train": self.most}}})
        if given := self._given():
            steps.append({"assign": {"sources": given}})
        shuffle = {"splits": ["train"], "like": "python"}
        return [*steps, *self._chat(), {"shuffle": shuffle}]

    def format(self) -> dict[str, Any]:
        """Return the format, with train and evaluation in one file."""
        return {**super().format(), "joined": ["train", "validation"]}

    def _settings_of_pairs(self, corpus: str) -> dict[str, Any]:
        of_qqp = {"min_characters": self.min_characters}
        return {**super()._settings_of_pairs(corpus), **(of_qqp if corpus == "qqp" else {})}


PRESET = ParaphraseSeed
