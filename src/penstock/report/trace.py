"""The way back from a score to the raw files, and whether they are still what they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, did_you_mean_beside
from penstock.files import plural
from penstock.manifest import (
    MANIFEST_NAME,
    FileEntry,
    InputEntry,
    Manifest,
    MigrationRecipe,
    base_dir,
    find_manifest,
    manifest_path,
    read_manifest,
)
from penstock.runs import DatasetUse, RunDirectory, RunRecord, model_hash


@dataclass(frozen=True)
class TraceNode:
    """One thing on the way back: a run, the model or a dataset it used, a file.

    `kind` is `run`, `model`, `dataset`, `file` (of a dataset) or `input` (what the dataset was made
    from); `state` is `same`, `changed` or `missing`, and None for what is not hashed itself.
    """

    kind: str
    name: str
    detail: str = ""
    sha256: str | None = None
    state: str | None = None
    children: list[TraceNode] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """True when this and everything below it is the same as it was."""
        return not self.broken

    @property
    def broken(self) -> list[TraceNode]:
        """This and everything below it that is not what it was."""
        return [node for _, node in self.walk() if node.state not in (None, "same")]

    def walk(self, depth: int = 0) -> Iterator[tuple[int, TraceNode]]:
        """Yield this node and all below it with their depths, each before its children."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the node with its children as `--format json` prints it."""
        return {**self.to_row(), "children": [child.to_dict() for child in self.children]}

    def to_row(self) -> dict[str, Any]:
        """Return the node alone."""
        return {
            "kind": self.kind,
            "name": self.name,
            "detail": self.detail,
            "sha256": self.sha256,
            "state": self.state,
        }


def trace(path: Path | str) -> TraceNode:
    """Return the way back from a run or a dataset; every file is hashed again.

    `path` is its directory, or the prefix of a dataset's files. Raises ConfigError for what is
    neither, DataError for a record or manifest that cannot be read.
    """
    path = Path(path)
    if not path.is_dir() and not manifest_path(path).is_file():
        raise ConfigError(f"there is no such directory{did_you_mean_beside(path)}", file=path)
    run = RunDirectory(path)
    if run.record_file.is_file():
        return _run_node(run)
    manifest = read_manifest(path)
    if manifest is None:
        raise ConfigError(
            f"holds neither a run ({run.record_file.name}) nor a dataset with its manifest "
            f"({MANIFEST_NAME}); penstock results --detail lists the directories of runs",
            file=path,
        )
    return _dataset_node(path, manifest)


def _run_node(directory: RunDirectory) -> TraceNode:
    record = directory.current()
    children = [_model_node(record), *(_use_node(use) for use in record.datasets)]
    return TraceNode("run", str(directory.path), _outcome(record), children=children)


def _outcome(record: RunRecord) -> str:
    if record.result is None:
        return record.state.value
    result = record.result
    return (
        f"{result.metric} {result.score:.3f} on {result.evaluation_rows} rows, "
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
    """Return a dataset that a run read, as it was then."""
    node = _dataset_node(Path(use.path), use.manifest)
    return node if use.role == "path" else replace(node, detail=f"{use.role}, {node.detail}")


def _dataset_node(path: Path, manifest: Manifest) -> TraceNode:
    files = [_file_node(base_dir(path), entry) for entry in manifest.files]
    origins = _origins(manifest, frozenset({path.resolve()}))
    return TraceNode(
        "dataset", str(path), _recipe(manifest), manifest.content_hash, children=[*files, *origins]
    )


def _recipe(manifest: Manifest) -> str:
    """Return in a few words how a dataset was made."""
    recipe = manifest.recipe
    version = recipe.version if isinstance(recipe, MigrationRecipe) else None
    return f"{recipe.kind}, version {version}" if version else recipe.kind


def _file_node(directory: Path, entry: FileEntry) -> TraceNode:
    rows = "" if entry.rows is None else plural(entry.rows, "row")
    there = InputEntry(path=str(directory / entry.path), size=entry.size, sha256=entry.sha256)
    return TraceNode("file", entry.path, rows, entry.sha256, there.state())


def _origins(manifest: Manifest, seen: frozenset[Path]) -> list[TraceNode]:
    """Return what a dataset was made from: raw files, and datasets with what they were made from.

    Of a dataset it was made from, the files that it took are held against what they were then.
    `seen` are the datasets on the way here, so that a circle ends.
    """
    raw = []
    homes: dict[Path, tuple[Manifest, list[InputEntry]]] = {}
    for entry in manifest.inputs:
        found = find_manifest(Path(entry.path))
        if found is None or found.owner in seen:
            raw.append(_input_node(entry))
        else:
            homes.setdefault(found.owner, (found.manifest, []))[1].append(entry)
    sources = [
        TraceNode(
            "dataset",
            str(home),
            f"source, {_recipe(source)}",
            source.content_hash,
            children=[
                *(_taken_node(home, entry) for entry in taken),
                *_origins(source, seen | {home}),
            ],
        )
        for home, (source, taken) in homes.items()
    ]
    return raw + sources


def _input_node(entry: InputEntry) -> TraceNode:
    if "://" in entry.path:
        return TraceNode("input", entry.path, "a URL, not read again", entry.sha256)
    return TraceNode("input", entry.path, "", entry.sha256, entry.state())


def _taken_node(home: Path, entry: InputEntry) -> TraceNode:
    inside = Path(entry.path).relative_to(base_dir(home))
    return TraceNode("file", str(inside), "", entry.sha256, entry.state())
