"""`penstock.json`: what a dataset is, file by file, and what it was made from.

A manifest is written last, so a dataset that has one is whole. It holds no time and no host: the
same inputs give the same manifest, byte for byte. Where a dataset is no directory but files with a
common prefix, its manifest is `PREFIX.penstock.json` beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import orjson
from pydantic import Field, ValidationError

from penstock._version import __version__
from penstock.config import Options
from penstock.errors import DataError
from penstock.files import sha256_of, write_atomic
from penstock.redaction import redact

MANIFEST_NAME = "penstock.json"


def manifest_path(dataset: Path) -> Path:
    """Return where the manifest of a directory, or of the files with a prefix, stands."""
    if dataset.is_dir():
        return dataset / MANIFEST_NAME
    return dataset.with_name(f"{dataset.name}.{MANIFEST_NAME}")


def base_dir(dataset: Path) -> Path:
    """Return the directory that the files of a dataset (a directory, or a prefix) lie in."""
    return dataset if dataset.is_dir() else dataset.parent


class FileEntry(Options):
    """One file of a dataset. `path` is relative to the dataset, `size` is in bytes.

    `split` is that of its rows, None for a file that describes the whole.
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
        """Describe the file `name` of `directory` as it is now; it is hashed unless it was."""
        path = directory / name
        size = path.stat().st_size
        return cls(path=name, size=size, sha256=sha256 or sha256_of(path), rows=rows, split=split)


class InputEntry(Options):
    """One file that a dataset was made from. `path` is absolute, `size` is in bytes."""

    path: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> InputEntry:
        """Describe an input file as it is now."""
        path = path.resolve()
        return cls(path=str(path), size=path.stat().st_size, sha256=sha256_of(path))

    def state(self) -> str:
        """Say whether the input is still what it was: `same`, `changed` or `missing`."""
        path = Path(self.path)
        if not path.is_file():
            return "missing"
        same = path.stat().st_size == self.size and sha256_of(path) == self.sha256
        return "same" if same else "changed"


class SkippedRow(Options):
    """A row of an input that could not be used; `line` is from 1."""

    file: str
    line: int
    reason: str


class Manifest(Options):
    """What stands in `penstock.json`."""

    penstock: str = __version__
    format: str
    task: str | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    files: list[FileEntry]
    tokenizer: dict[str, Any] | None = None
    recipe: dict[str, Any]
    inputs: list[InputEntry]
    #: What steps found out about the dataset, as plain data: lengths, shares, distances.
    statistics: dict[str, Any] = Field(default_factory=dict)
    #: The first rows that `on_error: skip` or a step left out; `counts` says how many there are.
    skipped: list[SkippedRow] = Field(default_factory=list)

    @property
    def content_hash(self) -> str:
        """`sha256:<hex>` of the files' names and contents: the identity of the data."""
        digest = hashlib.sha256()
        for entry in sorted(self.files, key=lambda entry: entry.path):
            digest.update(f"{entry.path}\0{entry.sha256}\n".encode())
        return f"sha256:{digest.hexdigest()}"

    @property
    def synthetic(self) -> bool:
        """True when the content is made up, for measuring speed alone."""
        return bool(self.recipe.get("synthetic"))

    @property
    def confidential(self) -> bool:
        """True when the recipe said `redact: true`: text and ids are masked unless asked for."""
        return bool(self.recipe.get("redact"))

    def to_json(self) -> bytes:
        """Return the bytes that `write` writes; secrets are masked."""
        empty = {name for name in ("skipped", "statistics") if not getattr(self, name)}
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
        """Raise DataError, with the first file, when a file is not what the manifest says."""
        for entry, how in self.mismatches(directory):
            if not manifest_path(directory).is_file():
                words = "it has changed since the run was planned: restore it, or plan again"
            else:
                words = "its manifest says otherwise: restore it, or make the dataset again"
            raise DataError(f"{how}; {words}", file=directory / entry.path)


def read_manifest(dataset: Path) -> Manifest | None:
    """Return the manifest of a dataset (a directory, or a prefix), or None where there is none.

    Raises DataError for a manifest that cannot be read or does not have the form.
    """
    path = manifest_path(dataset)
    try:
        return Manifest.model_validate(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None
    except orjson.JSONDecodeError as error:
        raise DataError(
            f"not JSON ({error.msg}); make the dataset again", file=path, line=error.lineno
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"not a manifest ({field}: {first['msg']}); make the dataset again", file=path
        ) from None


@dataclass(frozen=True)
class LocatedManifest:
    """What is known of a dataset: `manifest` is of `owner`, which is the dataset or holds it.

    `files` are the entries of the dataset alone; their paths are relative to `base_dir(owner)`.
    """

    owner: Path
    manifest: Manifest
    files: list[FileEntry]


def find_manifest(dataset: Path) -> LocatedManifest | None:
    """Return what is known of a dataset (a directory, a prefix, or a file), None for nothing.

    A prefix or file without a manifest of its own is a part of the dataset whose manifest, beside
    or above it, lists it: what holds for the whole holds for the part. Raises DataError for a
    manifest that cannot be read.
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
    """Return the manifest that tells of a dataset, its own or that of what it is a part of."""
    described = find_manifest(dataset)
    return described.manifest if described else None


def _datasets_around(file: Path) -> Iterator[Path]:
    """Yield the datasets with manifests that a file may belong to: prefixes, then directories."""
    suffix = f".{MANIFEST_NAME}"
    for path in sorted(file.parent.glob(f"?*{suffix}")):
        owner = path.with_name(path.name.removesuffix(suffix))
        if not owner.is_dir():  # which would have its manifest inside
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
    """Return a manifest of files that nobody wrote one for; nothing is written.

    `rows` and `splits` give the number of rows and the split of named files, where it is known.
    """
    rows, splits = rows or {}, splits or {}
    return Manifest(
        format=format,
        task=task,
        counts=dict(sorted(rows.items())),
        files=[
            FileEntry.of(directory, name, rows.get(name), split=splits.get(name)) for name in names
        ],
        recipe={"kind": "as found", "path": str(directory.resolve())},
        inputs=[],
    )
