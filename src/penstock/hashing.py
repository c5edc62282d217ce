"""A file that is hashed while it is written: the second core does it, and nothing is read again."""

from __future__ import annotations

import hashlib
import queue
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: How many buffers may wait for the hash; they are views, so little is held.
_WAITING = 4


class HashedFile:
    """Writes a file from its beginning to its end in a `with` block; then `sha256` is known.

    What is written must not change afterwards: it is hashed by another thread. What goes wrong in
    that thread is raised at the end of the block.
    """

    def __init__(self, path: Path) -> None:
        self._out = path.open("wb")
        self._digest = hashlib.sha256()
        self._buffers: queue.Queue[Any] = queue.Queue(_WAITING)
        self._failure: Exception | None = None
        self._hasher = threading.Thread(target=self._hash, daemon=True)

    @property
    def sha256(self) -> str:
        """`sha256:<hex>` of every byte, once the block has ended."""
        return f"sha256:{self._digest.hexdigest()}"

    def write(self, data: Any) -> None:
        """Append a buffer of bytes."""
        self._buffers.put(data)
        self._out.write(data)

    def __enter__(self) -> Self:
        self._hasher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._out.close()  # fails where the disk is full
        finally:
            self._buffers.put(None)
            self._hasher.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _hash(self) -> None:
        try:
            while (data := self._buffers.get()) is not None:
                self._digest.update(data)
        except Exception as failure:
            self._failure = failure
            while self._buffers.get() is not None:  # or the writer would wait for ever
                pass
