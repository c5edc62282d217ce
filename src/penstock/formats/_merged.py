"""The datasets that a merge joins: whose files they are, and by which tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, DataError
from penstock.manifest import FileEntry, InputEntry, Manifest, MergeRecipe, base_dir, find_manifest


@dataclass(frozen=True)
class Parts:
    """Datasets that may be merged.

    `files` are those of each, by its path; `known` are the files of which a manifest tells.
    """

    files: Mapping[Path, Sequence[Path]]
    manifests: Mapping[Path, Manifest | None]
    known: Mapping[Path, FileEntry]

    @classmethod
    def of(cls, datasets: Iterable[tuple[Path, Iterable[str]]]) -> Parts:
        """Look at datasets, given the names of their files; nothing is written.

        Raises ConfigError for a dataset that is named twice and for different tokenizers.
        """
        listed = [(path, [base_dir(path) / name for name in names]) for path, names in datasets]
        _refuse_repeats(listed)
        manifests: dict[Path, Manifest | None] = {}
        known: dict[Path, FileEntry] = {}
        for path, _ in listed:
            found = find_manifest(path)
            manifests[path] = found.manifest if found else None
            if found is not None:
                known |= {base_dir(found.owner) / entry.path: entry for entry in found.files}
        _refuse_other_tokenizers(manifests)
        return cls(dict(listed), manifests, known)

    def entry(self, file: Path) -> FileEntry | None:
        """Return what a manifest says of a file, None where none does.

        Raises DataError for a file that has another size.
        """
        entry = self.known.get(file)
        if entry is not None and entry.size != file.stat().st_size:
            raise DataError("is not what its manifest says; restore it", file=file)
        return entry

    def manifest(
        self, *, format: str, files: Sequence[FileEntry], counts: Mapping[str, int]
    ) -> Manifest:
        """Return the manifest of the files that were made of the datasets."""
        there = [manifest for manifest in self.manifests.values() if manifest is not None]
        recipe = MergeRecipe(
            datasets=[str(path.resolve()) for path in self.files],
            synthetic=any(manifest.synthetic for manifest in there),
            redact=any(manifest.confidential for manifest in there),
        )
        return Manifest(
            format=format,
            counts=dict(counts),
            files=sorted(files, key=lambda entry: entry.path),
            tokenizer=there[0].tokenizer if there else None,
            recipe=recipe,
            inputs=[self._input(file) for files in self.files.values() for file in files],
        )

    def _input(self, file: Path) -> InputEntry:
        entry = self.entry(file)
        if entry is None:
            return InputEntry.of(file)
        return InputEntry(path=str(file.resolve()), size=entry.size, sha256=entry.sha256)


def _refuse_repeats(datasets: Sequence[tuple[Path, Sequence[Path]]]) -> None:
    seen = set()
    for path, files in datasets:
        for file in {file.resolve() for file in files}:
            if file in seen:
                raise ConfigError("is named twice; its rows would count twice", file=path)
            seen.add(file)


def _refuse_other_tokenizers(manifests: Mapping[Path, Manifest | None]) -> None:
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
                f"no manifest names its tokenizer, and that of {other} is known; build the whole "
                "from sources of kind `dataset`, where `tokenizer` names it",
                file=unknown,
            )
        raise ConfigError(f"is of another tokenizer than {first}", file=path)
