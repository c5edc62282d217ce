"""The programs that carry runs: one file each. `TRAINERS.get("penstock")` finds one by name."""

from penstock.registry import Registry
from penstock.trainers._base import Trainer

__all__ = ["TRAINERS", "Trainer"]

TRAINERS: Registry[Trainer] = Registry("trainer", "penstock.trainers", "TRAINER")
