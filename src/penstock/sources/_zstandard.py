"""Zstandard files, of any number of frames, whose end is seen to be there."""

from __future__ import annotations

import io
from typing import IO, Any

_CHUNK = 1 << 17
#: Frames written with `--long=31` need a window of this size.
_LARGEST_WINDOW = 1 << 31


class ZstandardReader(io.RawIOBase):
    """A stream of what zstandard frames hold.

    Unlike the readers of the package `zstandard`, it raises EOFError where a frame breaks off.
    It raises OSError for what is no frame.
    """

    def __init__(self, packed: IO[bytes]) -> None:
        from zstandard import ZstdDecompressor

        self._packed = packed
        self._frames = ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._frame: Any = None
        self._input = b""
        self._output = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what comes next; 0 is the end, behind a whole frame."""
        while not self._output:
            if not self._input:
                self._input = self._packed.read(_CHUNK)
            if not self._input:
                if self._frame is not None:
                    raise EOFError("a frame breaks off")
                return 0
            self._unpack()
        count = min(len(buffer), len(self._output))
        buffer[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def _unpack(self) -> None:
        from zstandard import ZstdError

        self._frame = self._frame or self._frames.decompressobj()
        try:
            self._output = memoryview(self._frame.decompress(self._input))
        except ZstdError as error:
            raise OSError(str(error)) from None
        self._input = b""
        if self._frame.eof:
            self._input = self._frame.unused_data
            self._frame = None

    def close(self) -> None:
        """Close the packed file too."""
        self._packed.close()
        super().close()
