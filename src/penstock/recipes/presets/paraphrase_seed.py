"""The recipe `paraphrase_seed`: PAWS and QQP as earlier scripts joined them, leaks included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from penstock.recipes.presets._paraphrase import ParaphrasePreset, Paws, QqpTrain, Steps


class ParaphraseSeed(ParaphrasePreset):
    """Positives of PAWS and the first of QQP, in both directions, without further processing.

    Every positive of PAWS in its published split; of QQP the first `most` positives in file order
    whose sides have at least `min_characters`. Evaluation and test are only PAWS. The combined
    train rows are shuffled as by Python's `random.Random(seed).shuffle`; NAME.json holds train and
    evaluation. Sentences of evaluation occur in train: use it to compare with earlier results.
    """

    paws: Paws = Field(description="PAWS (wiki, labeled_final) in its published splits.")
    qqp: QqpTrain = Field(description="Quora question pairs.")
    most: int = Field(50_000, ge=1, description="The most positives to take from QQP.")
    min_characters: int = Field(
        10,
        ge=0,
        description="The minimum length of both questions, without surrounding white space.",
    )

    def corpora(self) -> Mapping[str, Paws | QqpTrain]:
        return {"paws": self.paws, "qqp": self.qqp}

    def steps(self) -> Steps:
        steps = [*self._pairs(), "positives", *self._chat()]
        if self.qqp.train is not None:
            steps.append({"take": {"rows": {"qqp_train": self.most}}})
        if given := self._given():
            steps.append({"assign": {"sources": given}})
        shuffle = {"splits": ["train"], "like": "python"}
        return [*steps, "statistics", {"shuffle": shuffle}]

    def format(self) -> dict[str, Any]:
        return {**super().format(), "joined": ["train", "validation"]}

    def _settings_of_pairs(self, corpus: str) -> dict[str, Any]:
        of_qqp = {"min_characters": self.min_characters}
        return {**super()._settings_of_pairs(corpus), **(of_qqp if corpus == "qqp" else {})}


PRESET = ParaphraseSeed
