"""The check of Megatron's `.bin/.idx` pairs: the index, the dtype, the manifest and the ids."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._base import CheckOptions, FormatCheck
from penstock.checks._files import READ_BYTES, check_manifest
from penstock.checks._tokens.realness import check_range, check_realness
from penstock.checks._tokens.statistics import SAMPLE_TOKENS, WINDOW_TOKENS, Sample, spread
from penstock.checks._tokens.tokenizer import Vocabulary, find_vocabulary
from penstock.checks.megatron.index import Pair, check_dtype, check_pair
from penstock.errors import DataError
from penstock.files import plural
from penstock.findings import Collector
from penstock.formats.megatron import FORMAT, pair_files, split_prefixes
from penstock.manifest import MANIFEST_NAME

_BLOCK_BYTES = 1 << 24


class MegatronCheck(FormatCheck):
    """Checks the pairs of a directory with a manifest, or one pair given by its prefix."""

    def check(self, dataset: Path, collector: Collector, options: CheckOptions) -> int:
        """Check the pairs of a dataset."""
        manifest = check_manifest(dataset, collector, full=options.full)
        vocabulary = find_vocabulary(dataset, manifest, options.tokenizer, collector)
        rows = 0
        for prefix in _prefixes(dataset, collector):
            documents, pair = check_pair(*pair_files(prefix), collector)
            rows += documents
            if pair is not None:
                check_dtype(pair, vocabulary.size, collector)
                _check_tokens(pair, vocabulary, options.full, collector)
        return rows


def _prefixes(path: Path, collector: Collector) -> list[Path]:
    try:
        return list(split_prefixes(path).values())
    except DataError as error:
        # `check_manifest` has reported a bad manifest.
        if not Path(error.file).name.endswith(MANIFEST_NAME):
            collector.add(codes.INDEX_UNREADABLE, error.message, file=Path(error.file))
        return []


def _check_tokens(pair: Pair, vocabulary: Vocabulary, full: bool, collector: Collector) -> None:
    """Check the range of all ids if that is quick, and whether a sample of them is real text."""
    sample = _sample(pair)
    read_all = full or pair.bin_path.stat().st_size <= READ_BYTES
    if not read_all:
        message = f"{len(sample):,} of {plural(pair.tokens, 'token')} were read, evenly spread"
        collector.add(codes.DATA_SAMPLED, message, file=pair.bin_path)
    for ids in _blocks(pair) if read_all else [sample.ids]:
        check_range(ids, vocabulary, collector, file=pair.bin_path)
    check_realness(sample, vocabulary, collector, file=pair.bin_path)


def _sample(pair: Pair) -> Sample:
    """Return all tokens of a small pair, or evenly spread windows, cut at the sequences' ends."""
    width = pair.layout.dtype.itemsize
    size = pair.tokens if pair.tokens <= SAMPLE_TOKENS else WINDOW_TOKENS
    windows = []
    with pair.bin_path.open("rb") as stream:
        for start in spread(pair.tokens - size + 1, SAMPLE_TOKENS // WINDOW_TOKENS).tolist():
            stream.seek(start * width)
            ids = np.frombuffer(stream.read(size * width), pair.layout.dtype)
            # np.searchsorted would copy the whole array, which is not aligned in the file.
            first, last = (
                bisect_left(pair.addresses, address)
                for address in (start * width + 1, (start + size) * width)
            )
            cuts = pair.addresses[first:last] // width - start
            windows += np.split(ids, cuts)
    return Sample.of(windows)


def _blocks(pair: Pair) -> Iterator[NDArray[Any]]:
    with pair.bin_path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield np.frombuffer(block, pair.layout.dtype)


CHECK = MegatronCheck(FORMAT)
