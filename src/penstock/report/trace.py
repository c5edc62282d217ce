"""The way back from a score to the raw files, and whether they are still what they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError
from penstock.experiments.provenance import model_hash
from penstock.files import sha256_of
from penstock.manifest import FileEntry, InputEntry, Manifest, read_manifest
from penstock.runs import DatasetUse, RunDirectory, RunRecord
from penstock.runs.directory import RECORD_NAME


@dataclass(frozen=True)
class TraceNode:
    """One thing on the way back. `state` is `same`, `changed`, `missing`, or None: not a file."""

    kind: str
    name: str
    detail: str = ""
    sha256: str | None = None
    state: str | None = None
    children: list[TraceNode] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """True when this and everything below it is the same as it was."""
        return self.state in (None, "same") and all(child.intact for child in self.children)

    def walk(self) -> Iterator[TraceNode]:
        """Yield this node and all below it, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def to_dict(self) -> dict[str, Any]:
        """Return the node as `--format json` prints it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "detail": self.detail,
            "sha256": self.sha256,
            "state": self.state,
            "children": [child.to_dict() for child in self.children],
        }


def trace(path: Path | str) -> TraceNode:
    """Return the way back from a run's or a dataset's directory; every file is hashed again.

    Raises ConfigError for a directory that is neither.
    """
    path = Path(path)
    if (path / RECORD_NAME).is_file():
        return _run_node(RunDirectory(path))
    manifest = read_manifest(path)
    if manifest is None:
        raise ConfigError(f"has neither a {RECORD_NAME} nor a manifest (penstock.json)", file=path)
    return _dataset_node("dataset", path, manifest)


def _run_node(directory: RunDirectory) -> TraceNode:
    record = directory.current()
    children = [_model_node(record), *(_use_node(use) for use in record.datasets)]
    return TraceNode("run", str(directory.path), _outcome(record), children=children)


def _outcome(record: RunRecord) -> str:
    if record.result is None:
        return record.state.value
    result = record.result
    return (
        f"{result.metric} {result.score:.4f} on {result.evaluation_rows} rows, "
        f"best step {result.best_step} of {result.steps}"
    )


def _model_node(record: RunRecord) -> TraceNode:
    use = record.model
    if use.sha256 is None:
        return TraceNode("model", use.name, "by hub name, not hashed")
    now = model_hash(Path(use.name))
    state = "missing" if now is None else "same" if now == use.sha256 else "changed"
    return TraceNode("model", use.name, sha256=use.sha256, state=state)


def _use_node(use: DatasetUse) -> TraceNode:
    kind = "dataset" if use.role == "path" else f"{use.role} dataset"
    return _dataset_node(kind, Path(use.path), use.manifest)


def _dataset_node(kind: str, path: Path, manifest: Manifest) -> TraceNode:
    recipe = manifest.recipe
    detail = str(recipe.get("kind", ""))
    if recipe.get("version"):
        detail += f", version {recipe['version']}"
    files = [_file_node(path, entry) for entry in manifest.files]
    inputs = [_input_node(entry) for entry in manifest.inputs]
    return TraceNode(kind, str(path), detail, manifest.content_hash, children=[*files, *inputs])


def _file_node(directory: Path, entry: FileEntry) -> TraceNode:
    path = directory / entry.path
    rows = "" if entry.rows is None else f"{entry.rows:,} rows"
    state = "missing"
    if path.is_file():
        state = "same" if sha256_of(path) == entry.sha256 else "changed"
    return TraceNode("file", entry.path, rows, entry.sha256, state)


def _input_node(entry: InputEntry) -> TraceNode:
    """Return a raw file, or, where it lies in a dataset of penstock's, go on from there."""
    path = Path(entry.path)
    manifest = read_manifest(path.parent) if path.parent.is_dir() else None
    children = [_dataset_node("made from", path.parent, manifest)] if manifest else []
    return TraceNode("raw file", entry.path, "", entry.sha256, entry.state(), children)
