"""The reference engine: Hugging Face tokenizers, which takes every tokenizer.json."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penstock.tokenization._base import AddedToken, Encoding, Engine, EngineRefusal


class TokenizersEngine(Engine):
    """tokenizers, with one thread to a call."""

    name = "tokenizers"

    def __init__(self, path: Path, encoding: Encoding) -> None:
        # Read at every call. Its own threads would outnumber the cores, and a forked process would
        # wait for threads that it does not have.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        import tokenizers

        self.version = tokenizers.__version__
        try:
            self._native = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # it raises nothing more precise
            raise EngineRefusal(f"tokenizers cannot take it ({error})") from None
        if getattr(self._native.model, "dropout", None):
            raise EngineRefusal("its BPE dropout gives other ids each time; set dropout to null")
        self._native.no_truncation()
        self._native.no_padding()
        self._native.encode_special_tokens = not encoding.parse_special
        self._add_special = encoding.add_special

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        for text in texts:
            text.encode()  # what it says of a lone surrogate is that the text is no text
        found = self._native.encode_batch_fast(texts, add_special_tokens=self._add_special)
        rows = [np.array(encoding.ids, np.uint32) for encoding in found]
        offsets = np.zeros(len(rows) + 1, np.uint64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        return np.concatenate([np.empty(0, np.uint32), *rows]), offsets

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self._native.decode(ids, skip_special_tokens=False)
        return text

    def token_id(self, token: str) -> int | None:
        found: int | None = self._native.token_to_id(token)
        return found

    @property
    def vocab_size(self) -> int:
        return int(self._native.get_vocab_size(with_added_tokens=True))

    @property
    def added_tokens(self) -> list[AddedToken]:
        tokens = self._native.get_added_tokens_decoder().items()
        return sorted(AddedToken(number, token.content, token.special) for number, token in tokens)
