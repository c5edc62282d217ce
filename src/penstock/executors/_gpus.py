"""The NVIDIA GPUs of this machine, as their driver tells; no library is loaded."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

#: From this compute capability (Ampere) on, a GPU computes in bfloat16.
_BFLOAT16 = (8, 0)


@dataclass(frozen=True)
class Gpu:
    """One GPU: its number, its memory in bytes, and its compute capability as (major, minor).

    `memory` is None where it shares the machine's.
    """

    index: str
    name: str
    memory: int | None
    capability: tuple[int, int]

    @property
    def bfloat16(self) -> bool:
        """True when it computes in bfloat16; older ones have only float16."""
        return self.capability >= _BFLOAT16


def gpus() -> list[Gpu]:
    """Return the GPUs in the order of their numbers; none where there is no driver."""
    found = []
    fields = ("index", "name", "memory.total", "compute_cap")
    for index, name, memory, capability in ask_driver(*fields):
        major, _, minor = capability.partition(".")
        mebibytes = memory.partition(" ")[0]
        size = int(mebibytes) << 20 if mebibytes.isdecimal() else None
        found.append(Gpu(index, name, size, (int(major), int(minor))))
    return found


def ask_driver(*fields: str) -> list[list[str]]:
    """Return some fields of each GPU, as `nvidia-smi --help-query-gpu` names them."""
    if shutil.which("nvidia-smi") is None:
        return []
    asked = subprocess.run(
        ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        return []
    return [[cell.strip() for cell in line.split(",")] for line in asked.stdout.splitlines()]
