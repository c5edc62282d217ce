"""penstock as a process: in a pipe, and in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

PENSTOCK = (sys.executable, "-m", "penstock")
Argument = str | Path
#: What has not ended after so many seconds hangs.
_PATIENCE = 1800.0


def penstock(
    *arguments: Argument, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run penstock to its end, its output into pipes."""
    return subprocess.run(
        [*PENSTOCK, *map(str, arguments)],
        cwd=cwd,
        env=_environment(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )


def penstock_in_terminal(
    *arguments: Argument,
    cwd: Path,
    columns: int = 100,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run penstock in a terminal of so many columns; return all that it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [*PENSTOCK, *map(str, arguments)],
        cwd=cwd,
        env=_environment({"TERM": "xterm-256color", **(environment or {})}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass  # what Linux says when the other side has been closed
    finally:
        os.close(ours)
    process.wait(timeout=_PATIENCE)
    return shown.decode().replace("\r\n", "\n")


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Return this process's environment without what it says of its own terminal."""
    own = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM"}
    return {k: v for k, v in os.environ.items() if k not in own} | dict(more or {})
