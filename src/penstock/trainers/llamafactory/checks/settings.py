"""The settings of a training YAML, checked by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.config import Document, read_yaml
from penstock.errors import ConfigError, did_you_mean, did_you_mean_path
from penstock.fields import quoted_name
from penstock.findings import Code, Collector
from penstock.redaction import redact_text
from penstock.trainers.llamafactory.checks import codes
from penstock.trainers.llamafactory.models import TEMPLATES
from penstock.trainers.llamafactory.settings import SETTING_NAMES

#: LLaMA-Factory takes a smaller `val_size` for 0.
_MIN_VAL_SIZE = 1e-6


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of a training YAML, and where findings about it go."""

    document: Document
    file: Path
    collector: Collector

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting; `default` if it is missing or null."""
        value = self.document.data.get(key)
        return default if value is None else value

    def names(self, key: str) -> list[str]:
        """Return the entries that `dataset` or `eval_dataset` names."""
        value = self.get(key, [])
        listed = value.split(",") if isinstance(value, str) else value
        return [str(name).strip() for name in listed] if isinstance(listed, list) else []

    @property
    def val_size(self) -> float:
        """The share (below 1) or the number of rows drawn for evaluation; 0 for none."""
        value = self.get("val_size", 0)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number and value > _MIN_VAL_SIZE else 0.0

    def add(
        self, code: Code, message: str, key: str = "", *, count: int = 1, fix: str | None = None
    ) -> None:
        """Add a finding at the line of a key."""
        mark = self.document.marks.get((key,))
        line = mark.line if mark else None
        self.collector.add(
            code, message, file=self.file, line=line, count=count, fix=fix, group=message
        )


def read_settings(file: Path, collector: Collector) -> TrainingSettings | None:
    """Read a training YAML; report invalid YAML and secrets in it."""
    try:
        return TrainingSettings(read_yaml(file), file, collector)
    except ConfigError as error:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        line = lines[error.line - 1] if error.line and error.line <= len(lines) else ""
        code = codes.SECRET_PRESENT if redact_text(line) != line else codes.TRAINING_UNREADABLE
        message = f"{error.field}: {error.message}" if error.field else error.message
        collector.add(code, message, file=file, line=error.line)
        return None


def check_settings(settings: TrainingSettings, *, data_found: bool) -> None:
    """Report settings that LLaMA-Factory refuses or that train something unintended."""
    add, get = settings.add, settings.get
    for key in map(str, settings.document.data):
        if key not in SETTING_NAMES:
            hint = did_you_mean(key, SETTING_NAMES)
            message = f"LLaMA-Factory 0.9.5 has no setting {quoted_name(key)}{hint}"
            add(codes.SETTING_UNKNOWN, message, key)
    if get("streaming") is True:
        _check_streaming(settings)
    if get("fp16") is True and get("bf16") is True:
        add(codes.PRECISION_BOTH, "fp16 and bf16 are both set", "bf16")
    if get("packing") is True and get("neat_packing") is not True:
        message = "packing without neat_packing: attention crosses from one row to the next"
        add(codes.PACKING_CROSSES, message, "packing")
    template = get("template")
    if template is None:
        message = "no template is set: LLaMA-Factory guesses the tokenizer's, or uses none"
        add(codes.TEMPLATE_MISSING, message)
    elif (name := str(template)) not in TEMPLATES:
        hint = did_you_mean(name, TEMPLATES)
        message = f"LLaMA-Factory 0.9.5 has no template {quoted_name(name)}{hint}"
        add(codes.TEMPLATE_UNKNOWN, message, "template")
    directory = get("dataset_dir", "data")
    on_disk = isinstance(directory, str) and directory != "ONLINE"
    if not data_found and on_disk and not directory.startswith("REMOTE:"):
        hint = did_you_mean_path(settings.file.parent / directory)
        message = f"dataset_dir {directory} does not exist{hint}"
        add(codes.DATASET_DIR_MISSING, message, "dataset_dir")


def _check_streaming(settings: TrainingSettings) -> None:
    add = settings.add
    if settings.get("max_steps", -1) == -1:
        add(codes.STREAMING_SETTINGS, "streaming needs max_steps", "streaming")
    if settings.get("max_samples") is not None:
        add(codes.STREAMING_SETTINGS, "streaming and max_samples exclude each other", "max_samples")
    if 0 < settings.val_size < 1:
        message = "with streaming, val_size must be a whole number of rows"
        add(codes.STREAMING_SETTINGS, message, "val_size")
