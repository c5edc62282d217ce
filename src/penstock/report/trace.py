"""Trace a run or dataset back to its raw files; every file is hashed again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, did_you_mean_path
from penstock.files import plural
from penstock.manifest import (
    MANIFEST_NAME,
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
    """A run, its model, a dataset, or a file.

    `kind` is `run`, `model`, `dataset`, `file` (of a dataset) or `input` (a file that a dataset was
    made from); `state` is `same`, `changed` or `missing`, None for what is not hashed itself.
    """

    kind: str
    name: str
    detail: str = ""
    sha256: str | None = None
    state: str | None = None
    children: list[TraceNode] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """True if this node and everything below it is unchanged."""
        return not self.broken

    @property
    def broken(self) -> list[TraceNode]:
        """The changed and missing nodes, this one included."""
        return [node for _, node in self.walk() if node.state not in (None, "same")]

    def walk(self, depth: int = 0) -> Iterator[tuple[int, TraceNode]]:
        """Yield this node and all below it with their depths, parents before children."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the node and its children as `--format json` prints them."""
        return {**self.to_row(), "children": [child.to_dict() for child in self.children]}

    def to_row(self) -> dict[str, Any]:
        """Return the node without its children."""
        names = ("kind", "name", "detail", "sha256", "state")
        return {name: getattr(self, name) for name in names}


def trace(path: Path | str) -> TraceNode:
    """Return the provenance of a run or a dataset, down to the raw files.

    `path` is the directory of a run or dataset, or the prefix of a dataset's files. Raises
    ConfigError for any other path, DataError for a record or manifest that cannot be read.
    """
    path = Path(path)
    if not path.is_dir() and not manifest_path(path).is_file():
        raise ConfigError(f"there is no such directory{did_you_mean_path(path)}", file=path)
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
    result, outcome = record.result, record.state.value
    if result is not None:
        outcome = (
            f"{result.metric} {result.score:.3f} on {result.evaluation_rows} rows, "
            f"best step {result.best_step} of {result.steps}"
        )
    children = [_model_node(record), *map(_used_dataset_node, record.datasets)]
    return TraceNode("run", str(directory.path), outcome, children=children)


def _model_node(record: RunRecord) -> TraceNode:
    use = record.model
    if use.sha256 is None:
        return TraceNode("model", use.name, "by hub name, not hashed")
    current = model_hash(Path(use.name))
    state = "missing" if current is None else "same" if current == use.sha256 else "changed"
    return TraceNode("model", use.name, sha256=use.sha256, state=state)


def _used_dataset_node(use: DatasetUse) -> TraceNode:
    """Compare a dataset with the manifest that the run recorded."""
    node = _dataset_node(Path(use.path), use.manifest)
    return node if use.role == "path" else replace(node, detail=f"{use.role}, {node.detail}")


def _dataset_node(path: Path, manifest: Manifest) -> TraceNode:
    children = []
    for entry in manifest.files:
        rows = "" if entry.rows is None else plural(entry.rows, "row")
        file = str(base_dir(path) / entry.path)
        state = InputEntry(path=file, size=entry.size, sha256=entry.sha256).state()
        children.append(TraceNode("file", entry.path, rows, entry.sha256, state))
    children += _input_nodes(manifest, frozenset({path.resolve()}))
    return TraceNode("dataset", str(path), _recipe(manifest), manifest.content_hash, None, children)


def _recipe(manifest: Manifest) -> str:
    """Return kind and version of the recipe that made a dataset."""
    recipe = manifest.recipe
    version = recipe.version if isinstance(recipe, MigrationRecipe) else None
    return f"{recipe.kind}, version {version}" if version else recipe.kind


def _input_nodes(manifest: Manifest, seen: frozenset[Path]) -> list[TraceNode]:
    """Return the raw files and the datasets that a dataset was made from, with their inputs.

    Of such a dataset only the files that were read are compared with their recorded hashes. `seen`
    are the datasets on the path to this one, which ends cycles.
    """
    raw = []
    sources: dict[Path, tuple[Manifest, list[TraceNode]]] = {}
    for entry in manifest.inputs:
        located = find_manifest(Path(entry.path))
        if located is not None and located.owner not in seen:
            name = str(Path(entry.path).relative_to(base_dir(located.owner)))
            node = TraceNode("file", name, "", entry.sha256, entry.state())
            sources.setdefault(located.owner, (located.manifest, []))[1].append(node)
        elif "://" in entry.path:
            raw.append(TraceNode("input", entry.path, "a URL, not read again", entry.sha256))
        else:
            raw.append(TraceNode("input", entry.path, "", entry.sha256, entry.state()))
    datasets = [
        TraceNode(
            "dataset",
            str(owner),
            f"source, {_recipe(source)}",
            source.content_hash,
            children=[*files, *_input_nodes(source, seen | {owner})],
        )
        for owner, (source, files) in sources.items()
    ]
    return raw + datasets
