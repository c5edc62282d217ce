"""Checks of Megatron's `.bin/.idx` pairs: the index, the dtype, the manifest, and the ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._base import Checker, CheckOptions, refuse_original
from penstock.checks._collect import Collector
from penstock.checks._tokens.manifest import check_manifest
from penstock.checks._tokens.realness import check_range, check_realness
from penstock.checks._tokens.sample import READ_BYTES
from penstock.checks._tokens.vocabulary import Vocabulary, find_vocabulary
from penstock.checks.megatron.dtype import check_dtype
from penstock.checks.megatron.index import Pair, check_pair
from penstock.checks.megatron.sampling import blocks, sample_pair
from penstock.errors import DataError
from penstock.files import plural
from penstock.findings import DatasetFindings
from penstock.formats.megatron import FORMAT, pair_files, split_prefixes
from penstock.manifest import MANIFEST_NAME


@dataclass(frozen=True)
class MegatronPairs:
    """What is checked as one: a directory with its manifest, or the prefix of one pair."""

    path: Path


class MegatronChecker(Checker[MegatronPairs]):
    """Checks pairs of `.bin` and `.idx`."""

    format = FORMAT.name
    looks_like = FORMAT.looks_like

    def find(self, path: Path) -> Sequence[MegatronPairs]:
        """Return every dataset at or below a directory, or at a prefix or a file of a pair."""
        return [MegatronPairs(found) for found in FORMAT.find(path)]

    def check(self, dataset: MegatronPairs, options: CheckOptions) -> DatasetFindings:
        """Return what is wrong with the pairs of a dataset."""
        refuse_original(dataset, self.format, options)
        collector = Collector()
        manifest = check_manifest(dataset.path, collector, full=options.full)
        vocabulary = find_vocabulary(dataset.path, manifest, options.tokenizer, collector)
        rows = 0
        for prefix in _prefixes(dataset.path, collector):
            documents, pair = check_pair(*pair_files(prefix), collector)
            rows += documents
            if pair is not None:
                check_dtype(pair, vocabulary.size, collector)
                _check_tokens(pair, vocabulary, options.full, collector)
        return DatasetFindings(str(dataset.path), self.format, rows, collector.findings())


def _prefixes(path: Path, collector: Collector) -> list[Path]:
    try:
        return list(split_prefixes(path).values())
    except DataError as error:
        # Of a manifest `check_manifest` has spoken.
        if not Path(error.file).name.endswith(MANIFEST_NAME):
            collector.add(codes.INDEX_UNREADABLE, error.message, file=Path(error.file))
        return []


def _check_tokens(pair: Pair, vocabulary: Vocabulary, full: bool, collector: Collector) -> None:
    """Find ids that are none, among all of them where that is quick; and ids that are not text."""
    sample = sample_pair(pair)
    all_read = full or pair.bin_path.stat().st_size <= READ_BYTES
    if not all_read:
        message = f"{len(sample):,} of {plural(pair.tokens, 'token')} were read, evenly spread"
        collector.add(codes.DATA_SAMPLED, message, file=pair.bin_path)
    for ids in blocks(pair) if all_read else [sample.ids]:
        check_range(ids, vocabulary, collector, file=pair.bin_path)
    check_realness(sample, vocabulary, collector, file=pair.bin_path)


CHECKER = MegatronChecker()
