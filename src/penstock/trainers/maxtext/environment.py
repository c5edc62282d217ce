"""The installed MaxText: its version and the keys of its configuration. It is never imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from penstock.errors import ConfigError

#: The package's name, and the one it had up to 2025.
_PACKAGES = ("maxtext", "MaxText")
_TOP_LEVEL_KEY = re.compile(r"^(\w+):", re.MULTILINE)


@dataclass(frozen=True)
class InstalledMaxText:
    """An installed MaxText: its version for messages, and the keys of its base.yml."""

    version: str
    keys: frozenset[str]


def installed_maxtext() -> InstalledMaxText | None:
    """Return the MaxText that Python would import, None if there is none.

    Raises ConfigError for a package without base.yml.
    """
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        for location in spec.submodule_search_locations:
            base = Path(location) / "configs" / "base.yml"
            if base.is_file():
                keys = frozenset(_TOP_LEVEL_KEY.findall(base.read_text(encoding="utf-8")))
                try:
                    return InstalledMaxText(f"{version(package)}, installed", keys)
                except PackageNotFoundError:
                    return InstalledMaxText("of unknown version, installed", keys)
        raise ConfigError(f"the installed package {package} has no configs/base.yml")
    return None
