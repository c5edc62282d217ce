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

    What is written must not change afterwards: it is hashed by another thread.
    """

    def __init__(self, path: Path) -> None:
        self._out = path.open("wb")
        self._digest = hashlib.sha256()
        self._buffers: queue.Queue[Any] = queue.Queue(_WAITING)
        self._hasher = threading.Thread(target=self._hash)

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
        self._out.close()
        self._buffers.put(None)
        self._hasher.join()

    def _hash(self) -> None:
        while (data := self._buffers.get()) is not None:
            self._digest.update(data)
