"""Corpora of pairs as they are published: which file is which split, and what its columns are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from penstock.config import Options

#: A file, directory or `hub:` name, the settings of a source, or null for what is not at hand.
Given = str | dict[str, Any] | None

#: The kind of source of a file, by how its name ends (`.gz` and `.zst` apart).
_KINDS = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".json": "jsonl",
}
_PACKED = (".gz", ".zst")
_TABLES = {"csv", "tsv"}
_HUB = "hub:"
#: How the splits are called on the hub, and in datasets saved with all their splits.
_HUB_SPLITS = {"train": "train", "eval": "validation", "test": "test"}


class Fields(Options):
    """What the columns of a corpus are called."""

    source: str = Field("sentence1", description="The column of the first sentence.")
    target: str = Field("sentence2", description="The column of the second sentence.")
    label: str = Field("label", description="The column that says by 1 that both mean the same.")


class QqpFields(Fields):
    """What the columns of Quora question pairs are called."""

    source: str = Field("question1", description="The column of the first question.")
    target: str = Field("question2", description="The column of the second question.")
    label: str = Field("is_duplicate", description="The column that says by 1 that they are one.")


class TrainCorpus(Options):
    """A corpus that is for training alone.

    Each split is a file (.tsv, .csv, .parquet, .jsonl; .gz and .zst too), a saved Hugging Face
    dataset (its directory), a name on the hub (`hub:owner/name`), or the settings of a source.
    """

    train: Given = Field(description="The rows to train on; null: none, and the results say so.")
    fields: Fields = Field(Fields(), description="What the columns are called.")
    config: str | None = Field(None, description="The configuration of a dataset on the hub.")
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="What parts the fields of .tsv and .csv files.",
    )
    undecodable: Literal["error", "cp1252"] = Field(
        "error",
        description="What bytes of a .tsv or .csv file that are not UTF-8 are: an error, or "
        "characters of Windows-1252, and counted.",
    )
    empty: Literal["error", "drop"] = Field(
        "error", description="A pair with an empty side: a bad row, or left out, counted and named."
    )

    @field_validator("train", "eval", "test", check_fields=False)
    @classmethod
    def _is_known_by_its_name(cls, given: Given) -> Given:
        if not isinstance(given, str) or given.startswith(_HUB):
            return given
        if not given or (not Path(given).is_dir() and _kind_of(given) is None):
            raise ValueError(
                f"cannot tell what '{given}' is by its name; name a file that ends in "
                f"{', '.join(_KINDS)}, or give the settings of a source: {{kind: ..., path: ...}}, "
                "or null to leave the split out"
            )
        return given

    @model_validator(mode="after")
    def _uses_what_is_set(self) -> Self:
        kinds = {settings["kind"] for split in self.splits() if (settings := self.source_of(split))}
        if self._of_tables and not kinds & _TABLES:
            name = next(iter(self._of_tables))
            raise ValueError(f"`{name}` is for .tsv and .csv files, and no split is one; remove it")
        if "config" in self.model_fields_set and "hub" not in kinds:
            raise ValueError("`config` is for `hub:` names, and no split is one; remove it")
        return self

    def splits(self) -> dict[str, Given]:
        """Return what is given for each split that the corpus may have."""
        return {"train": self.train}

    def source_of(self, split: str) -> dict[str, Any] | None:
        """Return the settings of the source of a split, None where it is left out."""
        given = self.splits()[split]
        if given is None:
            return None
        settings = given if isinstance(given, dict) else self._by_name(given, split)
        of_tables = self._of_tables if settings.get("kind") in _TABLES else {}
        return {"text": None, "metadata": self.fields.model_dump(), **of_tables, **settings}

    @property
    def _of_tables(self) -> dict[str, Any]:
        """The settings of tables that are set."""
        return {
            name: getattr(self, name)
            for name in ("delimiter", "undecodable")
            if name in self.model_fields_set
        }

    def _by_name(self, name: str, split: str) -> dict[str, Any]:
        if name.startswith(_HUB):
            dataset = name.removeprefix(_HUB)
            hub_split = _HUB_SPLITS[split]
            return {"kind": "hub", "dataset": dataset, "config": self.config, "split": hub_split}
        if not Path(name).is_dir():
            return {"kind": _kind_of(name), "path": name}
        has_splits = (Path(name) / "dataset_dict.json").is_file()
        return {
            "kind": "hf_disk",
            "path": name,
            **({"split": _HUB_SPLITS[split]} if has_splits else {}),
        }


class Corpus(TrainCorpus):
    """A corpus that may have splits of its own."""

    eval: Given = Field(None, description="The rows of evaluation, as published; null: none.")
    test: Given = Field(None, description="The rows of test, as published; null: none.")

    def splits(self) -> dict[str, Given]:
        """Return what is given for each split, evaluated ones first."""
        return {"test": self.test, "eval": self.eval, "train": self.train}


class Paws(Corpus):
    """PAWS (wiki, labeled_final): every split is named, or null."""

    eval: Given = Field(description="The rows of evaluation (dev); null: none.")
    test: Given = Field(description="The rows of test; null: none.")
    config: str | None = Field(
        "labeled_final", description="The configuration of the dataset on the hub."
    )


def local_files(corpus: TrainCorpus) -> Iterator[tuple[str, Path]]:
    """Yield each split that is named by a plain path, with the path."""
    for split, given in corpus.splits().items():
        if isinstance(given, str) and not given.startswith(_HUB) and not _is_pattern(given):
            yield split, Path(given)


def _is_pattern(name: str) -> bool:
    return "://" in name or any(sign in name for sign in "*?[")


def _kind_of(name: str) -> str | None:
    """Return the kind of source that a file is by its name, None where it does not say."""
    path = PurePath(name)
    suffix = path.with_suffix("").suffix if path.suffix in _PACKED else path.suffix
    return _KINDS.get(suffix.lower())
