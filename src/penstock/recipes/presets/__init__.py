"""Named recipes: `recipe: NAME` and a few settings make sources, steps and format."""

from penstock.recipes.presets._base import Origins, Preset
from penstock.registry import Registry

__all__ = ["PRESETS", "Origins", "Preset"]

PRESETS: Registry[type[Preset]] = Registry("recipe", "penstock.recipes.presets", "PRESET")
