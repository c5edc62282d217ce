"""Datasets of `.bin`/`.idx` pairs: finding pairs, their splits, their documents as rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from penstock.errors import DataError, did_you_mean_path
from penstock.files import is_staging, natural_path_key
from penstock.formats._base import Dataset, TokenRow
from penstock.formats._locate import directories_with_files, manifest_format
from penstock.formats.megatron.layout import MAGIC
from penstock.formats.megatron.reader import IndexedReader, pair_files, prefix_of
from penstock.manifest import MANIFEST_NAME, base_dir, find_manifest, read_manifest
from penstock.splits import SPLIT_NAMES

NAME = "megatron"
#: `notes_validation_text_document`: the split precedes the key of the text.
_SPLIT = re.compile(rf".*_({'|'.join(SPLIT_NAMES)})_.+_(?:document|sentence)")
#: A `.bin` with such a name and no `.idx` is left by a preprocessing run that failed.
_LEVELS = ("_document", "_sentence")
_DOCUMENTS_AT_A_TIME = 1 << 12


class MegatronDataset(Dataset):
    """One pair of files, or one pair per split. A row is a document.

    `readers` holds the open pair of each split. Raises DataError for a pair that cannot be read or
    does not hold ids.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.readers = {split: IndexedReader(p) for split, p in split_prefixes(path).items()}
        self.splits = {split: reader.documents for split, reader in self.readers.items()}
        for reader in self.readers.values():
            reader.require_ids()

    def rows(self, split: str, start: int = 0, stop: int | None = None) -> Iterator[TokenRow]:
        """Yield documents, numbered from 1, with their ids as `inputs` in the dtype of the file."""
        reader = self.readers[split]
        stop = reader.documents if stop is None else min(stop, reader.documents)
        for block in range(start, stop, _DOCUMENTS_AT_A_TIME):
            last = min(block + _DOCUMENTS_AT_A_TIME, stop)
            bounds = reader.document_bounds(block, last).tolist()
            for number, (begin, end) in enumerate(pairwise(bounds), block + 1):
                yield TokenRow({"inputs": reader.ids[begin:end]}, reader.bin_path, number)


def split_prefixes(path: Path) -> dict[str, Path]:
    """Return the prefix of each split of a dataset: a directory, a prefix, or a file of a pair.

    The manifest assigns splits to pairs; without one, `split_of` does. Raises DataError if there is
    no pair, or two pairs have the same split.
    """
    path = path if path.is_dir() else prefix_of(path)
    prefixes = _manifest_splits(path) or {p: split_of(p.name) for p in _prefixes_of(path)}
    if not prefixes:
        raise DataError("holds no pair of .bin and .idx", file=path)
    splits: dict[str, Path] = {}
    for prefix, split in prefixes.items():
        if split in splits:
            raise DataError(
                f"{splits[split].name} and {prefix.name} both have the split {split}; name one of "
                "the prefixes",
                file=path,
            )
        splits[split] = prefix
    return {split: splits[split] for split in sorted(splits, key=_rank)}


def split_of(stem: str) -> str:
    """Return the split in the name of a pair, which precedes the key; default `train`."""
    match = _SPLIT.fullmatch(stem)
    return match.group(1) if match else "train"


def _rank(split: str) -> tuple[int, str]:
    return (SPLIT_NAMES.index(split) if split in SPLIT_NAMES else len(SPLIT_NAMES), split)


def _manifest_splits(path: Path) -> dict[Path, str]:
    """Return the split of each prefix that a manifest lists."""
    found = find_manifest(path)
    if found is None:
        return {}
    files = [entry for entry in found.files if entry.path.endswith((".bin", ".idx"))]
    prefixes = [prefix_of(base_dir(found.owner) / entry.path) for entry in files]
    return {
        prefix: entry.split or split_of(prefix.name)
        for prefix, entry in zip(prefixes, files, strict=True)
    }


def _prefixes_of(path: Path) -> list[Path]:
    if path.is_dir():
        return _pairs_in(path, sorted(entry.name for entry in path.iterdir()))
    if any(file.is_file() for file in pair_files(path)):
        return [path]
    raise DataError(
        f"there is no such directory and no {path.name}.bin{did_you_mean_path(path)}", file=path
    )


def find_datasets(path: Path) -> list[Path]:
    """Return every dataset at or below a directory, in natural order, or the prefix itself.

    A dataset with a manifest is one result (its directory, or its prefix); every other pair is a
    dataset of its own. Raises DataError for a directory that cannot be read.
    """
    if not path.is_dir():
        prefix = prefix_of(path)
        known = (*pair_files(prefix), prefix.with_name(f"{prefix.name}.{MANIFEST_NAME}"))
        return [prefix] if any(file.is_file() for file in known) else []
    found: list[Path] = []
    for directory, files in directories_with_files(path):
        found += _datasets_in(directory, files)
    return sorted(found, key=natural_path_key)


def _datasets_in(directory: Path, files: list[str]) -> list[Path]:
    """Return the datasets whose files are in one directory."""
    if MANIFEST_NAME in files:
        # If the manifest is damaged, the files decide; opening the dataset reports the damage.
        format = manifest_format(directory)
        ours = format == NAME if format else bool(_pairs_in(directory, files))
        return [directory] if ours else []
    described = {}
    for name in files:
        if name.endswith(f".{MANIFEST_NAME}"):
            dataset = directory / name.removesuffix(f".{MANIFEST_NAME}")
            if manifest_format(dataset) == NAME and (manifest := read_manifest(dataset)):
                described[dataset] = {prefix_of(directory / entry.path) for entry in manifest.files}
    covered = set().union(*described.values())
    return [
        *described,
        *(prefix for prefix in _pairs_in(directory, files) if prefix not in covered),
    ]


def _pairs_in(directory: Path, files: Iterable[str]) -> list[Path]:
    """Return the prefixes in one directory, without `.idx` and `.bin` files of other programs."""
    names = {name for name in files if not is_staging(name)}
    indices = {name.removesuffix(".idx") for name in names if name.endswith(".idx")}
    tokens = {name.removesuffix(".bin") for name in names if name.endswith(".bin")}
    found = indices & tokens
    found |= {stem for stem in indices - tokens if _is_index(directory / f"{stem}.idx")}
    found |= {stem for stem in tokens - indices if stem.endswith(_LEVELS)}
    return [directory / stem for stem in sorted(found)]


def _is_index(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC
