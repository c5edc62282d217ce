"""The step `tokenize`: the text of each row becomes the tokens of one document.

The defaults are those of Megatron-LM's tools/preprocess_data.py with a Hugging Face tokenizer: the
tokens of the tokenizer's post-processor are kept, special tokens in the text are parsed, and a text
without tokens is a document without a sequence and without EOD.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, model_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import ConfigError
from penstock.steps._base import Capabilities, RowStep
from penstock.tokenization import (
    Encoding,
    EngineName,
    Tokenizer,
    TokenizerFiles,
    TokenizerIdentity,
    framed,
    load_tokenizer,
)


class Tokenize(RowStep):
    """Turn the text of each row into the tokens of one document."""

    capabilities = Capabilities(stores=True)
    wants_preview: ClassVar[bool] = True

    tokenizer: Path = Field(
        description="A directory with tokenizer.json (and tokenizer_config.json), or such a file."
    )
    append_eod: bool = Field(False, description="Append the end-of-document token to each text.")
    eod: str | int | None = Field(
        None, description="The end-of-document token, as text or id; default: eos_token."
    )
    bos: Literal["tokenizer", "always", "never"] = Field(
        "tokenizer",
        description="tokenizer: the special tokens that the post-processor of tokenizer.json adds "
        "at both ends; always: only bos_token before each text; never: none.",
    )
    engine: EngineName = Field(
        "auto",
        description="auto: fastokens if its ids equal those of tokenizers, else tokenizers; or one "
        "of them, without comparison.",
    )
    empty: Literal["keep", "drop", "error"] = Field(
        "keep", description="A text without tokens is an empty document, dropped, or a bad row."
    )
    specials: Literal["parse", "as_text"] = Field(
        "parse",
        description="Special tokens in the text: parse them as such, or encode them as text.",
    )

    _sample: list[str] = PrivateAttr(default_factory=list)
    _loaded: Tokenizer | None = PrivateAttr(None)
    _before: int | None = PrivateAttr(None)
    _after: int | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _eod_is_used(self) -> Self:
        if self.eod is not None and not self.append_eod:
            raise ValueError("`eod` needs `append_eod: true`; add that, or remove `eod`")
        return self

    @property
    def loaded(self) -> Tokenizer:
        """The tokenizer, loaded at first use."""
        if self._loaded is None:
            self.prepare()
        assert self._loaded is not None
        return self._loaded

    def inputs(self) -> list[str]:
        return [str(path) for path in TokenizerFiles.at(self.tokenizer).paths]

    def preview(self, texts: Iterable[str]) -> None:
        """Keep the first texts of the input; `prepare` compares the engines on them."""
        self._sample = list(texts)

    def prepare(self) -> None:
        """Load the tokenizer and choose its engine, once.

        Raises ConfigError if it cannot be loaded or lacks a token that a setting needs.
        """
        if self._loaded is not None:
            return
        encoding = Encoding(
            add_special=self.bos == "tokenizer", parse_special=self.specials == "parse"
        )
        tokenizer = load_tokenizer(self.tokenizer, self.engine, self._sample, encoding)
        identity = tokenizer.identity
        if self.bos == "always":
            self._before = _needed(identity.bos_id, identity, "bos", "bos: tokenizer or never")
        if self.append_eod:
            self._after = _needed(self._eod_id(tokenizer), identity, "eod", "eod: the token to use")
        self._sample = []
        self._loaded = tokenizer

    def tokenizer_identity(self) -> dict[str, Any]:
        """Return the manifest entry of the tokenizer; `eod_id` is the appended id."""
        return self.loaded.identity.to_dict() | {"eod_id": self._eod_id(self.loaded)}

    def apply(self, batch: RowBatch, stats: RowStats) -> TokenBatch:
        """Encode the field `text` of each row; a row without text is bad."""
        rows, ids, lengths = self._encode(_with_text(batch, stats), stats)
        self._count_specials(ids, len(lengths), stats)
        held = lengths > 0 if self._before is None else np.ones(len(lengths), np.bool_)
        if not held.all():
            rows, lengths, held = self._handle_empty(rows, lengths, held, stats)
        dtype = self.loaded.dtype
        if len(ids) and ids.max() > np.iinfo(dtype).max:  # a vocabulary with gaps
            raise ConfigError(
                f"{self.loaded.identity.path}: the id {ids.max()} does not fit into {dtype}, the "
                f"type for a vocabulary of {self.loaded.vocab_size:,} tokens; number its ids "
                "without gaps",
                field="tokenizer",
            )
        flat, framed_lengths = framed(
            ids, lengths[held], dtype, before=self._before, after=self._after
        )
        stats.note("tokens", len(flat))
        return TokenBatch(flat, framed_lengths, held.astype(np.int32), rows.numbers, rows.columns)

    def _eod_id(self, tokenizer: Tokenizer) -> int | None:
        return tokenizer.identity.eod_id if self.eod is None else tokenizer.id_of(self.eod, "eod")

    def _encode(
        self, rows: RowBatch, stats: RowStats
    ) -> tuple[RowBatch, NDArray[np.uint32], NDArray[np.int64]]:
        """Return the rows that could be encoded, their ids (flat) and lengths."""
        try:
            ids, offsets = self.loaded.encode([row["text"] for row in rows.rows])
        except ValueError:
            return self._encode_singly(rows, stats)
        ends = offsets.astype(np.int64)
        return rows, ids, ends[1:] - ends[:-1]

    def _encode_singly(
        self, rows: RowBatch, stats: RowStats
    ) -> tuple[RowBatch, NDArray[np.uint32], NDArray[np.int64]]:
        """Encode text by text, to find those that the engine refuses."""
        kept: list[int] = []
        parts = [np.empty(0, np.uint32)]
        for index, (row, number) in enumerate(zip(rows.rows, rows.numbers, strict=True)):
            try:
                parts.append(self.loaded.encode([row["text"]])[0])
                kept.append(index)
            except UnicodeEncodeError:
                hint = "set `surrogates: replace` in the source"
                stats.bad(number, f"text: has a lone surrogate; {hint}")
            except ValueError:
                name = self.loaded.engine.name
                stats.bad(number, f"text: {name} cannot encode it; try another engine")
        lengths = np.array([len(part) for part in parts[1:]], np.int64)
        return rows.take(kept), np.concatenate(parts), lengths

    def _handle_empty(
        self, rows: RowBatch, lengths: NDArray[np.int64], held: NDArray[np.bool_], stats: RowStats
    ) -> tuple[RowBatch, NDArray[np.int64], NDArray[np.bool_]]:
        """Return the remaining rows, their lengths, and which of them have tokens."""
        empty = int(np.count_nonzero(~held))
        if self.empty == "keep":
            stats.note("empty", empty)
            return rows, lengths, held
        if self.empty == "error":
            for index in np.flatnonzero(~held).tolist():
                reason = "text: has no tokens; set `empty: keep` or `empty: drop`"
                stats.bad(rows.numbers[index], reason)
        else:
            stats.drop("empty", empty)
        return rows.take(np.flatnonzero(held).tolist()), lengths[held], held[held]

    def _count_specials(self, ids: NDArray[np.uint32], texts: int, stats: RowStats) -> None:
        special = self.loaded.special_ids
        # Special tokens have the highest ids in most vocabularies: one comparison is enough.
        if not len(special) or not len(ids) or ids.max() < special[0]:
            return
        found = np.count_nonzero(np.isin(ids[ids >= special[0]], special))
        added = np.count_nonzero(np.isin(self.loaded.frame_ids, special)) * texts
        stats.note("specials_in_text", int(found - added))


def _with_text(batch: RowBatch, stats: RowStats) -> RowBatch:
    kept = [index for index, row in enumerate(batch.rows) if type(row.get("text")) is str]
    if len(kept) == len(batch):
        return batch
    for index in sorted(set(range(len(batch))).difference(kept)):
        exists = "text" in batch.rows[index]
        stats.bad(batch.numbers[index], "text: is not text" if exists else "text: is missing")
    return batch.take(kept)


def _needed(found: int | None, identity: TokenizerIdentity, field: str, hint: str) -> int:
    if found is None:
        raise ConfigError(
            f"{identity.path}: neither tokenizer_config.json nor special_tokens_map.json beside it "
            f"names that token; set {hint}",
            field=field,
        )
    return found


STEP = Tokenize
