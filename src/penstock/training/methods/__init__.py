"""How weights move: one file a method. `METHODS.get("zo")` finds one by name."""

from penstock.registry import Registry
from penstock.training.methods._base import LossPart, Method

__all__ = ["METHODS", "LossPart", "Method"]

METHODS: Registry[type[Method]] = Registry("method", "penstock.training.methods", "METHOD")
