"""Merging datasets of one format: their manifests, a staging area, and the dispatch by format."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from penstock.errors import ConfigError, ConflictError, DataError
from penstock.files import staging_path, sync
from penstock.formats._locate import find_dataset
from penstock.manifest import (
    FileEntry,
    InputEntry,
    Manifest,
    MergeRecipe,
    base_dir,
    find_manifest,
    read_manifest,
)


def merge(datasets: Sequence[Path | str], output: Path | str) -> Manifest:
    """Merge datasets of one format, in order, without encoding a row again; return the manifest.

    `output` is a prefix for Megatron's files, a directory NAME/x.y.z for TFRecord and ArrayRecord.
    Raises ConfigError for datasets of several formats, dtypes, columns or tokenizers and for one
    that is named twice, ConflictError if the output exists or is being written, DataError for a
    damaged dataset. In each case nothing is written.
    """
    if len(datasets) < 2:
        raise ConfigError("name at least two datasets to merge")
    found = [find_dataset(Path(path)) for path in datasets]
    format, first = found[0]
    for other, path in found:
        if other is not format:
            raise ConfigError(
                f"is {other.name} and {first} is {format.name}; only datasets of one format can be "
                "merged",
                file=path,
            )
    written = format.merge([path for _, path in found], Path(output))
    manifest = read_manifest(written)
    assert manifest is not None
    return manifest


@dataclass(frozen=True)
class MergeInputs:
    """Datasets that may be merged: the files of each, its manifest, and the entry of each file."""

    files: Mapping[Path, Sequence[Path]]
    manifests: Mapping[Path, Manifest | None]
    entries: Mapping[Path, FileEntry]

    @classmethod
    def of(cls, datasets: Iterable[tuple[Path, Iterable[str]]]) -> MergeInputs:
        """Check datasets, given the names of their files.

        Raises ConfigError for a dataset that is named twice and for different tokenizers.
        """
        files = [(path, [base_dir(path) / name for name in names]) for path, names in datasets]
        seen: set[Path] = set()
        manifests: dict[Path, Manifest | None] = {}
        entries: dict[Path, FileEntry] = {}
        for path, listed in files:
            resolved = {file.resolve() for file in listed}
            if seen & resolved:
                raise ConfigError("is named twice; its rows would count twice", file=path)
            seen |= resolved
            found = find_manifest(path)
            manifests[path] = found.manifest if found else None
            if found is not None:
                entries |= {base_dir(found.owner) / entry.path: entry for entry in found.files}
        _check_tokenizers(manifests)
        return cls(dict(files), manifests, entries)

    def entry(self, file: Path) -> FileEntry | None:
        """Return the manifest's entry of a file, if any; raises DataError if its size differs."""
        entry = self.entries.get(file)
        if entry is not None and entry.size != file.stat().st_size:
            raise DataError("is not what its manifest says; restore it", file=file)
        return entry

    def manifest(
        self, *, format: str, files: Sequence[FileEntry], counts: Mapping[str, int]
    ) -> Manifest:
        """Return the manifest of the merged files."""
        known = [manifest for manifest in self.manifests.values() if manifest is not None]
        # A merged dataset is synthetic or confidential if one of the datasets is.
        recipe = MergeRecipe(
            datasets=[str(path.resolve()) for path in self.files],
            synthetic=any(manifest.synthetic for manifest in known),
            redact=any(manifest.confidential for manifest in known),
        )
        return Manifest(
            format=format,
            counts=dict(counts),
            files=sorted(files, key=lambda entry: entry.path),
            tokenizer=known[0].tokenizer if known else None,
            recipe=recipe,
            inputs=[self._input(file) for files in self.files.values() for file in files],
        )

    def _input(self, file: Path) -> InputEntry:
        entry = self.entry(file)
        if entry is None:
            return InputEntry.of(file)
        return InputEntry(path=str(file.resolve()), size=entry.size, sha256=entry.sha256)


def _check_tokenizers(manifests: Mapping[Path, Manifest | None]) -> None:
    hashes = {
        path: manifest.tokenizer.get("sha256") if manifest and manifest.tokenizer else None
        for path, manifest in manifests.items()
    }
    first = next(iter(hashes))
    for path, tokenizer in hashes.items():
        if tokenizer == hashes[first]:
            continue
        if tokenizer is None or hashes[first] is None:
            unknown, other = (path, first) if tokenizer is None else (first, path)
            raise ConfigError(
                f"no manifest names its tokenizer, but that of {other} is known; build the merged "
                "dataset from sources of kind `dataset`, where `tokenizer` names it",
                file=unknown,
            )
        raise ConfigError(f"has another tokenizer than {first}", file=path)


@dataclass(frozen=True)
class StagingArea:
    """A directory in which the files of `finals` are written, to be published in this order.

    The last of them completes the dataset.
    """

    directory: Path
    finals: Sequence[Path]

    @property
    def marker(self) -> Path:
        """The file that exists while files are published."""
        return self.directory.with_name("publishing")

    def publish(self) -> None:
        """Rename everything to its final name; if that fails, undo it."""
        sync(self.directory)
        self.marker.touch()
        sync(self.marker.parent)
        moved: list[Path] = []
        try:
            for final in self.finals:
                (self.directory / final.name).rename(final)
                moved.append(final)
        except BaseException:
            for final in moved:
                final.rename(self.directory / final.name)
            raise
        sync(self.finals[-1].parent)

    def clear(self) -> None:
        """Empty the directory and remove what a killed process had published of a dataset.

        Raises ConflictError for anything else at a final name.
        """
        for final in reversed(self.finals):
            if not final.exists() and not final.is_symlink():
                continue
            ours = self.marker.is_file() and not (self.directory / final.name).exists()
            if not ours or final == self.finals[-1]:
                raise ConflictError(f"{final} exists already; remove it or choose another output")
            final.unlink()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()


@contextmanager
def staging_area(output: Path, finals: Sequence[Path]) -> Iterator[StagingArea]:
    """Yield a hidden staging area beside `output` for `finals`; it is removed afterwards.

    Raises ConflictError if one of `finals` exists or another process is writing them.
    """
    work = staging_path(output)
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        message = f"{output}: another process is writing it; wait for it, or stop it"
        raise ConflictError(message) from None
    area = StagingArea(work / "merged", finals)
    try:
        area.clear()
        yield area
    finally:
        shutil.rmtree(area.directory, ignore_errors=True)
        area.marker.unlink(missing_ok=True)
        (work / "lock").unlink(missing_ok=True)
        with suppress(OSError):  # an interrupted build has partial outputs there
            work.rmdir()
        lock.release()
