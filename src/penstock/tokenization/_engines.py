"""The two engines: fastokens (fast) and Hugging Face tokenizers (the reference).

Each call uses one thread: for more cores, call them from more workers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penstock.tokenization._base import AddedToken, Encoding, Engine, UnsupportedTokenizerError


class FastokensEngine(Engine):
    """fastokens: native code that releases the GIL; it does not support every tokenizer.json."""

    name = "fastokens"

    def __init__(self, path: Path, encoding: Encoding) -> None:
        # Read when the library first encodes. Its own threads would outnumber the cores, and do
        # not exist in a forked process.
        os.environ["FASTOKENS_BPE_THREADS"] = "1"
        try:
            import fastokens
        except ImportError:
            raise UnsupportedTokenizerError("fastokens is not installed") from None
        self.version = version("fastokens")
        try:
            self._native = fastokens.Tokenizer.from_file(str(path))
        except Exception as error:
            raise UnsupportedTokenizerError(f"fastokens cannot load it ({error})") from None
        self._native.no_truncation()
        self._native.no_padding()
        self._flags = (encoding.add_special, not encoding.parse_special)

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        ids, offsets = self._native.encode_batch_flat(texts, *self._flags)
        return np.frombuffer(ids, "<u4"), np.frombuffer(offsets, "<u8")

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._native.decode(ids))

    def token_id(self, token: str) -> int | None:
        found: int | None = self._native.token_to_id(token)
        return found

    @property
    def vocab_size(self) -> int:
        return int(self._native.vocab_size)

    @property
    def added_tokens(self) -> list[AddedToken]:
        return sorted(
            AddedToken(token["id"], token["content"], token["special"])
            for token in self._native.added_tokens()
        )


class TokenizersEngine(Engine):
    """Hugging Face tokenizers, which supports every tokenizer.json."""

    name = "tokenizers"

    def __init__(self, path: Path, encoding: Encoding) -> None:
        # Read at every call. Its own threads would outnumber the cores, and a forked process would
        # wait for threads that do not exist in it.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        import tokenizers

        self.version = tokenizers.__version__
        try:
            self._native = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # it raises nothing more specific
            raise UnsupportedTokenizerError(f"tokenizers cannot load it ({error})") from None
        if getattr(self._native.model, "dropout", None):
            raise UnsupportedTokenizerError(
                "its BPE dropout makes the ids random; set dropout to null"
            )
        self._native.no_truncation()
        self._native.no_padding()
        self._native.encode_special_tokens = not encoding.parse_special
        self._add_special = encoding.add_special

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        for text in texts:
            text.encode()  # a clear error for a lone surrogate
        found = self._native.encode_batch_fast(texts, add_special_tokens=self._add_special)
        rows = [np.array(encoding.ids, np.uint32) for encoding in found]
        offsets = np.zeros(len(rows) + 1, np.uint64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        return np.concatenate([np.empty(0, np.uint32), *rows]), offsets

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._native.decode(ids, skip_special_tokens=False))

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
