"""Which MaxText is installed, and which keys its configuration has; it is never imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from penstock.errors import ConfigError

#: The package's name, and the one it had up to 2025.
_PACKAGES = ("maxtext", "MaxText")
_TOP_KEY = re.compile(r"^(\w+):", re.MULTILINE)


@dataclass(frozen=True)
class Installed:
    """An installed MaxText: its version in words, and the keys of its base.yml."""

    version: str
    keys: frozenset[str]


def installed_maxtext() -> Installed | None:
    """Return the MaxText that Python would import, or None.

    Raises ConfigError for one without a base.yml.
    """
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        for place in spec.submodule_search_locations:
            base = Path(place) / "configs" / "base.yml"
            if base.is_file():
                keys = frozenset(_TOP_KEY.findall(base.read_text(encoding="utf-8")))
                return Installed(_version(package), keys)
        raise ConfigError(f"the installed package {package} has no configs/base.yml")
    return None


def _version(package: str) -> str:
    try:
        return f"{version(package)}, installed"
    except PackageNotFoundError:
        return "of unknown version, installed"
