"""The checker of packed rows; a format adds where its shards are and how they are read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from penstock.checks._base import Checker, CheckOptions, refuse_original
from penstock.checks._collect import Collector
from penstock.checks._packed.rows import PackedShard, check_rows
from penstock.checks._tokens.manifest import check_manifest
from penstock.checks._tokens.realness import check_realness
from penstock.checks._tokens.vocabulary import find_vocabulary
from penstock.findings import DatasetFindings
from penstock.formats import Format


@dataclass(frozen=True)
class PackedDirectory:
    """A directory that holds, or should hold, the shards of a packed dataset."""

    path: Path


class PackedChecker(Checker[PackedDirectory]):
    """Checks directories of packed rows."""

    #: The format whose datasets are found.
    of: ClassVar[type[Format]]

    def find(self, path: Path) -> Sequence[PackedDirectory]:
        """Return every dataset of the format at or below a directory."""
        return [PackedDirectory(found) for found in self.of.find(path)]

    def check(self, dataset: PackedDirectory, options: CheckOptions) -> DatasetFindings:
        """Return what is wrong with the files, the rows and the tokens of a dataset."""
        refuse_original(dataset, self.format, options)
        collector = Collector()
        manifest = check_manifest(dataset.path, collector, full=options.full)
        vocabulary = find_vocabulary(dataset.path, manifest, options.tokenizer, collector)
        shards = self.shards(dataset.path, collector)
        if shards:
            sample = check_rows(
                shards, vocabulary, collector, place=dataset.path, full=options.full
            )
            check_realness(sample, vocabulary, collector, file=dataset.path)
        rows = sum(shard.rows for shard in shards)
        return DatasetFindings(str(dataset.path), self.format, rows, collector.findings())

    @abstractmethod
    def shards(self, directory: Path, collector: Collector) -> Sequence[PackedShard]:
        """Return the shards of a dataset, and find what is wrong with their names and numbers."""
