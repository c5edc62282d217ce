"""Run penstock as a process, with pipes or in a terminal."""

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
#: A process that runs longer hangs.
_TIMEOUT = 1800.0


def penstock(
    *arguments: Argument, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run penstock with its output in pipes."""
    return subprocess.run(
        [*PENSTOCK, *map(str, arguments)],
        cwd=cwd,
        env=_environment(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT,
    )


def penstock_in_terminal(
    *arguments: Argument,
    cwd: Path,
    columns: int = 100,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run penstock in a terminal; return its output."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [*PENSTOCK, *map(str, arguments)],
        cwd=cwd,
        env=_environment({"TERM": "xterm-256color", **(environment or {})}),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(controller, 65536):
            shown += part
    except OSError:
        pass  # on Linux, when the other side is closed
    finally:
        os.close(controller)
    process.wait(timeout=_TIMEOUT)
    return shown.decode().replace("\r\n", "\n")


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Return this process's environment without the variables about its terminal."""
    own = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM"}
    return {k: v for k, v in os.environ.items() if k not in own} | dict(more or {})
