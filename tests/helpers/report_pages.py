"""Parsed report pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

#: Attributes that make an element load something.
LOADING = {"src", "href", "srcset", "data", "poster", "background", "action", "formaction", "cite"}


class Elements(HTMLParser):
    """The tags of a page with their attributes, its scripts and styles, and its other text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open:
            self.text += data
        elif self._open[-1] == "script":
            self.scripts.append(data)
        else:
            self.styles.append(data)

    def count(self, name: str) -> int:
        """Return the number of elements with this name."""
        return sum(tag == name for tag, _ in self.tags)


def elements(path: Path) -> Elements:
    """Parse a report."""
    return Elements(path.read_text(encoding="utf-8"))


def references(page: Elements) -> list[str]:
    """Return everything that the elements and styles of a page reference."""
    found = [
        f"{tag} {name}={value}"
        for tag, attributes in page.tags
        for name, value in attributes.items()
        if name in LOADING
    ]
    return found + re.findall(r"url\([^)]*\)|@import[^;]*", "".join(page.styles))
