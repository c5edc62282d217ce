"""What penstock can use on this machine, and what is broken: `penstock doctor`."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from penstock._version import __version__
from penstock.errors import ConfigError
from penstock.executors import gpus, usable_cores, visible_gpus
from penstock.trainers import Item, State, trainers

__all__ = ["Examination", "Item", "State", "examine"]

_NAME = re.compile(r"[\w.\-]+")
_EXTRA = re.compile(r"extra == ['\"]([\w\-]+)['\"]")
#: Extras that only developers of penstock need.
_FOR_DEVELOPERS = ("peers", "test")
_PRECISION = {True: "bfloat16", False: "float16, no bfloat16", None: "bfloat16 unknown"}


@dataclass(frozen=True)
class Examination:
    """Every component that was examined."""

    items: Sequence[Item]

    @property
    def ok(self) -> bool:
        """True if no component is broken."""
        return all(item.state is not State.BROKEN for item in self.items)

    def to_dict(self) -> dict[str, Any]:
        """Return what `--format json` prints: `ok`, `items`."""
        return {"ok": self.ok, "items": [asdict(item) for item in self.items]}


def examine() -> Examination:
    """Examine Python, penstock and its extras, the GPUs, and the environments of trainers.

    Nothing is changed. It takes some seconds if a trainer is installed, as its packages are
    imported in its own environment.
    """
    items = [*_packages(), *_devices()]
    for trainer in trainers():
        if trainer.status is not None:
            items += trainer.status()
    return Examination(items)


def _packages() -> Iterator[Item]:
    """Yield Python, penstock, missing requirements and the extras, from metadata."""
    yield Item("python", "python", State.OK, f"{platform.python_version()} ({sys.executable})")
    yield Item("penstock", "penstock", State.OK, __version__)
    try:
        requirements = requires("penstock") or []
    except PackageNotFoundError:
        fix = "pip install penstock, or pip install --editable of its checkout"
        yield Item("penstock", "metadata", State.BROKEN, "penstock is not installed", fix)
        return
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        name, extra = _NAME.match(requirement), _EXTRA.search(requirement)
        if name and extra:
            extras.setdefault(extra[1], []).append(name[0])
        elif name and _version(name[0]) is None:
            yield Item("penstock", name[0], State.BROKEN, "missing", f"pip install {name[0]}")
    for extra_name, names in extras.items():
        if extra_name not in _FOR_DEVELOPERS:
            yield _extra(extra_name, names)


def _extra(extra: str, names: list[str]) -> Item:
    versions = {name: _version(name) for name in names}
    installed = ", ".join(f"{name} {known}" for name, known in versions.items() if known)
    missing = ", ".join(name for name, known in versions.items() if known is None)
    if not missing:
        return Item("extras", extra, State.OK, installed)
    value = f"{installed}; no {missing}" if installed else f"no {missing}"
    return Item("extras", extra, State.ABSENT, value, f"pip install 'penstock[{extra}]'")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _devices() -> Iterator[Item]:
    """Yield the cores, each GPU, and whether penstock's torch can use the GPUs."""
    yield Item("devices", "cores", State.OK, str(usable_cores()))
    try:
        found = gpus()
        visible = visible_gpus()
    except ConfigError as error:
        yield Item("devices", "gpu", State.BROKEN, error.message)
        return
    for gpu in found:
        memory = f", {gpu.memory >> 30} GiB" if gpu.memory else ""
        value = f"{gpu.name}{memory}, {_PRECISION[gpu.bfloat16]}"
        yield Item("devices", f"cuda:{gpu.index}", State.OK, value)
    if not visible:
        value = "hidden by CUDA_VISIBLE_DEVICES" if found else "no NVIDIA GPU"
        yield Item("devices", "gpu", State.ABSENT, f"{value}; runs use the CPU")
    elif (torch := _version("torch")) is not None and torch.endswith("+cpu"):
        fix = "install a CUDA build of torch: https://pytorch.org/get-started/locally"
        yield Item("devices", "torch", State.BROKEN, f"{torch} cannot use the GPU", fix)
