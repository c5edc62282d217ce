"""Errors that penstock raises on purpose: each names its location and a fix."""

from __future__ import annotations

import copyreg
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any


class PenstockError(Exception):
    """Base of every error that penstock raises on purpose.

    The CLI prints its text and exits with `exit_code`; any other exception is a bug.
    """

    exit_code = 2

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle text and fields directly, as `__init__` takes other arguments than `args`."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class ConfigError(PenstockError):
    """An invalid configuration (YAML or command line).

    `str()` returns `FILE:LINE:COLUMN: FIELD: MESSAGE` and, if `source` is given, the line with a
    caret under the column. Lines and columns count from 1.
    """

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
        source: str | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.field = field
        self.source = source
        location = ":".join(str(part) for part in (file, line, column) if part is not None)
        text = ": ".join(part for part in (location, field, message) if part)
        if source is not None and line is not None:
            text += f"\n    {source.rstrip()}"
            if column is not None:
                # Tabs are kept, so that the caret is aligned with the column.
                indent = re.sub(r"[^\t]", " ", source[: column - 1].ljust(column - 1))
                text += f"\n    {indent}^"
        super().__init__(text)


class StepError(ConfigError):
    """A step of a recipe cannot continue: a threshold is exceeded, or a setting does not fit.

    A step raises it with the name of its setting, which replaces `{setting}` in the message. The
    recipe adds the step's name and the setting's file, line and column.
    """

    def __init__(
        self, message: str, *, setting: str | None = None, step: str | None = None, **location: Any
    ) -> None:
        super().__init__(message, **location)
        self.setting = setting
        self.step = step


class DataError(PenstockError):
    """Invalid data in a file: `FILE:LINE: MESSAGE`."""

    def __init__(self, message: str, *, file: Path | str, line: int | None = None) -> None:
        self.message = message
        self.file = file
        self.line = line
        location = f"{file}:{line}" if line is not None else str(file)
        super().__init__(f"{location}: {message}")


class ConflictError(PenstockError):
    """Something that penstock must not overwrite is at the output path."""


class MissingExtraError(PenstockError):
    """An optional package is missing: names the package and how to install it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs '{package}': pip install 'penstock[{extra}]'")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the most similar known word, or an empty string."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def did_you_mean_path(path: Path) -> str:
    """Return `; did you mean 'x'?` for the most similar name in the directory of `path`."""
    names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    return did_you_mean(path.name, names)
