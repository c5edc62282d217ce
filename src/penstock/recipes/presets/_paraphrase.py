"""The base of the recipes for paraphrases: corpora, chat rows, files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from penstock.config import KeyPath
from penstock.recipes.presets._base import Origins, Preset
from penstock.recipes.presets._corpora import TrainCorpus, local_files

#: The split of each setting of a corpus.
_SPLITS = {"train": "train", "eval": "validation", "test": "test"}

#: The setting that a step comes from.
_ORIGINS = {"chat": "user", "take": "most", "balance": "weights", "decontaminate": "test_sets"}

Steps = list[str | dict[str, dict[str, Any]]]


class ParaphrasePreset(Preset):
    """Paraphrase pairs as chat rows in both directions."""

    system: str | None = Field(
        "You rewrite what the user gives you: the same meaning in other words.",
        min_length=1,
        description="The system prompt; null: none.",
    )
    user: str = Field(
        "Paraphrase this: {source}",
        min_length=1,
        description="The user's turn; {source} is the sentence, {target} the answer.",
    )
    formatting: Literal["sharegpt", "alpaca"] = Field(
        "sharegpt", description="The row layout: with `messages`, or with `instruction`."
    )

    @abstractmethod
    def corpora(self) -> Mapping[str, TrainCorpus]:
        """Return the corpora by name, in the order of their rows."""

    def sources(self) -> dict[str, dict[str, Any]]:
        """Return a source for each split that is set: `paws_train`, ..."""
        return {
            f"{name}_{split}": settings
            for name, split in self._order()
            if (settings := self.corpora()[name].source_of(split)) is not None
        }

    def left_out(self) -> list[str]:
        """Return the required splits that are null."""
        return [
            f"{name}.{split}"
            for name, corpus in self.corpora().items()
            for split, given in corpus.splits().items()
            if given is None and type(corpus).model_fields[split].is_required()
        ]

    def origins(self) -> Origins:
        """Return the corpus split of each source, and the setting of each step."""
        origins: Origins = {
            ("sources", f"{name}_{split}"): (name, split) for name, split in self._order()
        }
        for index, step in enumerate(self.steps()):
            for name, settings in step.items() if isinstance(step, dict) else ():
                if name in _ORIGINS:
                    origins["steps", index, name] = (_ORIGINS[name],)
                    origins["steps", index, name, _ORIGINS[name]] = (_ORIGINS[name],)
                if threshold := self.thresholds().get(settings.get("name") or name):
                    origins["steps", index, name, "max_dropped"] = threshold
        return origins

    def thresholds(self) -> Mapping[str, KeyPath]:
        """Return the setting of `max_dropped` for steps, by their `name` or kind."""
        return {}

    def files(self) -> Iterator[tuple[KeyPath, Path, str]]:
        """Yield the file of each split."""
        for name, corpus in self.corpora().items():
            for split, path in local_files(corpus):
                hint = f"set another, or {name}.{split}=null to leave the split out"
                yield (name, split), path, hint

    def format(self) -> dict[str, Any]:
        """Return the format `chat` with files for each corpus."""
        names = self.sources()
        parts = {
            f"{name}_paraphrase": found
            for name in self.corpora()
            if (found := [source for source in names if source.startswith(f"{name}_")])
        }
        return {
            "kind": "chat",
            "combined": "paraphrase_combined",
            "parts": parts,
            "formatting": self.formatting,
        }

    def _order(self) -> list[tuple[str, str]]:
        """Return corpus and split of all sources in the order of their rows."""
        return [
            (name, split) for name, corpus in self.corpora().items() for split in corpus.splits()
        ]

    def _pairs(self) -> Steps:
        """Return a step `pairs` for each corpus with its settings."""
        return [
            {"pairs": {"name": name, "sources": found, **self._settings_of_pairs(name)}}
            for name in self.corpora()
            if (found := self._sources_of(name))
        ]

    def _settings_of_pairs(self, corpus: str) -> dict[str, Any]:
        return {"label": "label", "empty": self.corpora()[corpus].empty}

    def _sources_of(self, corpus: str) -> list[str]:
        return [name for name in self.sources() if name.startswith(f"{corpus}_")]

    def _given(self) -> dict[str, str]:
        """Return the split of each source that is published as evaluation or test data."""
        return {
            f"{name}_{split}": _SPLITS[split]
            for name, split in self._order()
            if split != "train" and f"{name}_{split}" in self.sources()
        }

    def _chat(self) -> Steps:
        chat: dict[str, Any] = {"user": self.user, "assistant": "{target}", "directions": "both"}
        if self.system is not None:
            chat["system"] = self.system.replace("{", "{{").replace("}", "}}")
        return [{"chat": chat}]
