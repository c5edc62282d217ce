"""The inputs of a run: its model, its datasets, the code, and the installed packages."""

from __future__ import annotations

import platform
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from penstock.config import Document
from penstock.errors import ConfigError
from penstock.files import plural
from penstock.formats import open_task_directory
from penstock.runs import DatasetUse, ModelUse, RunConfig, RunData, model_hash
from penstock.tasks import task_kind
from penstock.training.chat import ChatRows

_PACKAGES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "numpy")


class InputReader:
    """Reads and hashes models and datasets, each once for all runs of a grid."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._models: dict[str, ModelUse] = {}
        #: The dataset with its number of train rows, by role, path and task.
        self._datasets: dict[tuple[str, str, str], tuple[DatasetUse, int]] = {}
        self._chats: dict[tuple[str, ...], DatasetUse] = {}

    def model(self, name: str) -> ModelUse:
        """Return a model with the hash of its files, or without for a name of the hub."""
        if name not in self._models:
            self._models[name] = ModelUse(name=name, sha256=model_hash(Path(name)))
        return self._models[name]

    def datasets(self, config: RunConfig) -> list[DatasetUse]:
        """Return the datasets of a run with their manifests.

        Reads every row that the run will read, so that bad data is found before the grid starts.
        Raises ConfigError or DataError if a dataset is missing, incomplete, too small, or differs
        from its manifest.
        """
        if task_kind(config.task) == "chat":
            return [self._chat(config.data)]
        uses = []
        dev_rows = config.hyperparameters.get("dev_samples") or 0
        for role in ("path", "original", "synthetic"):
            path = getattr(config.data, role)
            if path is None:
                continue
            use, train_rows = self._dataset(role, path, config.task)
            if dev_rows >= train_rows:
                raise self.document.error(
                    f"{dev_rows} dev rows leave no rows to train on: the train file in {path} has "
                    f"{plural(train_rows, 'row')}; lower hyperparameters.dev_samples",
                    ("data", role),
                )
            uses.append(use)
        return uses

    def _dataset(self, role: str, path: str, task: str) -> tuple[DatasetUse, int]:
        key = (role, path, task)
        if key not in self._datasets:
            try:
                directory = open_task_directory(Path(path), task)
            except ConfigError as error:
                message = f"{path}: {error.message}"
                raise self.document.error(message, ("data", role)) from None
            train_rows = len(directory.answered_rows("train"))
            if role != "synthetic":
                directory.answered_rows("validation")
            use = DatasetUse(role=role, path=path, manifest=directory.manifest())
            self._datasets[key] = use, train_rows
        return self._datasets[key]

    def _chat(self, data: RunData) -> DatasetUse:
        path = str(data.path)
        key = (path, *(f"{split} {names}" for split, names in data.entries.items()))
        if key not in self._chats:
            try:
                rows = ChatRows(data)
                manifest = rows.manifest()
                for _ in rows:
                    pass  # each is validated as it is read; none is kept
            except ConfigError as error:
                field = tuple((error.field or "data.path").split("."))
                raise self.document.error(error.message, field) from None
            self._chats[key] = DatasetUse(role="path", path=path, manifest=manifest)
        return self._chats[key]


def package_versions() -> dict[str, str]:
    """Return the versions that a result may depend on. Environment variables are not read."""
    found = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "executable": sys.executable,
    }
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def git_state() -> dict[str, Any] | None:
    """Return commit, branch and whether tracked files have changes; None outside a repository."""
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
