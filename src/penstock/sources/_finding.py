"""Which files a path, a pattern or a URL names."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from penstock.errors import ConfigError, did_you_mean_beside
from penstock.files import natural_key
from penstock.sources._files import exists, file_system, is_url, reading


def find_files(paths: str | Iterable[str]) -> list[str]:
    """Return the files that paths and patterns (`*`, `?`, `[...]`, `**`) name.

    What a pattern matches comes in natural order. Raises ConfigError for what names no file, and
    for a file that is named twice: its rows would count twice, or one name would be in vain.
    """
    found: dict[str, str] = {}
    for path in [paths] if isinstance(paths, str) else paths:
        for file in _find_urls(path) if is_url(path) else _find_local(path):
            place = file if is_url(file) else os.path.realpath(file)
            if place in found:
                raise ConfigError(
                    f"is named twice ({found[place]}, {file}); to read it twice, give the recipe "
                    "two sources",
                    file=file,
                )
            found[place] = file
    return list(found.values())


def _find_local(path: str) -> list[str]:
    if Path(path).is_file():  # its name may look like a pattern
        return [path]
    if not glob.has_magic(path):
        if Path(path).is_dir():
            raise ConfigError(
                f"is a directory; name its files, as in {path.rstrip('/')}/*", file=path
            )
        raise ConfigError(f"there is no such file{did_you_mean_beside(Path(path))}", file=path)
    # Path.glob takes no absolute pattern.
    found = glob.glob(path, recursive=True)  # noqa: PTH207
    files = [file for file in found if Path(file).is_file()]
    return _in_natural_order(files, path)


def _find_urls(url: str) -> list[str]:
    system, inner = file_system(url)
    if not set("*[") & set(url):
        if exists(url):
            return [url]
        raise ConfigError("there is no such file, or it cannot be reached", file=url)
    with reading(url):
        files = [system.unstrip_protocol(file) for file in system.glob(inner)]
    return _in_natural_order(files, url)


def _in_natural_order(files: list[str], pattern: str) -> list[str]:
    if not files:
        raise ConfigError("the pattern matches no file", file=pattern)
    return sorted(files, key=lambda file: [natural_key(part) for part in file.split("/")])
