"""What tells whether a part that lies there is the one that is wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from penstock._version import __version__

#: The rooms whose code decides the bytes of a part or a shard.
_ROOMS = ("batches.py", "jsonl.py", "recipes", "steps", "sources", "formats", "tokenization")

#: The packages that decide ids.
_ENGINES = ("fastokens", "tokenizers")


def hash_of(value: Any) -> str:
    """Return the SHA-256 (hex) of plain data, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


@cache
def code_version() -> str:
    """Return the SHA-256 (hex) of the code that makes parts and shards."""
    versions = [f"{name} {version(name)}" for name in _ENGINES]
    digest = hashlib.sha256("\n".join([__version__, *versions]).encode())
    for path in sorted(_sources(Path(__file__).parents[1])):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources(package: Path) -> Iterable[Path]:
    for room in _ROOMS:
        path = package / room
        yield from path.rglob("*.py") if path.is_dir() else [path]
