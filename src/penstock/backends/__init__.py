"""The programs that carry runs: one file each. `BACKENDS.get("builtin")` finds one by name."""

from penstock.backends._base import Backend
from penstock.registry import Registry

__all__ = ["BACKENDS", "Backend"]

BACKENDS: Registry[Backend] = Registry("backend", "penstock.backends", "BACKEND")
