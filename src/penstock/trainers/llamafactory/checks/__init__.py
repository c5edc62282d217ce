"""What `penstock check` reports about LLaMA-Factory: training YAML, and the rows it would use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from penstock.config import read_yaml
from penstock.errors import ConfigError
from penstock.findings import Collector
from penstock.formats.chat import DATASET_INFO, FORMAT, DirectoryContents
from penstock.trainers._base import CheckedConfig, ConfigChecker, TrainerConfig
from penstock.trainers.llamafactory.checks import codes
from penstock.trainers.llamafactory.checks.data import DataCheck
from penstock.trainers.llamafactory.checks.rows import used_rows, used_rows_lines
from penstock.trainers.llamafactory.checks.settings import check_settings, read_settings

#: Where LLaMA-Factory looks for data unless `dataset_dir` is set.
_DEFAULT_DIRECTORY = "data"
_SUFFIXES = (".yaml", ".yml")
#: These keys identify a training file, even if the rest of it is not valid YAML.
_DATASET_DIR = re.compile(r"^dataset_dir[ \t]*:[ \t]*[\"']?([^\"'#\r\n]*[^\"'#\s])", re.M)
_MODEL = re.compile(r"^model_name_or_path[ \t]*:", re.M)
_DATASET = re.compile(r"^(?:eval_)?dataset[ \t]*:", re.M)


class LlamaFactoryChecker(ConfigChecker):
    """Checks training YAML, and counts the rows that LLaMA-Factory (0.9.5) would use."""

    format = FORMAT.name

    def find(self, path: Path) -> Sequence[TrainerConfig]:
        """Return the training in a YAML file, or those in or beside the `dataset_dir` they name.

        An unreadable YAML file is returned too, if it is `path`, as it may be a training.
        """
        if path.is_file():
            return _given_file(path)
        parent = path / ".." if path.name in ("", "..") else path.parent
        files = [file for place in (path, parent) for file in sorted(place.glob("*.y*ml"))]
        found = [training for file in files if (training := _training_in(file)) is not None]
        resolved = path.resolve()
        return [each for each in found if each.dataset and each.dataset.resolve() == resolved]

    def check(
        self, config: TrainerConfig, contents: DirectoryContents, collector: Collector
    ) -> CheckedConfig:
        """Check a training YAML by itself, and together with the directory that it reads."""
        settings = read_settings(config.file, collector)
        if settings is None:
            return CheckedConfig()
        check_settings(settings, data_found=config.dataset is not None)
        # Without entries dataset_info.json is unreadable, which the directory's check reports.
        if config.dataset is None or not contents.entries:
            return CheckedConfig()
        return DataCheck(settings, contents).check()

    def report_used_rows(self, contents: DirectoryContents, collector: Collector) -> None:
        """Report how many rows of each split LLaMA-Factory would use."""
        parts = {part: used_rows(contents, names) for part, names in contents.parts.items()}
        for line in used_rows_lines(parts):
            file = contents.path / DATASET_INFO
            collector.add(codes.ROWS_TRAINED, line, file=file, group=line)


def _given_file(file: Path) -> list[TrainerConfig]:
    if (training := _training_in(file)) is not None:
        return [training]
    try:
        if file.suffix in _SUFFIXES:
            read_yaml(file)
    except ConfigError:
        return [TrainerConfig(file, None)]
    return []


def _training_in(file: Path) -> TrainerConfig | None:
    """Return the training in a file, None for another file.

    A relative `dataset_dir` is looked up from the working directory, as LLaMA-Factory does, and
    then beside the file.
    """
    if file.suffix not in _SUFFIXES:
        return None
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    named = _DATASET_DIR.search(text)
    if named is None and not (_MODEL.search(text) and _DATASET.search(text)):
        return None
    directory = named[1] if named else _DEFAULT_DIRECTORY
    candidates = (path for path in (Path(directory), file.parent / directory) if path.is_dir())
    return TrainerConfig(file, next(candidates, None))


CHECKER = LlamaFactoryChecker()
