"""The fast engine: fastokens, one text after the other in native code that releases the GIL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penstock.tokenization._base import AddedToken, Encoding, Engine, EngineRefusal


class FastokensEngine(Engine):
    """fastokens, with one thread to a call: who wants more cores calls it from more workers."""

    name = "fastokens"

    def __init__(self, path: Path, encoding: Encoding) -> None:
        # It is read once, when the library first encodes; its own threads would outnumber the
        # cores, and would not be there in a process that is forked.
        os.environ["FASTOKENS_BPE_THREADS"] = "1"
        try:
            import fastokens
        except ImportError:
            raise EngineRefusal("fastokens is not installed") from None
        from importlib.metadata import version

        self.version = version("fastokens")
        try:
            self._native = fastokens.Tokenizer.from_file(str(path))
        except Exception as error:
            raise EngineRefusal(f"fastokens cannot take it ({error})") from None
        self._native.no_truncation()
        self._native.no_padding()
        self._flags = (encoding.add_special, not encoding.parse_special)

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        ids, offsets = self._native.encode_batch_flat(texts, *self._flags)
        return np.frombuffer(ids, "<u4"), np.frombuffer(offsets, "<u8")

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self._native.decode(ids)
        return text

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
