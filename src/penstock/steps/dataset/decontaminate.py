"""The step `decontaminate`: drop train rows with a sentence of given test sets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.errors import ConfigError
from penstock.sources import SOURCES, Source
from penstock.splits import SplitName
from penstock.steps._base import Capabilities, MeasuringStep, StepPosition, check_dropped
from penstock.steps._fields import SIDES, FieldNames, sentence_hashes
from penstock.steps._order import Order, OrderContext
from penstock.text import NORMALISE_ALSO, Normalise

_INPUT_SPLIT_BYTES = 1 << 24


class Decontaminate(MeasuringStep):
    """Drop the rows of train that have a sentence of test sets outside the dataset.

    The test sets are read as sources; their rows must have the fields `on`, and are normalised like
    the rows of the dataset. Sentences are compared by a 64-bit hash (BLAKE2b). Without an earlier
    step that divides the dataset every row is train.
    """

    capabilities = Capabilities(across_splits=True)

    against: dict[str, dict[str, Any]] = Field(
        min_length=1,
        max_length=255,
        description="The test sets by name, each with the settings of a source: {paws: {kind: "
        "tsv, path: test.tsv, text: null, metadata: {source: sentence1, target: sentence2}}}.",
    )
    on: FieldNames = Field(list(SIDES), description="The fields with the sentences.")
    normalise: Normalise = Field("letters", description=NORMALISE_ALSO)
    splits: list[SplitName] = Field(
        ["train"], min_length=1, description="The splits that must not have those sentences."
    )
    max_dropped: float = Field(
        0.1, ge=0, le=1, description="The largest share of rows of these splits to drop."
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
                path = ".".join(map(str, (name, *wrong["loc"])))
                raise ValueError(f"{path}: {wrong['msg'].removeprefix('Value error, ')}") from None
            if source.gives_tokens:
                raise ValueError(f"{name}: a source of tokens has no sentences")
        return self

    def inputs(self) -> list[str]:
        return [path for source in self._sources.values() for path in source.inputs()]

    def verify(self, position: StepPosition) -> None:
        if "train" not in self.splits and not any(s.capabilities.divides for s in position.before):
            raise ConfigError(
                f"no earlier step gives rows to {' or '.join(self.splits)}; put it after the step "
                "that divides the dataset (partition, components, assign)"
            )

    def prepare(self) -> None:
        """Read the test sets; raises DataError for a row without a field."""
        _ = self._known

    def measure(self, batch: RowBatch, stats: RowStats) -> tuple[RowBatch, NDArray[Any]]:
        """Return the sentence hashes of each row, (rows, fields) in uint64."""
        return sentence_hashes(batch, stats, self.on, self.normalise, "`decontaminate` needs it")

    def reorder(self, order: Order, context: OrderContext) -> Order:
        checked = order.in_splits(self.splits)
        clean = np.ones(len(order), np.bool_)
        for name, known in self._known.items():
            found = checked & clean & np.isin(context.values, known).any(axis=1)
            if found.any():
                context.report.drop(name, int(found.sum()))
            clean &= ~found
        rows = int(checked.sum())
        context.report.note("compared", rows)
        check_dropped(
            int((~clean).sum()),
            rows,
            self.max_dropped,
            why=f"of {', '.join(self.splits)} share a sentence with a test set",
            reasons=context.report.dropped,
        )
        return order if clean.all() else order.take(np.flatnonzero(clean))

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {name: _source(settings) for name, settings in self.against.items()}

    @cached_property
    def _known(self) -> dict[str, NDArray[np.uint64]]:
        return {name: self._read(name, source) for name, source in self._sources.items()}

    def _read(self, name: str, source: Source) -> NDArray[np.uint64]:
        hint = f"`decontaminate` needs it: see `metadata` of '{name}'"
        found = [np.empty(0, np.uint64)]
        for input_split in source.input_splits(_INPUT_SPLIT_BYTES):
            stats = RowStats(partial(source.locate, input_split))
            for batch in source.read(input_split, stats):
                assert isinstance(batch, RowBatch)  # sources of tokens are refused above
                hashes = sentence_hashes(batch, stats, self.on, self.normalise, hint)[1]
                found.append(hashes.ravel())
        return np.unique(np.concatenate(found))


def _source(settings: Mapping[str, Any]) -> Source:
    """Return a source with these settings; raises ConfigError or ValidationError."""
    others = {key: value for key, value in settings.items() if key != "kind"}
    kind = settings.get("kind")
    if not isinstance(kind, str):
        raise ConfigError(f"kind is required: the kind of source ({', '.join(SOURCES.names())})")
    return SOURCES.get(kind).model_validate(others)


STEP = Decontaminate
