"""Checks of chat data: directories with a dataset_info.json, and training files that read one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from penstock.checks._base import CheckOptions, FormatCheck
from penstock.checks.chat.directory import check_directory, report_uncompared
from penstock.checks.chat.leaks import compare
from penstock.findings import Collector
from penstock.formats.chat import FORMAT, DirectoryContents
from penstock.trainers import ConfigChecker, TrainerConfig, config_checkers


class ChatCheck(FormatCheck):
    """Checks a directory of chat rows, or the configuration of a trainer that reads one."""

    def __init__(self) -> None:
        super().__init__(FORMAT)
        self.looks_like = f"{FORMAT.looks_like}, or a training YAML that reads one"

    def find(self, path: Path) -> Iterable[Path]:
        """Return the directories at or below `path`, or `path` if it is a training file."""
        return [path] if path.is_file() and _configs(path) else super().find(path)

    def check(self, dataset: Path, collector: Collector, options: CheckOptions) -> int:
        """Check a directory and the training files beside it, or one training file.

        Return the number of rows of the directory, or of those that the training file uses.
        """
        configs = _configs(dataset)
        given = configs[0][1] if dataset.is_file() else None
        directory = dataset if given is None else given.dataset
        contents = DirectoryContents(dataset)
        if directory is not None:
            contents = check_directory(directory, collector, full=options.full)
        parts: list[str] = []
        for checker, config in configs:
            checked = checker.check(config, contents, collector)
            parts += checked.parts
            for trained, evaluated in checked.compare:
                compare(trained, evaluated, collector)
        if given is not None:
            return contents.count(parts)
        for checker in config_checkers(FORMAT.name):
            checker.report_used_rows(contents, collector)
        report_uncompared(contents, collector)
        return sum(map(contents.count, contents.parts.values()))


def _configs(path: Path) -> list[tuple[ConfigChecker, TrainerConfig]]:
    """Return the training file at `path`, or those that read the directory `path`."""
    checkers = config_checkers(FORMAT.name)
    return [(checker, config) for checker in checkers for config in checker.find(path)]


CHECK = ChatCheck()
