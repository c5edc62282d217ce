"""How weights are updated: one file per method. `METHODS.get("zo")` returns one by name."""

from penstock.registry import Registry
from penstock.training.methods._base import Method, Microbatch

__all__ = ["METHODS", "Method", "Microbatch"]

METHODS: Registry[type[Method]] = Registry("method", "penstock.training.methods", "METHOD")
