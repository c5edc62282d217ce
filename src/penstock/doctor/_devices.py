"""The GPUs, and whether penstock's torch can use them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from penstock.doctor._base import Item, State
from penstock.executors import gpus, usable_cores


def devices() -> Iterator[Item]:
    """Yield the cores and each GPU."""
    yield Item("devices", "cores", State.OK, str(usable_cores()))
    found = gpus()
    if not found:
        yield Item("devices", "gpu", State.ABSENT, "no NVIDIA GPU here; runs go to the CPU")
    for gpu in found:
        memory = f", {gpu.memory >> 30} GiB" if gpu.memory else ""
        precision = "bfloat16" if gpu.bfloat16 else "float16, no bfloat16"
        yield Item("devices", f"cuda:{gpu.index}", State.OK, f"{gpu.name}{memory}, {precision}")
    try:
        torch = version("torch")
    except PackageNotFoundError:
        return
    if found and torch.endswith("+cpu"):
        mend = "install a CUDA build of torch: https://pytorch.org/get-started/locally"
        yield Item("devices", "torch", State.BROKEN, f"{torch} cannot use the GPU", mend)
