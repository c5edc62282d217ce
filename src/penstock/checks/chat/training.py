"""Training YAML of LLaMA-Factory: found, read, and its settings by themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.checks import _codes as codes
from penstock.checks._collect import Code, Collector
from penstock.config import Document, read_yaml
from penstock.errors import ConfigError, did_you_mean
from penstock.fields import called
from penstock.redaction import redact_text
from penstock.trainers.llamafactory.names import SETTINGS, TEMPLATES

#: Where LLaMA-Factory looks for data unless `dataset_dir` is set.
_DEFAULT_DIRECTORY = "data"
_SUFFIXES = (".yaml", ".yml")
#: A training is known by these keys, even where the rest of the file is not YAML.
_DATASET_DIR = re.compile(r"^dataset_dir[ \t]*:[ \t]*[\"']?([^\"'#\r\n]*[^\"'#\s])", re.M)
_MODEL = re.compile(r"^model_name_or_path[ \t]*:", re.M)
_DATASET = re.compile(r"^(?:eval_)?dataset[ \t]*:", re.M)
#: As LLaMA-Factory does, a smaller validation set counts for none.
_SMALLEST_VAL_SIZE = 1e-6


@dataclass(frozen=True)
class Training:
    """A training YAML; `directory` is where its data is, None where that is nowhere on this disk.

    A relative `dataset_dir` is taken from the working directory, as LLaMA-Factory does, else from
    where the YAML lies.
    """

    file: Path
    directory: Path | None


def training_of(file: Path) -> Training | None:
    """Return the training that a file describes, None for a file that is no training YAML."""
    if file.suffix not in _SUFFIXES:
        return None
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    named = _DATASET_DIR.search(text)
    if named is None and not (_MODEL.search(text) and _DATASET.search(text)):
        return None
    place = named[1] if named else _DEFAULT_DIRECTORY
    nearest = (path for path in (Path(place), file.parent / place) if path.is_dir())
    return Training(file, next(nearest, None))


def broken_training(file: Path) -> Training | None:
    """Return a YAML file that somebody names and that nobody can read, as it may be a training."""
    if file.suffix not in _SUFFIXES or not file.is_file():
        return None
    try:
        read_yaml(file)
    except ConfigError:
        return Training(file, None)
    return None


def trainings_beside(directory: Path) -> list[Training]:
    """Return the trainings that lie in a directory, or beside it, and name it as `dataset_dir`."""
    beside = directory / ".." if directory.name in ("", "..") else directory.parent
    files = [file for place in (directory, beside) for file in sorted(place.glob("*.y*ml"))]
    found = [training for file in files if (training := training_of(file)) is not None]
    home = directory.resolve()
    return [each for each in found if each.directory and each.directory.resolve() == home]


@dataclass(frozen=True)
class TrainingSettings:
    """What a training YAML says, and where findings about it go."""

    document: Document
    file: Path
    collector: Collector

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting; `default` where it is not there or null."""
        value = self.document.data.get(key)
        return default if value is None else value

    def names(self, key: str) -> list[str]:
        """Return the entries that `dataset` or `eval_dataset` names."""
        value = self.get(key, [])
        listed = value.split(",") if isinstance(value, str) else value
        return [str(name).strip() for name in listed] if isinstance(listed, list) else []

    @property
    def val_size(self) -> float:
        """The share, or from 1 on the number, of rows drawn for evaluation; 0 for none."""
        value = self.get("val_size", 0)
        return float(value) if _is_number(value) and value > _SMALLEST_VAL_SIZE else 0.0

    def add(
        self, code: Code, message: str, key: str = "", *, count: int = 1, fix: str | None = None
    ) -> None:
        """Note something at the line of a key."""
        mark = self.document.places.get((key,))
        line = mark.line if mark else None
        self.collector.add(
            code, message, file=self.file, line=line, count=count, fix=fix, group=message
        )


def read_training(file: Path, collector: Collector) -> TrainingSettings | None:
    """Read a training YAML; what cannot be followed, and a secret in it, is a finding."""
    try:
        return TrainingSettings(read_yaml(file), file, collector)
    except ConfigError as error:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        line = lines[error.line - 1] if error.line and error.line <= len(lines) else ""
        code = codes.SECRET_PRESENT if redact_text(line) != line else codes.TRAINING_UNREADABLE
        named = f"{error.field}: {error.message}" if error.field else error.message
        collector.add(code, named, file=file, line=error.line)
        return None


def check_settings(training: TrainingSettings) -> None:
    """Find settings that LLaMA-Factory refuses, or follows to no good end."""
    _check_keys(training)
    _check_streaming(training)
    if training.get("fp16") is True and training.get("bf16") is True:
        training.add(codes.PRECISION_BOTH, "fp16 and bf16 are both set", "bf16")
    if training.get("packing") is True and training.get("neat_packing") is not True:
        message = "packing without neat_packing: attention crosses from one row to the next"
        training.add(codes.PACKING_CROSSES, message, "packing")
    template = training.get("template")
    if template is None:
        message = "no template is set: the tokenizer's is guessed at, or none is taken"
        training.add(codes.TEMPLATE_MISSING, message)
    elif (name := str(template)) not in TEMPLATES:
        hint = did_you_mean(name, TEMPLATES)
        message = f"LLaMA-Factory 0.9.5 has no template {called(name)}{hint}"
        training.add(codes.TEMPLATE_UNKNOWN, message, "template")


def _check_keys(training: TrainingSettings) -> None:
    for key in training.document.data:
        if key not in SETTINGS:
            hint = did_you_mean(str(key), SETTINGS)
            message = f"LLaMA-Factory 0.9.5 has no setting {called(str(key))}{hint}"
            training.add(codes.SETTING_UNKNOWN, message, str(key))


def _check_streaming(training: TrainingSettings) -> None:
    if training.get("streaming") is not True:
        return
    add = training.add
    if training.get("max_steps", -1) == -1:
        add(codes.STREAMING_SETTINGS, "streaming needs max_steps", "streaming")
    if training.get("max_samples") is not None:
        add(codes.STREAMING_SETTINGS, "streaming and max_samples exclude each other", "max_samples")
    if 0 < training.val_size < 1:
        message = "with streaming, val_size must be a whole number of rows"
        add(codes.STREAMING_SETTINGS, message, "val_size")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
