"""Where a run comes from: the model's bytes, the data's, the code's, the machine's packages."""

from __future__ import annotations

import platform
import subprocess
import sys
from dataclasses import dataclass
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


class Provenance:
    """Reads and hashes models and datasets, each once however many runs use it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._models: dict[str, ModelUse] = {}
        self._datasets: dict[tuple[str, str, str], _Dataset] = {}
        self._chats: dict[tuple[str, ...], DatasetUse] = {}

    def model(self, name: str) -> ModelUse:
        """Return a model with the hash of all its bytes, or without for a hub name."""
        if name not in self._models:
            self._models[name] = ModelUse(name=name, sha256=model_hash(Path(name)))
        return self._models[name]

    def datasets(self, config: RunConfig) -> list[DatasetUse]:
        """Return the datasets of a run with their manifests.

        Every row that the run will read is read, so that a grid does not start on data that cannot
        carry it. Raises ConfigError or DataError where a dataset is missing, incomplete, too small,
        or not what its manifest says.
        """
        if task_kind(config.task) == "chat":
            return [self._chat(config.data)]
        uses = []
        for role in ("path", "original", "synthetic"):
            path = getattr(config.data, role)
            if path is not None:
                dataset = self._dataset(role, path, config.task)
                self._require_rows(config, role, dataset)
                uses.append(dataset.use)
        return uses

    def _dataset(self, role: str, path: str, task: str) -> _Dataset:
        key = (role, path, task)
        if key not in self._datasets:
            try:
                directory = open_task_directory(Path(path), task)
            except ConfigError as error:
                message = f"{path}: {error.message}"
                raise self.document.error(message, ("data", role)) from None
            rows = len(directory.answered_rows("train"))
            if role != "synthetic":
                directory.answered_rows("validation")
            use = DatasetUse(role=role, path=path, manifest=directory.manifest())
            self._datasets[key] = _Dataset(use, rows)
        return self._datasets[key]

    def _chat(self, data: RunData) -> DatasetUse:
        path = str(data.path)
        key = (path, *(f"{split} {names}" for split, names in data.entries.items()))
        if key not in self._chats:
            try:
                rows = ChatRows(data)
                manifest = rows.manifest()
                for _ in rows:
                    pass  # each is proved as it is read, and none is kept
            except ConfigError as error:
                place = tuple((error.field or "data.path").split("."))
                raise self.document.error(error.message, place) from None
            self._chats[key] = DatasetUse(role="path", path=path, manifest=manifest)
        return self._chats[key]

    def _require_rows(self, config: RunConfig, role: str, dataset: _Dataset) -> None:
        kept = config.hyperparameters.get("dev_samples") or 0
        if kept >= dataset.train_rows:
            raise self.document.error(
                f"{kept} dev rows leave nothing of the {plural(dataset.train_rows, 'row')} of the "
                f"train file in {dataset.use.path}; lower hyperparameters.dev_samples",
                ("data", role),
            )


@dataclass(frozen=True)
class _Dataset:
    use: DatasetUse
    train_rows: int


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
