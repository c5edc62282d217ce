"""`tokenize`: the text of each row becomes the tokens of one document.

The defaults are those of Megatron-LM's tools/preprocess_data.py with a Hugging Face tokenizer: what
the tokenizer's own post-processor adds is kept, special tokens in the text are parsed, and a text
without a token is a document without a sequence, which gets no EOD either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, model_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import ConfigError
from penstock.steps._base import Stage, Step
from penstock.tokenization import (
    Encoding,
    EngineName,
    Tokenizer,
    TokenizerFiles,
    TokenizerIdentity,
    framed,
    load_tokenizer,
)


class Tokenize(Step):
    """Turn the text of each row into the tokens of one document."""

    takes: ClassVar[Stage] = Stage.ROWS
    gives: ClassVar[Stage] = Stage.TOKENS

    tokenizer: Path = Field(
        description="A directory with tokenizer.json (and tokenizer_config.json), or such a file."
    )
    append_eod: bool = Field(False, description="Put the end-of-document token after each text.")
    eod: str | int | None = Field(
        None,
        description="The end-of-document token, by text or id; without it, eos_token.",
    )
    bos: Literal["tokenizer", "always", "never"] = Field(
        "tokenizer",
        description="The token before each text: what the post-processor in tokenizer.json adds "
        "(at either end), always bos_token and nothing else, or none.",
    )
    engine: EngineName = Field(
        "auto",
        description="What encodes: fastokens if it gives the same ids as tokenizers, else "
        "tokenizers (auto); or one of them, without comparing.",
    )
    empty: Literal["keep", "drop", "error"] = Field(
        "keep",
        description="A text without a token: a document without a sequence, no document, or a bad "
        "row.",
    )
    specials: Literal["parse", "as_text"] = Field(
        "parse",
        description="Special tokens that stand in the text: taken as tokens, or as letters.",
    )

    _sample: list[str] = PrivateAttr(default_factory=list)
    _loaded: Tokenizer | None = PrivateAttr(None)
    _before: int | None = PrivateAttr(None)
    _after: int | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _eod_is_used(self) -> Tokenize:
        if self.eod is not None and not self.append_eod:
            raise ValueError("eod: is used with append_eod: true alone; add that or remove this")
        return self

    @property
    def loaded(self) -> Tokenizer:
        """The tokenizer; it is loaded when first asked for."""
        if self._loaded is None:
            self.prepare()
        assert self._loaded is not None
        return self._loaded

    def inputs(self) -> list[str]:
        """Return the files of the tokenizer."""
        return [str(path) for path in TokenizerFiles.at(self.tokenizer).paths]

    def preview(self, texts: Iterable[str]) -> None:
        """Take the first texts of the input, for `prepare` to compare the engines on."""
        self._sample = list(texts)

    def prepare(self) -> None:
        """Load the tokenizer and choose its engine, once.

        Raises ConfigError for one that cannot be loaded or lacks the token that an option needs.
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
        """Return what the manifest says of the tokenizer; `eod_id` is the one that is appended."""
        return self.loaded.identity.to_dict() | {"eod_id": self._eod_id(self.loaded)}

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> TokenBatch:
        """Encode the field `text` of each row; a row without one is bad."""
        assert isinstance(batch, RowBatch)
        rows, ids, lengths = self._encode(_with_text(batch, stats), stats)
        self._count_specials(ids, len(lengths), stats)
        held = lengths > 0 if self._before is None else np.ones(len(lengths), np.bool_)
        if not held.all():
            rows, lengths, held = self._judge_empty(rows, lengths, held, stats)
        dtype = self.loaded.dtype
        _refuse_overflow(ids, dtype, self.loaded)
        flat, framed_lengths = framed(
            ids, lengths[held], dtype, before=self._before, after=self._after
        )
        stats.count("tokenize.tokens", len(flat))
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
        """Do the same text by text, to find those that the engine refuses."""
        kept: list[int] = []
        parts = [np.empty(0, np.uint32)]
        for index, (row, number) in enumerate(zip(rows.rows, rows.numbers, strict=True)):
            try:
                parts.append(self.loaded.encode([row["text"]])[0])
                kept.append(index)
            except UnicodeEncodeError:
                stats.bad(number, "text: holds a lone surrogate (surrogates: replace)")
            except ValueError:
                name = self.loaded.engine.name
                stats.bad(number, f"text: {name} cannot encode it; try another engine")
        lengths = np.array([len(part) for part in parts[1:]], np.int64)
        return rows.take(kept), np.concatenate(parts), lengths

    def drops(self) -> Sequence[str]:
        """Return why rows are dropped, where rows without a token are."""
        return ("empty",) if self.empty == "drop" else ()

    def _judge_empty(
        self, rows: RowBatch, lengths: NDArray[np.int64], held: NDArray[np.bool_], stats: RowStats
    ) -> tuple[RowBatch, NDArray[np.int64], NDArray[np.bool_]]:
        """Return what is left of the rows, their lengths, and which of them hold a token."""
        stats.count("tokenize.empty", int(np.count_nonzero(~held)))
        if self.empty == "keep":
            return rows, lengths, held
        if self.empty == "error":
            for index in np.flatnonzero(~held).tolist():
                stats.bad(
                    rows.numbers[index], "text: there is no token in it (empty: keep or drop)"
                )
        return rows.take(np.flatnonzero(held).tolist()), lengths[held], held[held]

    def _count_specials(self, ids: NDArray[np.uint32], texts: int, stats: RowStats) -> None:
        """Count the special tokens that stood in the texts."""
        special = self.loaded.special_ids
        # They have the highest ids in most vocabularies, so one look settles it.
        if not len(special) or not len(ids) or ids.max() < special[0]:
            return
        found = np.count_nonzero(np.isin(ids[ids >= special[0]], special))
        added = np.count_nonzero(np.isin(self.loaded.frame_ids, special)) * texts
        stats.count("tokenize.specials_in_text", int(found - added))


def _with_text(batch: RowBatch, stats: RowStats) -> RowBatch:
    kept = [index for index, row in enumerate(batch.rows) if type(row.get("text")) is str]
    if len(kept) == len(batch):
        return batch
    for index in sorted(set(range(len(batch))).difference(kept)):
        there = "text" in batch.rows[index]
        stats.bad(batch.numbers[index], "text: is not text" if there else "text: is missing")
    return batch.take(kept)


def _refuse_overflow(ids: NDArray[np.uint32], dtype: np.dtype[Any], tokenizer: Tokenizer) -> None:
    """Refuse ids that would be cut off: a vocabulary with gaps has ids above its size."""
    if len(ids) and ids.max() > np.iinfo(dtype).max:
        raise ConfigError(
            f"{tokenizer.identity.path}: the id {ids.max()} does not fit into {dtype}, which a "
            f"vocabulary of {tokenizer.vocab_size:,} tokens is stored in; number its ids without "
            "gaps",
            field="tokenizer",
        )


def _needed(found: int | None, identity: TokenizerIdentity, field: str, mend: str) -> int:
    if found is None:
        raise ConfigError(
            f"{identity.path}: neither tokenizer_config.json nor special_tokens_map.json beside it "
            f"names that token; set {mend}",
            field=field,
        )
    return found


STEP = Tokenize
