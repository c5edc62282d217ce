"""No orphan: what ends a process when its caller is gone, by kill -9 too."""

from __future__ import annotations

import subprocess
from types import TracebackType
from typing import Self

#: Waits at a pipe that closes when the caller is gone, and then ends the group it was told.
_SCRIPT = 'read group && ! read end && kill -KILL "-$group"'


class Guard:
    """Ends a process and all it has started if this process dies within the block.

    A shell stands by, out of reach of the terminal's signals: what is killed cannot clean up, and a
    process that is left over would go on to hold its device.
    """

    def __enter__(self) -> Self:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def watch(self, group: int) -> None:
        """Name the process group to end."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{group}\n".encode())
        self._shell.stdin.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._shell.kill()
        self._shell.communicate()
