"""The settings and files of a build in words that mean the same on every machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError

from penstock.config import Options
from penstock.errors import ConfigError
from penstock.registry import Registry
from penstock.sources import is_url


def written(registry: Registry[Any], name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a registered thing without those that have their default."""
    own = {key: value for key, value in settings.items() if key != "kind"}
    try:
        model: Options = registry.get(name).model_validate(own)
    except (ConfigError, ValidationError):  # of another version, or of a package that is not here
        return own
    return model.model_dump(mode="json", exclude_defaults=True)


def portable(value: Any) -> Any:
    """Return plain data with the last name alone in the place of each absolute path."""
    if isinstance(value, Mapping):
        return {key: portable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [portable(inner) for inner in value]
    if isinstance(value, str) and PurePath(value).is_absolute():
        return PurePath(value).name
    return value


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Return what files are called: each by as little of its path's end as no other has.

    A URL is called by the whole of it.
    """
    distinct = set(paths)
    names = {path: path for path in distinct if is_url(path)}
    waiting = {path: PurePath(path).parts for path in distinct - names.keys()}
    for length in range(1, max(map(len, waiting.values()), default=0) + 1):
        ends = {path: parts[-length:] for path, parts in waiting.items()}
        often = Counter(ends.values())
        for path, end in ends.items():
            if often[end] == 1 or len(end) < length:
                names[path] = PurePath(*end).as_posix()
                del waiting[path]
    return names
