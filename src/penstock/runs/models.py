"""The model that a run starts from: its path and the hash of its files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from penstock.errors import ConfigError
from penstock.files import sha256_of

#: Entries of a model directory that are not part of the model.
_IGNORED = {".git", ".gitattributes", "README.md", ".cache"}


def local_model_path(name: str) -> Path | None:
    """Return the absolute path of a local model, None for the name of a model on the hub.

    Raises ConfigError for a directory that contains no model.
    """
    path = Path(name).expanduser()
    if path.is_dir() and not (path / "config.json").is_file():
        raise ConfigError("is not a model: it has no config.json", file=path)
    return path.resolve() if path.exists() else None


def model_hash(path: Path) -> str | None:
    """Return the hash of a model's file or of all files of its directory; None if absent."""
    if path.is_file():
        return sha256_of(path)
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if file.is_file() and inside.parts[0] not in _IGNORED:
            digest.update(f"{inside.as_posix()}\0{sha256_of(file)}\n".encode())
    return f"sha256:{digest.hexdigest()}"
