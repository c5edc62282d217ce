"""Carry runs in threads of this process, one a slot at a time."""

from __future__ import annotations

import os
import queue
import re
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

from penstock.errors import ConfigError
from penstock.executors._base import Item, Result, usable_cores
from penstock.executors._gpus import ask_driver

#: What CUDA_VISIBLE_DEVICES takes: an index, or the identifier of a GPU or a part of one.
_GPU = re.compile(r"\d+|(?:GPU|MIG)-[\w/\-]+")


@dataclass(frozen=True)
class Slot:
    """A place where one thing runs at a time: a GPU, or a share of the cores."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)


def device_slots(cuda_devices: str | None, max_parallel: int | None) -> list[Slot]:
    """Return the slots that `cuda_devices` asks for.

    `"0,1"` is a slot a GPU; `"cpu"` a slot a core. None takes the GPUs that CUDA_VISIBLE_DEVICES
    or the driver names, and the cores where there is none. `max_parallel` is the most slots; CPU
    slots share the cores evenly. Raises ConfigError for what names no device, or one twice.
    """
    if cuda_devices is None:
        cuda_devices = ",".join(visible_gpus()) or "cpu"
    devices = [part.strip() for part in cuda_devices.split(",") if part.strip()]
    if devices in ([], ["cpu"]):
        return _cpu_slots(max_parallel)
    for device in devices:
        if not _GPU.fullmatch(device):
            raise ConfigError(
                f"'{device}' names no device; write the numbers of GPUs such as \"0,1\", or cpu",
                field="cuda_devices",
            )
    if len(set(devices)) != len(devices):
        raise ConfigError(f"'{cuda_devices}' names a device twice", field="cuda_devices")
    slots = [Slot(f"cuda:{device}", {"CUDA_VISIBLE_DEVICES": device}) for device in devices]
    return slots[:max_parallel]


def _cpu_slots(max_parallel: int | None) -> list[Slot]:
    cores = usable_cores()
    count = min(cores, max_parallel or cores)
    environment = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": str(cores // count)}
    return [Slot("cpu", environment) for _ in range(count)]


def visible_gpus() -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES names, else the numbers of all GPUs.

    Raises ConfigError where the driver is asked and does not answer.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [part.strip() for part in chosen.split(",") if part.strip() not in ("", "-1")]
    return [row[0] for row in ask_driver("index")]


class SlotExecutor(Generic[Item, Result]):
    """Carries a function over items in threads, one item a slot at a time, in their order."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots = slots
        #: Set it, and no new item starts; the function sees it and ends what it is doing.
        self.stop = threading.Event()
        #: Set it as well, and the function takes no time to end it cleanly.
        self.kill = threading.Event()

    def map(
        self, function: Callable[[Item, Slot], Result], items: Sequence[Item]
    ) -> Generator[tuple[Item, Result], None, None]:
        """Yield each item with its result as it ends; the first exception of a function is raised.

        On KeyboardInterrupt, on an exception, and when the caller stops iterating, `stop` is set
        and the functions that run are waited for; on a second KeyboardInterrupt `kill` is set.
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
            self._await_end(running, ended)

    def _await_end(self, running: int, ended: queue.SimpleQueue[Any]) -> None:
        """Wait for the workers that run; Thread.join would forget them when it is interrupted."""
        again: KeyboardInterrupt | None = None
        while running:
            try:
                running -= ended.get() is None
            except KeyboardInterrupt as error:
                again = error
                self.kill.set()
        if again is not None:
            raise again
