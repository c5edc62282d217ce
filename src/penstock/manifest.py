"""`penstock.json`: the files of a dataset with their hashes, its recipe, steps and inputs.

A manifest is written last, so a dataset that has one is complete. It holds no time and no host: the
same inputs give the same bytes. The manifest of files with a common prefix is
`PREFIX.penstock.json` beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, ValidationError, model_validator

from penstock._version import __version__
from penstock.config import Options
from penstock.errors import DataError
from penstock.files import sha256_of, write_atomic
from penstock.redaction import redact
from penstock.step_report import StepReport

MANIFEST_NAME = "penstock.json"
#: The version of the manifest's fields. 1: penstock 0.1.0; 2: `steps`, typed `recipe`.
SCHEMA_VERSION = 2
#: The version of the bytes that penstock writes for a recipe and its inputs.
OUTPUT_VERSION = 1


def manifest_path(dataset: Path) -> Path:
    """Return the path of the manifest of a directory or of files with a prefix."""
    if dataset.is_dir():
        return dataset / MANIFEST_NAME
    return dataset.with_name(f"{dataset.name}.{MANIFEST_NAME}")


def base_dir(dataset: Path) -> Path:
    """Return the directory with the files of a dataset (a directory, or a prefix)."""
    return dataset if dataset.is_dir() else dataset.parent


class FileEntry(Options):
    """One file of a dataset. `path` is relative to the dataset, `size` is in bytes.

    `split` is that of its rows, None for a file about the whole dataset.
    """

    path: str
    size: int
    sha256: str
    rows: int | None = None
    split: str | None = None

    @classmethod
    def of(
        cls,
        directory: Path,
        name: str,
        rows: int | None = None,
        sha256: str | None = None,
        split: str | None = None,
    ) -> FileEntry:
        """Return the entry of a file as it is now; hashes it unless `sha256` is given."""
        path = directory / name
        size = path.stat().st_size
        return cls(path=name, size=size, sha256=sha256 or sha256_of(path), rows=rows, split=split)


class InputEntry(Options):
    """One input file of a dataset. `path` is absolute, `size` is in bytes."""

    path: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> InputEntry:
        """Return the entry of an input file as it is now."""
        path = path.resolve()
        return cls(path=str(path), size=path.stat().st_size, sha256=sha256_of(path))

    def state(self) -> str:
        """Return the state of the input now: `same`, `changed` or `missing`."""
        path = Path(self.path)
        if not path.is_file():
            return "missing"
        same = path.stat().st_size == self.size and sha256_of(path) == self.sha256
        return "same" if same else "changed"


class DroppedRow(Options):
    """An input row that could not be used or that a step dropped; `line` is from 1."""

    file: str
    line: int
    reason: str


class BuildRecipe(Options):
    """A dataset built from a recipe: its settings, written out.

    `output_version` is that of the bytes that penstock writes for a recipe. `synthetic` is True if
    a source makes random tokens, `redact` if text and ids are masked unless asked for.
    """

    kind: Literal["build"] = "build"
    output_version: int = OUTPUT_VERSION
    name: str | None = None
    description: str = ""
    seed: int = 0
    sources: dict[str, dict[str, Any]]
    steps: list[dict[str, dict[str, Any]]] = Field(default_factory=list)
    format: dict[str, Any]
    output: str
    as_prefix: bool = False
    on_error: str = "fail"
    max_errors: int = 100
    card: bool | dict[str, Any] = False
    preset: dict[str, Any] | None = None
    input_split_bytes: int = 16 << 20
    synthetic: bool = False
    redact: bool = False

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        if isinstance(data, dict):
            data = {name: value for name, value in data.items() if name != "key"}
            if "piece_bytes" in data:
                data["input_split_bytes"] = data.pop("piece_bytes")
        return data


class MergeRecipe(Options):
    """A dataset merged from others; `synthetic` and `redact` are True if one of them is."""

    kind: Literal["merge"] = "merge"
    datasets: list[str]
    synthetic: bool = False
    redact: bool = False


class MigrationRecipe(Options):
    """A dataset migrated from an old tree by copy or link; `version` is None without versions."""

    kind: Literal["migrate"] = "migrate"
    mode: str
    source: str
    version: str | None = None


class UnknownRecipe(Options):
    """Files that penstock found without a manifest."""

    kind: Literal["as found"] = "as found"
    path: str


Recipe = Annotated[
    BuildRecipe | MergeRecipe | MigrationRecipe | UnknownRecipe, Field(discriminator="kind")
]


class Manifest(Options):
    """The content of `penstock.json`.

    `steps` has the report of reading and of each step; `counts` the sizes of splits (and other
    views of the format): `train.rows`, `train.tokens`, ...
    """

    schema_version: int = SCHEMA_VERSION
    penstock: str = __version__
    format: str
    task: str | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    steps: list[StepReport] = Field(default_factory=list)
    files: list[FileEntry]
    tokenizer: dict[str, Any] | None = None
    recipe: Recipe
    inputs: list[InputEntry]
    #: What steps measured, as plain data: lengths, shares, distances.
    statistics: dict[str, Any] = Field(default_factory=dict)
    #: The first rows that were unusable or dropped one by one, and how many there are.
    skipped: list[DroppedRow] = Field(default_factory=list)
    skipped_rows: int = 0

    @property
    def content_hash(self) -> str:
        """`sha256:<hex>` of the names and contents of the files: the identity of the data."""
        digest = hashlib.sha256()
        for entry in sorted(self.files, key=lambda entry: entry.path):
            digest.update(f"{entry.path}\0{entry.sha256}\n".encode())
        return f"sha256:{digest.hexdigest()}"

    @property
    def synthetic(self) -> bool:
        """True if the tokens are random, only for measuring speed."""
        return isinstance(self.recipe, BuildRecipe | MergeRecipe) and self.recipe.synthetic

    @property
    def confidential(self) -> bool:
        """True if the recipe has `redact: true`: text and ids are masked unless asked for."""
        return isinstance(self.recipe, BuildRecipe | MergeRecipe) and self.recipe.redact

    def report(self, step: str) -> StepReport:
        """Return the report of a step by its name; raises KeyError."""
        return {report.name: report for report in self.steps}[step]

    def to_json(self) -> bytes:
        """Return the bytes of the file; secrets are masked."""
        optional = ("skipped", "skipped_rows", "statistics", "steps")
        empty = {name for name in optional if not getattr(self, name)}
        data = redact(self.model_dump(mode="json", exclude=empty))
        return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def write(self, directory: Path) -> None:
        """Write the manifest into its dataset, atomically; secrets are masked."""
        write_atomic(directory / MANIFEST_NAME, self.to_json())

    def mismatches(self, directory: Path) -> list[tuple[FileEntry, str]]:
        """Compare every byte with the manifest; return the files that differ, and how."""
        found = []
        for entry in self.files:
            path = directory / entry.path
            if not path.is_file():
                found.append((entry, "is missing"))
            elif path.stat().st_size != entry.size:
                found.append((entry, f"has {path.stat().st_size:,} bytes, not {entry.size:,}"))
            elif sha256_of(path) != entry.sha256:
                found.append((entry, "has other content"))
        return found

    def require_unchanged(self, directory: Path) -> None:
        """Raise DataError for the first file that differs from the manifest."""
        for entry, how in self.mismatches(directory):
            hint = "it differs from its manifest: restore it, or build the dataset again"
            if not manifest_path(directory).is_file():
                hint = "it has changed since the run was planned: restore it, or plan again"
            raise DataError(f"{how}; {hint}", file=directory / entry.path)


def read_manifest(dataset: Path) -> Manifest | None:
    """Return the manifest of a dataset (a directory, or a prefix), None if there is none.

    Raises DataError for a manifest that cannot be read or is invalid. Of a manifest of a newer
    penstock, fields that this one does not know are ignored.
    """
    path = manifest_path(dataset)
    try:
        return _parse(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None
    except orjson.JSONDecodeError as error:
        raise DataError(
            f"not JSON ({error.msg}); build the dataset again", file=path, line=error.lineno
        ) from None
    except NewerManifestError as error:
        raise DataError(str(error), file=path) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"not a manifest ({field}: {first['msg']}); build the dataset again", file=path
        ) from None


class NewerManifestError(Exception):
    """A manifest whose schema this penstock does not understand."""


def _parse(data: Any) -> Manifest:
    if not isinstance(data, dict):
        return Manifest.model_validate(data)
    schema = data.setdefault("schema_version", 1)
    if not isinstance(schema, int) or schema <= SCHEMA_VERSION:
        return Manifest.model_validate(_upgraded(data) if schema == 1 else data)
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        unknown = [e["loc"] for e in error.errors() if e["type"] == "extra_forbidden"]
        if len(unknown) == error.error_count():
            for location in unknown:
                _remove(data, location)
            return Manifest.model_validate(data)
        raise NewerManifestError(
            f"made by a newer penstock ({data.get('penstock')}, manifest schema {schema}; this is "
            f"{__version__}, schema {SCHEMA_VERSION}); upgrade penstock to read it"
        ) from None


def _remove(data: Any, location: Sequence[Any]) -> None:
    """Remove the value at a pydantic location; names of union members are not keys."""
    *path, last = location
    for part in path:
        data = data[part] if isinstance(data, list) or part in data else data
    data.pop(last, None)


def _upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of schema 1 (penstock 0.1.0), whose counts held those of the steps."""
    counts = data.get("counts")
    sizes = ("rows", "tokens", "bytes", "padding")
    if isinstance(counts, dict) and "read" in counts:
        views = {name.rpartition(".")[0] for name in counts if name.endswith(".rows")}
        data["counts"] = {
            name: count
            for name, count in counts.items()
            if name.rpartition(".")[0] in views and name.rpartition(".")[2] in sizes
        }
    return data


