"""Named recipes: `recipe: NAME` and a few settings make sources, steps and format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from penstock.config import FileName, KeyPath, Options
from penstock.registry import Registry

#: For a path in the expanded recipe, the path of the setting that it comes from.
Origins = dict[KeyPath, KeyPath]


class Preset(Options, ABC):
    """A named recipe. A module of this package holds the class as `PRESET`.

    An instance holds the settings of a file with `recipe: NAME`.
    """

    recipe: str = Field(description="The name of the recipe.")
    name: FileName | None = Field(
        None, description="The name of the dataset; null: that of the output."
    )
    description: str = Field("", description="What the dataset is for.")
    seed: int = Field(42, ge=0, description="The seed of every sample, split and shuffle.")
    output: str = Field(description="The path of the dataset; it must not exist yet.")
    on_error: Literal["fail", "skip"] = Field(
        "fail", description="On an unusable row: fail, or skip and count it."
    )
    max_errors: int = Field(
        100, ge=0, description="The most rows that `on_error: skip` skips before it fails."
    )

    @abstractmethod
    def sources(self) -> dict[str, dict[str, Any]]:
        """Return the settings of each source by name."""

    @abstractmethod
    def steps(self) -> list[str | dict[str, dict[str, Any]]]:
        """Return the steps, as in a recipe file."""

    @abstractmethod
    def format(self) -> dict[str, Any]:
        """Return the format, as in a recipe file."""

    def left_out(self) -> list[str]:
        """Return the settings (dotted) that are null and so leave a source out."""
        return []

    def origins(self) -> Origins:
        """Return the setting that each part of the recipe comes from, for errors."""
        return {}

    def files(self) -> Iterator[tuple[KeyPath, Path, str]]:
        """Yield the files that must exist: the setting, the path, and a hint."""
        yield from ()

    def settings(self) -> dict[str, Any]:
        """Return the expanded recipe, as in a file."""
        names = ("name", "description", "seed", "output", "on_error", "max_errors")
        own = self.model_dump(mode="json", exclude={"output"})
        return {
            **{name: getattr(self, name) for name in names},
            "sources": self.sources(),
            "steps": self.steps(),
            "format": self.format(),
            "card": True,
            "preset": {"settings": own, "left_out": self.left_out()},
        }


PRESETS: Registry[type[Preset]] = Registry("recipe", "penstock.recipes.presets", "PRESET")
