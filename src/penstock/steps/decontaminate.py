"""The step `decontaminate`: no sentence of named test sets stands in train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import ConfigError, DataError
from penstock.sources import SOURCES, Source
from penstock.splits import SPLIT_NAMES
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._columns import take_column, with_column
from penstock.steps._fields import FieldNames
from penstock.steps._order import Order
from penstock.steps._sentences import hashed_sentences
from penstock.steps.pairs import SIDES
from penstock.text import NORMALISE_ALSO, Normalise

_COLUMN = "contaminated"
_PIECE_BYTES = 1 << 24


class Decontaminate(Step):
    """Drop the rows of train that have a sentence of test sets which the dataset does not hold.

    The sets are read as sources are; their rows must have the fields `on` as well, and are
    normalised as the rows of the dataset are. Sentences are compared by a hash of 64 bits
    (BLAKE2b). Every row is of train unless `partition` or a step before this one divides the
    dataset.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS
    across_splits = True

    against: dict[str, dict[str, Any]] = Field(
        min_length=1,
        max_length=255,
        description="The test sets by name, each with the settings of a source: {paws: {kind: "
        "tsv, path: test.tsv, text: null, metadata: {source: sentence1, target: sentence2}}}.",
    )
    on: FieldNames = Field(list(SIDES), description="The fields that hold the sentences.")
    normalise: Normalise = Field("letters", description=NORMALISE_ALSO)
    splits: list[Literal["train", "validation", "test"]] = Field(
        ["train"],
        min_length=1,
        description="The splits in which those sentences may not stand.",
    )
    max_dropped: float = Field(
        0.1, ge=0, le=1, description="The largest share of rows of these splits that is dropped."
    )

    @model_validator(mode="after")
    def _names_sources(self) -> Self:
        for name, settings in self.against.items():
            try:
                source = _source(settings)
            except ConfigError as error:
                raise ValueError(f"{name}: {error.message}") from None
            except ValidationError as error:
                wrong = error.errors()[0]
                place = ".".join(map(str, (name, *wrong["loc"])))
                raise ValueError(f"{place}: {wrong['msg'].removeprefix('Value error, ')}") from None
            if source.gives_tokens:
                raise ValueError(f"{name}: a source of tokens has no sentences")
        return self

    def inputs(self) -> list[str]:
        """Return the files of the test sets."""
        return [path for source in self._sources.values() for path in source.inputs()]

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse splits that no step before this one makes."""
        if "train" not in self.splits and not any(step.divides for step in before):
            raise ConfigError(
                f"no step before this one gives rows to {' or '.join(self.splits)}; put it behind "
                "the one that does (partition, components, assign)"
            )

    def prepare(self) -> None:
        """Read the test sets; raises DataError for a row that lacks a field."""
        _ = self._known

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows with the hash (uint64) of each of their sentences as a column."""
        assert isinstance(batch, RowBatch)
        mend = "`decontaminate` needs it"
        batch, digests = hashed_sentences(batch, stats, self.on, self.normalise, mend)
        return with_column(batch, _COLUMN, digests)

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order without the rows that a set holds sentences of.

        Raises DataError when more than `max_dropped` of the splits' rows are dropped.
        """
        sentences, order = take_column(order, _COLUMN)
        split = order.columns.get("split", np.zeros(len(order), np.uint8))
        seen = np.isin(split, [SPLIT_NAMES.index(name) for name in self.splits])
        drop = np.zeros(len(order), np.bool_)
        for name, known in self._known.items():
            found = seen & ~drop & np.isin(sentences, known).any(axis=1)
            arranging.counts[f"decontaminate.{name}"] += int(found.sum())
            drop |= found
        dropped, rows = int(drop.sum()), int(seen.sum())
        arranging.counts["decontaminate.kept"] += rows - dropped
        if dropped > self.max_dropped * rows:
            raise DataError(
                f"{dropped:,} of {rows:,} rows of {', '.join(self.splits)} ({dropped / rows:.1%}) "
                f"have a sentence of a test set, more than max_dropped ({self.max_dropped:.1%}); "
                "look at the input, or raise `max_dropped`",
                file="decontaminate",
            )
        return order.take(np.flatnonzero(~drop)) if dropped else order

    def drops(self) -> Sequence[str]:
        """Return why rows are dropped: the test set that has one of their sentences."""
        return list(self.against)

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {name: _source(settings) for name, settings in self.against.items()}

    @cached_property
    def _known(self) -> dict[str, NDArray[np.uint64]]:
        """The hashes of the sentences of each set."""
        return {name: self._read(name, source) for name, source in self._sources.items()}

    def _read(self, name: str, source: Source) -> NDArray[np.uint64]:
        mend = f"`decontaminate` needs it: see `metadata` of '{name}'"
        found = [np.empty(0, np.uint64)]
        for input_split in source.input_splits(_PIECE_BYTES):
            stats = RowStats(partial(source.place, input_split))
            for batch in source.read(input_split, stats):
                assert isinstance(batch, RowBatch)
                digests = hashed_sentences(batch, stats, self.on, self.normalise, mend)[1]
                found.append(digests.ravel())
        return np.unique(np.concatenate(found))


def _source(settings: Mapping[str, Any]) -> Source:
    """Return a source by its settings; raises ConfigError or ValidationError."""
    others = {key: value for key, value in settings.items() if key != "kind"}
    kind = settings.get("kind")
    if not isinstance(kind, str):
        raise ConfigError(f"kind is required: which source it is ({', '.join(SOURCES.names())})")
    return SOURCES.get(kind).model_validate(others)


STEP = Decontaminate
