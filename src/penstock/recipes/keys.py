"""What tells whether a part, or a dataset, that lies there is the one that is wanted."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from penstock._version import __version__

#: The rooms whose code decides no byte of a dataset.
_OTHER_ROOMS = {"trainers", "checks", "cli", "demo", "executors", "experiments"}
_OTHER_ROOMS |= {"loading", "migration", "report", "runs", "tasks", "training"}
#: The packages that decide what is read, and which ids are written.
_PACKAGES = ("fastokens", "tokenizers", "orjson", "ijson", "pyarrow", "numpy", "rapidfuzz", "scipy")


def hash_of(value: Any) -> str:
    """Return the SHA-256 (hex) of plain data, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


@cache
def code_version() -> str:
    """Return the SHA-256 (hex) of the code that makes datasets, and of what it stands on."""
    versions = [f"{name} {_version(name)}" for name in _PACKAGES]
    digest = hashlib.sha256("\n".join([__version__, sys.version, *versions]).encode())
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).parts[0] not in _OTHER_ROOMS:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
