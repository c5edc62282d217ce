"""The NVIDIA GPUs of this machine, as their driver tells; no library is loaded."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from penstock.errors import ConfigError

#: Of many GPUs that sleep, the driver wakes one after the other.
_PATIENCE_SECONDS = 30.0
_FIELDS = ("index", "name", "memory.total")
#: From this compute capability (Ampere) on, a GPU computes in bfloat16.
_BFLOAT16 = (8, 0)


@dataclass(frozen=True)
class Gpu:
    """One GPU: its number, its memory in bytes, and its compute capability as (major, minor).

    `memory` is None where it shares the machine's, `capability` where the driver does not say.
    """

    index: str
    name: str
    memory: int | None
    capability: tuple[int, int] | None

    @property
    def bfloat16(self) -> bool | None:
        """True when it computes in bfloat16; older ones have only float16. None: unknown."""
        return None if self.capability is None else self.capability >= _BFLOAT16


def gpus() -> list[Gpu]:
    """Return the GPUs in the order of their numbers; none where there is no driver.

    CUDA_VISIBLE_DEVICES may hide some of them from a process. Raises ConfigError where the driver
    does not answer.
    """
    # An older driver, which does not know of the capability, then says nothing at all.
    told = ask_driver(*_FIELDS, "compute_cap") or [[*row, ""] for row in ask_driver(*_FIELDS)]
    found = []
    for index, name, memory, capability in told:
        mebibytes = memory.partition(" ")[0]
        size = int(mebibytes) << 20 if mebibytes.isdecimal() else None
        parts = re.fullmatch(r"(\d+)\.(\d+)", capability)
        found.append(Gpu(index, name, size, (int(parts[1]), int(parts[2])) if parts else None))
    return found


def ask_driver(*fields: str) -> list[list[str]]:
    """Return some fields of each GPU, as `nvidia-smi --help-query-gpu` names them.

    Raises ConfigError where the driver does not answer.
    """
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        asked = subprocess.run(
            ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"the NVIDIA driver does not answer (nvidia-smi, for {_PATIENCE_SECONDS:.0f} seconds); "
            "mend it, or name the device (cuda_devices, or CUDA_VISIBLE_DEVICES) and compute_dtype"
        ) from None
    if asked.returncode:
        return []
    return [[cell.strip() for cell in line.split(",")] for line in asked.stdout.splitlines()]
