"""The settings and files of a build in words that mean the same on every machine."""

from __future__ import annotations

import os
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
    """Return what files are called among themselves: each from where their paths part.

    A URL is called by the whole of it.
    """
    distinct = sorted(set(paths))
    local = [path for path in distinct if not is_url(path)]
    parents = [os.path.dirname(path) for path in local]  # noqa: PTH120 - the text as it is
    common = os.path.commonpath(parents) if parents else ""
    names = {path: path for path in distinct}
    return names | {path: os.path.relpath(path, common or ".") for path in local}
