"""Where a run comes from: the model's bytes, the data's, the code's, the machine's packages."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from penstock.files import sha256_of
from penstock.formats import TaskDirectory, open_task_directory
from penstock.runs import DatasetUse, ModelUse, RunConfig

_PACKAGES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "numpy")
#: What a model directory may hold beside the model.
_NOT_OF_THE_MODEL = {".git", ".gitattributes", "README.md", ".cache"}


class Provenance:
    """Hashes models and datasets, each once however many runs use it."""

    def __init__(self) -> None:
        self._models: dict[str, ModelUse] = {}
        self._datasets: dict[tuple[str, str, str], DatasetUse] = {}

    def model(self, name: str) -> ModelUse:
        """Return a model with the hash of all its bytes, or without for a hub name."""
        if name not in self._models:
            self._models[name] = ModelUse(name=name, sha256=model_hash(Path(name)))
        return self._models[name]

    def datasets(self, config: RunConfig) -> list[DatasetUse]:
        """Return the datasets of a run with their manifests.

        Raises ConfigError or DataError where one is missing, incomplete or not what its manifest
        says.
        """
        return [
            self._dataset(role, path, config.task)
            for role in ("path", "original", "synthetic")
            if (path := getattr(config.data, role)) is not None
        ]

    def _dataset(self, role: str, path: str, task: str) -> DatasetUse:
        key = (role, path, task)
        if key not in self._datasets:
            dataset = open_task_directory(Path(path), task)
            _require_files(dataset, role)
            self._datasets[key] = DatasetUse(role=role, path=path, manifest=dataset.manifest())
        return self._datasets[key]


def _require_files(dataset: TaskDirectory, role: str) -> None:
    """Read what a run will read, so that a grid does not start on data that cannot carry it."""
    dataset.rows("train")
    if role != "synthetic":
        dataset.rows("validation")


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


def environment() -> dict[str, str]:
    """Return the versions that a result may depend on. No environment variable is read."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    found["executable"] = sys.executable
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> dict[str, Any] | None:
    """Return commit, branch and whether anything is uncommitted here; None outside a repository."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return {
        "commit": commit,
        "branch": _git("rev-parse", "--abbrev-ref", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
