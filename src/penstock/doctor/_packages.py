"""Python, penstock, the packages it needs, and its extras, as their metadata tell."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from penstock._version import __version__
from penstock.doctor._base import Item, State

_NAME = re.compile(r"[\w.\-]+")
_EXTRA = re.compile(r"extra == ['\"]([\w\-]+)['\"]")
#: What only those need who work on penstock.
_FOR_DEVELOPERS = ("peers", "test")


def packages() -> Iterator[Item]:
    """Yield what stands in penstock's own environment; nothing is imported."""
    yield Item("python", "python", State.OK, f"{platform.python_version()} ({sys.executable})")
    yield Item("penstock", "penstock", State.OK, __version__)
    needed: list[str] = []
    extras: dict[str, list[str]] = {}
    try:
        requirements = requires("penstock") or []
    except PackageNotFoundError:
        mend = "pip install penstock, or pip install --editable of its checkout"
        yield Item("penstock", "metadata", State.BROKEN, "penstock is not installed", mend)
        return
    for requirement in requirements:
        found = _NAME.match(requirement)
        extra = _EXTRA.search(requirement)
        if found:
            (extras.setdefault(extra[1], []) if extra else needed).append(found[0])
    for name in needed:
        if _version(name) is None:
            yield Item("penstock", name, State.BROKEN, "missing", f"pip install {name}")
    yield from (_extra(name, of) for name, of in extras.items() if name not in _FOR_DEVELOPERS)


def _extra(extra: str, names: list[str]) -> Item:
    found = {name: _version(name) for name in names}
    told = ", ".join(f"{name} {known}" for name, known in found.items() if known)
    missing = ", ".join(name for name, known in found.items() if known is None)
    if not missing:
        return Item("extras", extra, State.OK, told)
    value = f"{told}; no {missing}" if told else f"no {missing}"
    return Item("extras", extra, State.ABSENT, value, f"pip install 'penstock[{extra}]'")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
