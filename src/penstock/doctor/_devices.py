"""The GPUs, and whether penstock's torch can use them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from penstock.doctor._base import Item, State
from penstock.errors import ConfigError
from penstock.executors import Gpu, gpus, usable_cores, visible_gpus

_AREA = "devices"
_PRECISION = {True: "bfloat16", False: "float16, no bfloat16", None: "bfloat16 or not: unknown"}


def devices() -> Iterator[Item]:
    """Yield the cores and each GPU."""
    yield Item(_AREA, "cores", State.OK, str(usable_cores()))
    try:
        found = gpus()
    except ConfigError as error:
        yield Item(_AREA, "gpu", State.BROKEN, error.message)
        return
    yield from map(_gpu, found)
    if not sees_gpu():
        value = "hidden by CUDA_VISIBLE_DEVICES" if found else "no NVIDIA GPU here"
        yield Item(_AREA, "gpu", State.ABSENT, f"{value}; runs go to the CPU")
        return
    try:
        torch = version("torch")
    except PackageNotFoundError:
        return
    if torch.endswith("+cpu"):
        mend = "install a CUDA build of torch: https://pytorch.org/get-started/locally"
        yield Item(_AREA, "torch", State.BROKEN, f"{torch} cannot use the GPU", mend)


def sees_gpu() -> bool:
    """Say whether a process that is started here sees a GPU; False where the driver is broken."""
    try:
        return bool(visible_gpus())
    except ConfigError:
        return False


def _gpu(gpu: Gpu) -> Item:
    memory = f", {gpu.memory >> 30} GiB" if gpu.memory else ""
    value = f"{gpu.name}{memory}, {_PRECISION[gpu.bfloat16]}"
    return Item(_AREA, f"cuda:{gpu.index}", State.OK, value)
