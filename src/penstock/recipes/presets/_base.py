"""What a preset is: a few settings that stand for a whole recipe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from penstock.config import FileName, KeyPath, Options

#: Where what a preset makes of a setting stands, and where the setting does.
Origins = dict[KeyPath, KeyPath]


class Preset(Options, ABC):
    """A recipe by name. A module of this room holds the class as `PRESET`.

    An instance holds the settings of a file that says `recipe: NAME`.
    """

    recipe: str = Field(description="The name of the recipe.")
    name: FileName | None = Field(
        None, description="How the dataset is called; null: as its output."
    )
    description: str = Field("", description="What the dataset is for.")
    seed: int = Field(42, ge=0, description="Decides every sample, split and shuffle.")
    output: str = Field(description="Where the dataset goes; it must not be there yet.")
    on_error: Literal["fail", "skip"] = Field(
        "fail", description="What a row that cannot be used does: end the build, or be left out."
    )
    max_errors: int = Field(
        100, ge=0, description="The most rows that `on_error: skip` leaves out before it fails."
    )

    @abstractmethod
    def sources(self) -> dict[str, dict[str, Any]]:
        """Return the settings of each source by name."""

    @abstractmethod
    def steps(self) -> list[str | dict[str, dict[str, Any]]]:
        """Return the steps as a recipe file has them."""

    @abstractmethod
    def format(self) -> dict[str, Any]:
        """Return the format as a recipe file has it."""

    def left_out(self) -> list[str]:
        """Return the settings, dotted, whose null leaves out what they name."""
        return []

    def thresholds(self) -> dict[str, str]:
        """Return the setting that is the threshold of each step, by how its counts are called."""
        return {}

    def origins(self) -> Origins:
        """Return the setting that each place of the recipe comes from, for errors."""
        return {}

    def files(self) -> Iterator[tuple[KeyPath, Path, str]]:
        """Yield the files that must be there: the setting, the path, and what else it may be."""
        yield from ()

    def settings(self) -> dict[str, Any]:
        """Return the recipe as a file would hold it without a preset."""
        return {
            "name": self.name,
            "description": self.description,
            "seed": self.seed,
            "output": self.output,
            "on_error": self.on_error,
            "max_errors": self.max_errors,
            "sources": self.sources(),
            "steps": self.steps(),
            "format": self.format(),
            "card": True,
            "preset": {
                "settings": self.model_dump(mode="json", exclude={"output"}),
                "left_out": self.left_out(),
                "thresholds": self.thresholds(),
            },
        }
