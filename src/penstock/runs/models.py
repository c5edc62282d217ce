"""The model a run started from: where it lies, and what it is, told by its bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from penstock.errors import ConfigError
from penstock.files import sha256_of

#: What a model directory may hold beside the model.
_NOT_OF_THE_MODEL = {".git", ".gitattributes", "README.md", ".cache"}


def place_of_model(name: str) -> Path | None:
    """Return the absolute path of a model that lies here, None for a name of the hub.

    Raises ConfigError for a directory that holds no model.
    """
    path = Path(name).expanduser()
    if path.is_dir() and not (path / "config.json").is_file():
        raise ConfigError("is no model: it has no config.json", file=path)
    return path.resolve() if path.exists() else None


def model_hash(path: Path) -> str | None:
    """Return the hash of every byte of a model's file or directory; None where there is neither."""
    if path.is_file():
        return sha256_of(path)
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if file.is_file() and inside.parts[0] not in _NOT_OF_THE_MODEL:
            digest.update(f"{inside.as_posix()}\0{sha256_of(file)}\n".encode())
    return f"sha256:{digest.hexdigest()}"
