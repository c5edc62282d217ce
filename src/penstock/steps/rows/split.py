"""The step `split`: documents longer than the context become several sequences."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from penstock.batches import RowStats, TokenBatch
from penstock.steps._base import TokenStep
from penstock.tokenization import TokenizerFiles


class Split(TokenStep):
    """Cut sequences that are longer than `context`; a document may then have several."""

    context: int = Field(gt=0, description="The maximum length of a sequence in tokens.")
    at: Literal["hard", "boundary"] = Field(
        "hard",
        description="hard: every `context` tokens; boundary: after the last of the `boundaries` "
        "that fits; hard if there is none.",
    )
    overlap: int = Field(
        0,
        ge=0,
        description="How many tokens of the end of a sequence are repeated at the beginning of the "
        "next one of the same document.",
    )
    boundaries: list[Annotated[int, Field(ge=0)] | Literal["newline", "sentence"]] = Field(
        default_factory=list,
        description="Where a document may be cut: after these ids, at line ends "
        "(newline), at sentence and line ends (sentence).",
    )
    tokenizer: Path | None = Field(
        None, description="The directory of the tokenizer, for `newline` and `sentence`."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Split:
        named = any(isinstance(boundary, str) for boundary in self.boundaries)
        if self.overlap >= self.context:
            raise ValueError(f"`overlap` must be less than `context` ({self.context})")
        if self.at == "hard" and (self.boundaries or self.tokenizer):
            raise ValueError("`boundaries` and `tokenizer` need `at: boundary`")
        if self.at == "boundary" and not self.boundaries:
            raise ValueError("`at: boundary` needs `boundaries`: [newline], [sentence] or ids")
        if named != (self.tokenizer is not None):
            raise ValueError(
                "`newline` and `sentence` need `tokenizer`, the directory of the tokenizer"
                if named
                else "`tokenizer` is only used with `newline` and `sentence`; remove it"
            )
        return self

    def inputs(self) -> list[str]:
        if self.tokenizer is None:
            return []
        return [str(path) for path in TokenizerFiles.at(self.tokenizer).paths]

    def prepare(self) -> None:
        """Read the tokenizer of `newline` and `sentence`; raises ConfigError."""
        _ = self._roles

    def apply(self, batch: TokenBatch, stats: RowStats) -> TokenBatch:
        from penstock.kernels.cutting import cut, gather

        starts, lengths, pieces = cut(
            batch.ids, batch.lengths, self.context, self.overlap, self._roles
        )
        added = len(lengths) - len(batch.lengths)
        if not added:
            return batch
        ids = gather(batch.ids, starts, lengths) if self.overlap else batch.ids
        sequence_ends = np.cumsum(batch.sequences)
        piece_ends = np.concatenate(([0], np.cumsum(pieces)))[sequence_ends]
        sequences = np.diff(piece_ends, prepend=0).astype(np.int32)
        stats.note("documents_cut", int((sequences > batch.sequences).sum()))
        stats.note("cuts", added)
        stats.note("overlap_tokens", len(ids) - len(batch.ids))
        return TokenBatch(ids, lengths, sequences, batch.numbers, batch.columns)

    @cached_property
    def _roles(self) -> NDArray[np.uint8]:
        """The role of each id (bits of `kernels.cutting`); empty for hard cuts."""
        from penstock.steps.rows._boundaries import roles_of_ids, roles_of_tokenizer

        roles = roles_of_ids([each for each in self.boundaries if isinstance(each, int)])
        if self.tokenizer is not None:
            named = {each for each in self.boundaries if isinstance(each, str)}
            of_tokenizer = roles_of_tokenizer(self.tokenizer, sentences="sentence" in named)
            size = max(len(roles), len(of_tokenizer))
            roles = np.pad(roles, (0, size - len(roles)))
            roles[: len(of_tokenizer)] |= of_tokenizer
        return roles


STEP = Split
