"""Corpora of pairs as they are published, and the base of the recipes made from them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from penstock.config import KeyPath, Options
from penstock.recipes.presets import Origins, Preset

#: A file, directory or `hub:` name, the settings of a source, or null for a split to leave out.
Given = str | dict[str, Any] | None
Steps = list[str | dict[str, dict[str, Any]]]

#: The kind of source of a file, by its suffix (before `.gz` or `.zst`).
_KINDS = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".json": "jsonl",
}
_COMPRESSED = (".gz", ".zst")
_TABLES = {"csv", "tsv"}
_HUB = "hub:"
#: The split of each setting of a corpus: in the dataset, on the hub and in saved datasets.
_SPLITS = {"train": "train", "eval": "validation", "test": "test"}
#: The setting that a step comes from.
_ORIGINS = {"chat": "user", "take": "most", "balance": "weights", "decontaminate": "test_sets"}


class Fields(Options):
    """The column names of a corpus."""

    source: str = Field("sentence1", description="The column of the first sentence.")
    target: str = Field("sentence2", description="The column of the second sentence.")
    label: str = Field("label", description="The column that is 1 for the same meaning, else 0.")


class QqpFields(Fields):
    """The column names of Quora question pairs."""

    source: str = Field("question1", description="The column of the first question.")
    target: str = Field("question2", description="The column of the second question.")
    label: str = Field("is_duplicate", description="The column that is 1 for duplicates, else 0.")


class TrainCorpus(Options):
    """A corpus that is only for training.

    Each split is a file (.tsv, .csv, .parquet, .jsonl; also .gz and .zst), a saved Hugging Face
    dataset (its directory), a name on the hub (`hub:owner/name`), or the settings of a source.
    """

    train: Given = Field(description="The rows to train on; null: none, and the card says so.")
    fields: Fields = Field(Fields(), description="The column names.")
    config: str | None = Field(None, description="The configuration of a dataset on the hub.")
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="The delimiter of .tsv and .csv files."
    )
    undecodable: Literal["error", "cp1252"] = Field(
        "error",
        description="Bytes of a .tsv or .csv file that are not UTF-8: an error, or read as "
        "Windows-1252 and counted.",
    )
    empty: Literal["error", "drop"] = Field(
        "error", description="A pair with an empty side: a bad row, or dropped and counted."
    )

    @field_validator("train", "eval", "test", check_fields=False)
    @classmethod
    def _has_a_known_suffix(cls, given: Given) -> Given:
        if not isinstance(given, str) or given.startswith(_HUB):
            return given
        if not given or (not Path(given).is_dir() and _kind_of(given) is None):
            raise ValueError(
                f"the kind of '{given}' is unknown; name a file that ends in {', '.join(_KINDS)}, "
                "or give the settings of a source: {kind: ..., path: ...}, or null to leave the "
                "split out"
            )
        return given

    @model_validator(mode="after")
    def _uses_what_is_set(self) -> Self:
        kinds = {settings["kind"] for split in self.splits() if (settings := self.source_of(split))}
        if self._table_settings and not kinds & _TABLES:
            name = next(iter(self._table_settings))
            raise ValueError(f"`{name}` is for .tsv and .csv files, and no split is one; remove it")
        if "config" in self.model_fields_set and "hub" not in kinds:
            raise ValueError("`config` is for `hub:` names, and no split is one; remove it")
        return self

    def splits(self) -> dict[str, Given]:
        """Return what is given for each split that the corpus may have."""
        return {"train": self.train}

    def source_of(self, split: str) -> dict[str, Any] | None:
        """Return the settings of the source of a split, None if it is left out."""
        given = self.splits()[split]
        if given is None:
            return None
        settings = given if isinstance(given, dict) else self._by_name(given, split)
        of_tables = self._table_settings if settings.get("kind") in _TABLES else {}
        return {"text": None, "metadata": self.fields.model_dump(), **of_tables, **settings}

    def local_files(self) -> Iterator[tuple[str, Path]]:
        """Yield each split that is named by a plain path, with the path."""
        for split, given in self.splits().items():
            if not isinstance(given, str) or given.startswith(_HUB):
                continue
            if "://" not in given and not any(sign in given for sign in "*?["):
                yield split, Path(given)

    @property
    def _table_settings(self) -> dict[str, Any]:
        names = self.model_fields_set & {"delimiter", "undecodable"}
        return {name: getattr(self, name) for name in sorted(names)}

    def _by_name(self, name: str, split: str) -> dict[str, Any]:
        if name.startswith(_HUB):
            hub = {"dataset": name.removeprefix(_HUB), "config": self.config}
            return {"kind": "hub", **hub, "split": _SPLITS[split]}
        if not Path(name).is_dir():
            return {"kind": _kind_of(name), "path": name}
        has_splits = (Path(name) / "dataset_dict.json").is_file()
        return {"kind": "hf_disk", "path": name} | ({"split": _SPLITS[split]} if has_splits else {})


class Corpus(TrainCorpus):
    """A corpus that may have published splits for evaluation and test."""

    eval: Given = Field(None, description="The rows of evaluation, as published; null: none.")
    test: Given = Field(None, description="The rows of test, as published; null: none.")

    def splits(self) -> dict[str, Given]:
        """Return what is given for each split; test and evaluation are before train."""
        return {"test": self.test, "eval": self.eval, "train": self.train}


class Paws(Corpus):
    """PAWS (wiki, labeled_final): every split is named, or null."""

    eval: Given = Field(description="The rows of evaluation (dev); null: none.")
    test: Given = Field(description="The rows of test; null: none.")
    config: str | None = Field(
        "labeled_final", description="The configuration of the dataset on the hub."
    )


class QqpTrain(TrainCorpus):
    """Quora question pairs, only for training."""

    fields: QqpFields = Field(QqpFields(), description="The column names.")
    empty: Literal["error", "drop"] = Field(
        "drop",
        description="A pair with an empty side (the published file has a few): a bad row, or "
        "dropped and counted.",
    )


def _kind_of(name: str) -> str | None:
    """Return the kind of source for a file name, None for an unknown suffix."""
    path = PurePath(name)
    suffix = path.with_suffix("").suffix if path.suffix in _COMPRESSED else path.suffix
    return _KINDS.get(suffix.lower())


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
        for name, corpus in self.corpora().items():
            for split, path in corpus.local_files():
                hint = f"set another, or {name}.{split}=null to leave the split out"
                yield (name, split), path, hint

    def format(self) -> dict[str, Any]:
        """Return the format `chat` with files for each corpus."""
        parts = {
            f"{name}_paraphrase": found
            for name in self.corpora()
            if (found := self._sources_of(name))
        }
        combined = {"combined": "paraphrase_combined", "parts": parts}
        return {"kind": "chat", **combined, "formatting": self.formatting}

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
