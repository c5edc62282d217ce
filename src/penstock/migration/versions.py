"""The names of versions: their natural order, and which of them is the latest."""

from __future__ import annotations

import re
from collections.abc import Iterable

LATEST = "latest"

_NUMBERED = re.compile(
    r"(?:version|ver|v)?[-_. ]?(?P<number>[0-9]+(?:[-_.][0-9]+)*)", re.IGNORECASE
)


def version_number(name: str) -> tuple[int, ...] | None:
    """Return the numbers in the name of a version, in their order.

    `version_13-2` gives (13, 2) and `v9` gives (9,). A name with any other word in it, such as
    `version_5-discard`, gives None: it is a version, and never the latest.
    """
    match = _NUMBERED.fullmatch(name)
    return tuple(int(part) for part in re.split(r"[-_.]", match["number"])) if match else None


def latest(names: Iterable[str]) -> list[str]:
    """Return the names with the highest number: 13-2 comes after 13-1, 13 and 9-2.

    None when no name is numbered; more than one when they say the same number (`v3`, `version_3`).
    """
    numbered = [(number, name) for name in names if (number := version_number(name)) is not None]
    highest = max((number for number, _ in numbered), default=None)
    return sorted(name for number, name in numbered if number == highest)
