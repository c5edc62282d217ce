"""Checks of chat rows for LLaMA-Factory: directories with a dataset_info.json, training YAML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._base import Checker, CheckOptions, refuse_original
from penstock.checks._collect import Collector
from penstock.checks.chat.directory import ChatFiles, check_directory, report_uncompared
from penstock.checks.chat.evaluation import check_training
from penstock.checks.chat.taken import taken, words_of
from penstock.checks.chat.training import Training, broken_training, training_of, trainings_beside
from penstock.findings import DatasetFindings
from penstock.formats.chat import DATASET_INFO, FORMAT


@dataclass(frozen=True)
class ChatTarget:
    """What was named: a directory of chat rows, or a training YAML that reads one.

    `directory` is None for a YAML whose data is not on this disk.
    """

    path: Path
    directory: Path | None
    trainings: Sequence[Training]


class ChatChecker(Checker[ChatTarget]):
    """Checks what LLaMA-Factory (0.9.5) would make of a directory, and of trainings with it."""

    format = FORMAT.name
    looks_like = f"{FORMAT.looks_like}, or a training YAML of it"

    def find(self, path: Path) -> Sequence[ChatTarget]:
        """Return every directory at or below a path with the trainings beside it, or a training."""
        if (training := training_of(path) or broken_training(path)) is not None:
            return [ChatTarget(path, training.directory, [training])]
        return [ChatTarget(found, found, trainings_beside(found)) for found in FORMAT.find(path)]

    def check(self, dataset: ChatTarget, options: CheckOptions) -> DatasetFindings:
        """Return what is wrong with a directory, its rows and splits, and with trainings."""
        refuse_original(dataset, self.format, options)
        collector = Collector()
        files = ChatFiles(dataset.path)
        if dataset.directory is not None:
            files = check_directory(dataset.directory, collector, full=options.full)
        named = [check_training(training, files, collector) for training in dataset.trainings]
        if dataset.path == dataset.directory:
            named = list(files.parts.values())
            _report_taken(files, collector)
            report_uncompared(files, collector)
        rows = sum(map(files.count, named))
        return DatasetFindings(str(dataset.path), self.format, rows, collector.findings())


def _report_taken(files: ChatFiles, collector: Collector) -> None:
    """Say of how many rows of each split LLaMA-Factory makes examples."""
    for words in words_of({part: taken(files, names) for part, names in files.parts.items()}):
        place = files.path / DATASET_INFO
        collector.add(codes.ROWS_TRAINED, words, file=place, group=words)


CHECKER = ChatChecker()
