"""One file: what stands at its destination, and the step that makes it what is wanted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from penstock.files import plural, sha256_of
from penstock.migration.source import SourceFile
from penstock.migration.steps import Action, Mode, Step


@dataclass(frozen=True)
class Terms:
    """What a migration goes by: its two trees, copies or links, and whether it may replace."""

    source: Path
    destination: Path
    mode: Mode
    replace: bool


@dataclass(frozen=True)
class Place:
    """A dataset directory of the destination.

    `directory` has the exact name, `present` is what stands there now in whatever case, and `real`
    is where it lies when every link is followed.
    """

    directory: Path
    present: Path | None
    real: Path


class InTheWayError(Exception):
    """Something at the destination that a step would harm; `replaceable` if --replace may."""

    def __init__(self, path: Path, why: str, *, replaceable: bool = False) -> None:
        self.replaceable = replaceable
        super().__init__(f"{path}: {why}")


def absent_file_step(place: Place, name: str, there: list[Path], terms: Terms) -> Step | None:
    """Return the step for a file that the source does not have: none, or its removal.

    Raises InTheWayError where there is such a file and nothing may be replaced, as the dataset
    would then be a mixture of two.
    """
    if not there:
        return None
    found = _single_file(there, name)
    if not terms.replace:
        raise InTheWayError(found, "is not in the source, and would be mixed in", replaceable=True)
    shown = found.relative_to(terms.destination)
    sentence = f"remove {shown}, which the source does not have"
    return Step(Action.REMOVE, place.directory / name, sentence, present=found.name)


def file_step(place: Place, name: str, there: list[Path], source: SourceFile, terms: Terms) -> Step:
    """Return the step that brings a file of the source to `name` in `place`.

    `there` are the entries of the directory that have this name in whatever case. Raises
    InTheWayError for other content that may not be replaced, and for what is not one file.
    """
    link = _link_text(place, source) if terms.mode == "link" else None
    found = _single_file(there, name) if there else None
    action = _action(found, name, source, link)
    if found and action is Action.REPLACE and not terms.replace:
        raise InTheWayError(found, _difference(found, source), replaceable=True)
    return Step(
        action,
        place.directory / name,
        _sentence(action, place.directory / name, found, source, terms),
        source=source.path,
        present=found.name if found else None,
        link=link,
    )


def _single_file(there: list[Path], name: str) -> Path:
    if len(there) > 1:
        others = " and ".join(f"'{path.name}'" for path in there)
        raise InTheWayError(there[0].parent, f"{others} differ only in case; keep one of them")
    if there[0].is_dir():
        raise InTheWayError(there[0], f"is a directory, and '{name}' must be a file; move it away")
    return there[0]


def _link_text(place: Place, source: SourceFile) -> str:
    return os.path.relpath(source.path.resolve(), place.real)


def _action(found: Path | None, name: str, source: SourceFile, link: str | None) -> Action:
    if found is None:
        return Action.COPY if link is None else Action.LINK
    if not _same_content(found, source):
        return Action.REPLACE
    if link is None:
        # The source's own file under another name (a hard link) is no copy either.
        right_kind = not found.is_symlink() and not found.samefile(source.path)
    else:
        right_kind = found.is_symlink() and str(found.readlink()) == link
    if not right_kind:
        return Action.CONVERT
    return Action.KEEP if found.name == name else Action.RENAME


def _same_content(found: Path, source: SourceFile) -> bool:
    if not found.is_file():
        return False
    return found.samefile(source.path) or (
        found.stat().st_size == source.size and sha256_of(found) == source.sha256
    )


def _difference(found: Path, source: SourceFile) -> str:
    if found.is_symlink() and not found.exists():
        return f"is a broken link to '{found.readlink()}'"
    if not found.is_file():
        return "is not a file"
    return (
        f"has other content ({found.stat().st_size:,} bytes) than "
        f"{source.path} ({source.size:,} bytes)"
    )


def _sentence(
    action: Action, destination: Path, found: Path | None, source: SourceFile, terms: Terms
) -> str:
    target = destination.relative_to(terms.destination)
    origin = source.path.relative_to(terms.source)
    rows = plural(source.rows, "row")
    kind = "a copy of" if terms.mode == "copy" else "a link to"
    now = target if found is None else found.relative_to(terms.destination)
    new = kind if now == target else f"{target}, {kind}"
    match action:
        case Action.COPY:
            return f"copy {origin} to {target} ({rows})"
        case Action.LINK:
            return f"link {target} to {origin} ({rows})"
        case Action.CONVERT:
            return f"turn {now} into {new} {origin}, whose content it has ({rows})"
        case Action.REPLACE:
            return f"replace {now}, which has other content, by {new} {origin} ({rows})"
        case Action.RENAME:
            return f"rename {now} to {destination.name} ({rows})"
        case _:
            return f"keep {target}, {kind} {origin} ({rows})"
