"""Carry work on this machine, one piece a slot at a time."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from penstock.errors import ConfigError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Slot:
    """A place where one thing runs at a time: a GPU, or a share of the cores."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)


def device_slots(cuda_devices: str | None, max_parallel: int | None) -> list[Slot]:
    """Return the slots that `cuda_devices` asks for.

    `"0,1"` is a slot a GPU; `"cpu"` a slot a core. None takes the GPUs that CUDA_VISIBLE_DEVICES
    or the driver names, and the cores where there is none. `max_parallel` is the most slots; CPU
    slots share the cores evenly.
    """
    if cuda_devices is None:
        cuda_devices = ",".join(_visible_gpus()) or "cpu"
    devices = [part.strip() for part in cuda_devices.split(",") if part.strip()]
    if devices in ([], ["cpu"]):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        count = max(1, min(cores or 1, max_parallel or cores or 1))
        threads = str(max(1, (cores or 1) // count))
        environment = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": threads}
        return [Slot("cpu", environment) for _ in range(count)]
    if len(set(devices)) != len(devices):
        raise ConfigError(f"'{cuda_devices}' names a device twice", field="cuda_devices")
    slots = [Slot(f"cuda:{device}", {"CUDA_VISIBLE_DEVICES": device}) for device in devices]
    return slots[:max_parallel]


def _visible_gpus() -> list[str]:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [part.strip() for part in chosen.split(",") if part.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    asked = subprocess.run(
        ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.split() if asked.returncode == 0 else []


class LocalExecutor(Generic[Item, Result]):
    """Carries a function over items in threads, one item a slot at a time, in their order."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots = slots
        #: Set it, and no new item starts; the function sees it and ends what it is doing.
        self.stop = threading.Event()

    def map(
        self, function: Callable[[Item, Slot], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result]]:
        """Yield each item with its result as it ends; the first exception of a function is raised.

        On KeyboardInterrupt, on an exception, and when the caller stops iterating, `stop` is set
        and the functions that run are waited for.
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

        threads = [threading.Thread(target=work, args=(slot,)) for slot in self.slots]
        for thread in threads:
            thread.start()
        try:
            running = len(threads)
            while running:
                result = ended.get()
                if result is None:
                    running -= 1
                elif isinstance(result, BaseException):
                    raise result
                else:
                    yield result
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()
