"""Devices: the NVIDIA GPUs of this machine, and the executor that runs one item on each slot."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

from penstock.errors import ConfigError
from penstock.executors._base import Item, Result, usable_cores

#: The driver wakes suspended GPUs one after the other.
_DRIVER_TIMEOUT_SECONDS = 30.0
_FIELDS = ("index", "name", "memory.total")
#: GPUs have bfloat16 from this compute capability (Ampere) on.
_BFLOAT16 = (8, 0)
#: The values of CUDA_VISIBLE_DEVICES: an index, or the identifier of a GPU or a MIG instance.
_GPU = re.compile(r"\d+|(?:GPU|MIG)-[\w/\-]+")


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    `memory` is in bytes, None if the GPU shares the machine's. `capability` is (major, minor), None
    if the driver does not report it.
    """

    index: str
    name: str
    memory: int | None
    capability: tuple[int, int] | None

    @property
    def bfloat16(self) -> bool | None:
        """True if it computes in bfloat16; older GPUs have only float16. None if unknown."""
        return None if self.capability is None else self.capability >= _BFLOAT16


def gpus() -> list[Gpu]:
    """Return the GPUs of the machine in the order of their indices; none without a driver.

    CUDA_VISIBLE_DEVICES may hide some of them from a process. Raises ConfigError if the driver
    does not respond.
    """
    # An older driver does not know compute_cap and then returns nothing.
    rows = _query_driver(*_FIELDS, "compute_cap") or [[*row, ""] for row in _query_driver(*_FIELDS)]
    found = []
    for index, name, memory, capability in rows:
        mebibytes = memory.partition(" ")[0]
        size = int(mebibytes) << 20 if mebibytes.isdecimal() else None
        parts = re.fullmatch(r"(\d+)\.(\d+)", capability)
        found.append(Gpu(index, name, size, (int(parts[1]), int(parts[2])) if parts else None))
    return found


def visible_gpus() -> list[str]:
    """Return the devices of CUDA_VISIBLE_DEVICES, or the indices of all GPUs if it is not set.

    Raises ConfigError if the driver does not respond.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [part.strip() for part in chosen.split(",") if part.strip() not in ("", "-1")]
    return [row[0] for row in _query_driver("index")]


def _query_driver(*fields: str) -> list[list[str]]:
    """Return fields of each GPU, named as in `nvidia-smi --help-query-gpu`."""
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        done = subprocess.run(
            ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_DRIVER_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"the NVIDIA driver did not respond within {_DRIVER_TIMEOUT_SECONDS:.0f} seconds "
            "(nvidia-smi); fix it, or set the device (cuda_devices or CUDA_VISIBLE_DEVICES) and "
            "compute_dtype"
        ) from None
    if done.returncode:
        return []
    return [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]


@dataclass(frozen=True)
class Slot:
    """A device that runs one item at a time: a GPU, or a share of the cores."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)


def device_slots(cuda_devices: str | None, max_parallel: int | None) -> list[Slot]:
    """Return the slots of `cuda_devices`, `max_parallel` at most.

    `"0,1"` is one slot per GPU, `"cpu"` one per core, None the visible GPUs or, without any, the
    cores. CPU slots share the cores evenly. Raises ConfigError for an invalid or repeated device.
    """
    if cuda_devices is None:
        cuda_devices = ",".join(visible_gpus()) or "cpu"
    devices = [part.strip() for part in cuda_devices.split(",") if part.strip()]
    if devices in ([], ["cpu"]):
        cores = usable_cores()
        count = min(cores, max_parallel or cores)
        environment = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": str(cores // count)}
        return [Slot("cpu", environment) for _ in range(count)]
    for device in devices:
        if not _GPU.fullmatch(device):
            raise ConfigError(
                f"'{device}' is not a device; write GPU indices such as \"0,1\", or cpu",
                field="cuda_devices",
            )
    if len(set(devices)) != len(devices):
        raise ConfigError(f"'{cuda_devices}' has a device twice", field="cuda_devices")
    slots = [Slot(f"cuda:{device}", {"CUDA_VISIBLE_DEVICES": device}) for device in devices]
    return slots[:max_parallel]


class SlotExecutor(Generic[Item, Result]):
    """Runs a function over items, in their order, with one thread and one item per slot."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots = slots
        #: When set, no new item starts, and the function should end what it is doing.
        self.stop = threading.Event()
        #: When set as well, the function should end at once.
        self.kill = threading.Event()

    def map(
        self, function: Callable[[Item, Slot], Result], items: Sequence[Item]
    ) -> Generator[tuple[Item, Result], None, None]:
        """Yield each item with its result as it ends; raise the first exception of a function.

        On KeyboardInterrupt, on an exception, and when the caller stops iterating, `stop` is set
        and running functions are waited for; a second KeyboardInterrupt sets `kill`.
        """
        waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
        ended: queue.SimpleQueue[tuple[Item, Result] | BaseException | None] = queue.SimpleQueue()
        for item in items:
            waiting.put(item)

        def work(slot: Slot) -> None:
            try:
                while not self.stop.is_set():
                    item = waiting.get_nowait()
                    ended.put((item, function(item, slot)))
            except queue.Empty:
                pass
            except BaseException as error:
                ended.put(error)
            ended.put(None)

        running = 0
        try:
            for slot in self.slots:
                threading.Thread(target=work, args=(slot,)).start()
                running += 1
            while running:
                result = ended.get()
                if result is None:
                    running -= 1
                elif isinstance(result, BaseException):
                    raise result
                else:
                    yield result
        except BaseException:
            self.stop.set()
            raise
        finally:
            self._wait_for_threads(running, ended)

    def _wait_for_threads(self, running: int, ended: queue.SimpleQueue[Any]) -> None:
        """Wait until all threads have ended; an interrupted Thread.join would lose track of one."""
        interrupt: KeyboardInterrupt | None = None
        while running:
            try:
                running -= ended.get() is None
            except KeyboardInterrupt as error:
                interrupt = error
                self.kill.set()
        if interrupt is not None:
            raise interrupt