@dataclass(frozen=True)
class LocatedManifest:
    """A manifest and the dataset `owner` that it belongs to.

    `files` are the entries of the requested part; their paths are relative to `base_dir(owner)`.
    """

    owner: Path
    manifest: Manifest
    files: list[FileEntry]


def find_manifest(dataset: Path) -> LocatedManifest | None:
    """Return the manifest of a dataset (a directory, a prefix or a file), None if there is none.

    A prefix or file without a manifest belongs to the dataset beside or above it whose manifest
    lists it. Raises DataError for a manifest that cannot be read.
    """
    if (own := read_manifest(dataset)) is not None:
        return LocatedManifest(dataset, own, own.files)
    if dataset.is_dir():
        return None
    is_file = dataset.is_file()
    for owner in _datasets_around(dataset):
        manifest = read_manifest(owner)
        inside = dataset.relative_to(base_dir(owner)).as_posix()
        files = [
            entry
            for entry in (manifest.files if manifest else [])
            if entry.path == inside
            or (not is_file and PurePath(entry.path).with_suffix("").as_posix() == inside)
        ]
        if manifest is not None and files:
            return LocatedManifest(owner, manifest, files)
    return None


def manifest_of(dataset: Path) -> Manifest | None:
    """Return the dataset's manifest, or that of the dataset containing it."""
    located = find_manifest(dataset)
    return located.manifest if located else None


def _datasets_around(file: Path) -> Iterator[Path]:
    """Yield the datasets with manifests that may contain a file: prefixes, then directories."""
    suffix = f".{MANIFEST_NAME}"
    for path in sorted(file.parent.glob(f"?*{suffix}")):
        owner = path.with_name(path.name.removesuffix(suffix))
        if not owner.is_dir():  # a directory has its manifest inside
            yield owner
    yield from (path for path in file.parents if (path / MANIFEST_NAME).is_file())


def describe(
    directory: Path,
    names: Iterable[str],
    *,
    format: str,
    task: str | None,
    rows: Mapping[str, int] | None = None,
    splits: Mapping[str, str] | None = None,
) -> Manifest:
    """Return a manifest for files without one; nothing is written.

    `rows` and `splits` have the number of rows and the split of files, where known.
    """
    rows, splits = rows or {}, splits or {}
    return Manifest(
        format=format,
        task=task,
        counts=dict(sorted(rows.items())),
        files=[
            FileEntry.of(directory, name, rows.get(name), split=splits.get(name)) for name in names
        ],
        recipe=UnknownRecipe(path=str(directory.resolve())),
        inputs=[],
    )
