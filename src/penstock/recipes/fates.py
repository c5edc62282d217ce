"""What became of the rows of a build, step by step, told from its manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from penstock.errors import ConfigError
from penstock.manifest import Manifest
from penstock.recipes.arranging import arranges
from penstock.steps import STEPS, Step

#: What the reading of rows is called among the steps.
READ = "read"


@dataclass(frozen=True)
class StepFate:
    """What a step did. `kept` are the rows that it left, None for a step that drops none.

    `dropped` has the rows by why, `noted` what else the step counted.
    """

    step: str
    kept: int | None
    dropped: Mapping[str, int]
    noted: Mapping[str, int]

    @property
    def lost(self) -> int:
        """How many rows were dropped."""
        return sum(self.dropped.values())

    @property
    def share(self) -> float:
        """The share of the rows that came to the step and were dropped."""
        came = self.lost + (self.kept or 0)
        return self.lost / came if came else 0.0


@dataclass(frozen=True)
class _Listed:
    """A step of a recipe: how its counters begin, and when it has its turn.

    `turn` is 0 for what works row by row, 1 for all splits at once, 2 for each split.
    """

    prefix: str
    drops: Sequence[str]
    turn: int


def fates_of(manifest: Manifest) -> list[StepFate]:
    """Return what became of the rows, in the order in which it happened; nothing for no build.

    The steps that work row by row come first, then those across splits, then those on each split.
    Steps of one counter are told once.
    """
    if manifest.recipe.get("kind") != "build" or READ not in manifest.counts:
        return []
    counts = manifest.counts
    listed = _all_turns(manifest)
    unusable, unread = counts.get("skipped", 0), counts.get("read.skipped", 0)
    left = counts[READ] - (unusable - unread)
    fates = [StepFate(READ, left, {"unusable": unusable}, _noted_in_reading(manifest))]
    known = {f"{turn.prefix}.{why}" for turn in listed for why in (*turn.drops, "kept")}
    last = {turn.prefix: turn.turn for turn in sorted(listed, key=lambda each: each.turn)}
    for step in sorted(listed, key=lambda step: step.turn):
        dropped = {why: counts.get(f"{step.prefix}.{why}", 0) for why in step.drops}
        told = step.turn == last[step.prefix]
        noted = _noted(counts, step.prefix, listed, known) if told else {}
        left -= sum(dropped.values())
        fates.append(StepFate(step.prefix, left if step.drops else None, dropped, noted))
    return fates


def _noted_in_reading(manifest: Manifest) -> dict[str, int]:
    """Return what the sources counted: bytes that were taken for Windows-1252, ..."""
    kinds = {settings["kind"] for settings in manifest.recipe["sources"].values()}
    return {
        what: count
        for name, count in manifest.counts.items()
        for kind, dot, what in [name.partition(".")]
        if dot and kind in {*kinds, "undecodable"}
    }


def _all_turns(manifest: Manifest) -> Collection[_Listed]:
    """Return the turns of all steps; those of one counter at one time are one."""
    found: dict[tuple[str, int], _Listed] = {}
    for entry in manifest.recipe["steps"]:
        for turn in _turns(entry):
            before = found.get((turn.prefix, turn.turn))
            drops = dict.fromkeys([*(before.drops if before else ()), *turn.drops])
            found[turn.prefix, turn.turn] = _Listed(turn.prefix, list(drops), turn.turn)
    return found.values()


def _turns(entry: Mapping[str, Mapping[str, Any]]) -> Iterator[_Listed]:
    """Yield a step as the settings of a manifest have it, once for each time that it drops rows."""
    [(name, settings)] = entry.items()
    # A step with a setting `name` counts under it.
    prefix = f"{name}.{settings['name']}" if settings.get("name") else name
    try:
        step: Step = STEPS.get(name).model_validate(settings)
    except (ConfigError, ValidationError):  # of another version, or of a package that is not here
        yield _Listed(prefix, (), 0)
        return
    turn = 0 if not arranges(step) else 1 if step.across_splits else 2
    at_once = step.drops_at_once()
    if at_once:
        yield _Listed(prefix, at_once, 0)
    yield _Listed(prefix, [why for why in step.drops() if why not in at_once], turn)


def _noted(
    counts: Mapping[str, int], prefix: str, listed: Iterable[_Listed], known: Collection[str]
) -> dict[str, int]:
    """Return the other counters of a step, without its prefix and without those of longer ones."""
    others = tuple(f"{each.prefix}." for each in listed if each.prefix.startswith(f"{prefix}."))
    return {
        name.removeprefix(f"{prefix}."): count
        for name, count in counts.items()
        if name.startswith(f"{prefix}.") and not name.startswith(others) and name not in known
    }
