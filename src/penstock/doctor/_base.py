"""The form of what was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a thing stands: `absent` is a thing that some can do without, `broken` fails."""

    OK = "ok"
    ABSENT = "absent"
    BROKEN = "broken"


@dataclass(frozen=True)
class Item:
    """One thing: the area it belongs to, its version or what was seen, and the mend for it."""

    area: str
    name: str
    state: State
    value: str
    mend: str | None = None


@dataclass(frozen=True)
class Examination:
    """Everything that was looked at."""

    items: Sequence[Item]

    @property
    def ok(self) -> bool:
        """True when nothing that is there is broken."""
        return all(item.state is not State.BROKEN for item in self.items)

    def to_dict(self) -> dict[str, Any]:
        """Return the form that `--format json` prints: `ok`, `items`."""
        return {"ok": self.ok, "items": [asdict(item) for item in self.items]}
