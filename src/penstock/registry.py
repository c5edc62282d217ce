"""Objects found by name: modules of a package, and entry points of other distributions."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from penstock.errors import ConfigError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """The tasks, methods, trainers, ... that YAML can name.

    A built-in object is the `attribute` of the module with its name in `package` (or in one of its
    `subpackages`), so that adding one means adding a file; modules with a leading underscore are
    not registered. Other distributions register theirs as entry points of the group `package`
    (`penstock.tasks`, ...). A module is imported when its object is requested.
    """

    def __init__(
        self, kind: str, package: str, attribute: str, subpackages: Sequence[str] = ()
    ) -> None:
        self.kind = kind
        self.package = package
        self.attribute = attribute
        self._packages = [f"{package}.{name}" for name in subpackages] or [package]

    def names(self) -> list[str]:
        """Return every registered name in alphabetical order."""
        return sorted({*self._modules, *(point.name for point in self._points)})

    def get(self, name: str) -> T:
        """Return the object with this name.

        Raises ConfigError if the name is unknown (with the most similar one), if two distributions
        register it, or if an entry point cannot be loaded.
        """
        points = [point for point in self._points if point.name == name]
        origins = ["penstock"] * (name in self._modules) + [_distribution(p) for p in points]
        if len(origins) > 1:
            raise ConfigError(
                f"{' and '.join(origins)} each have the {self.kind} '{name}'; uninstall one of them"
            )
        if points:
            try:
                loaded: T = points[0].load()
            except Exception as error:
                raise ConfigError(
                    f"the {self.kind} '{name}' of {origins[0]} cannot be loaded "
                    f"({type(error).__name__}: {error})"
                ) from error
            return loaded
        if name in self._modules:
            module = importlib.import_module(self._modules[name])
            if not hasattr(module, self.attribute):
                raise ConfigError(
                    f"{module.__file__}: must define {self.attribute}, the {self.kind}"
                )
            found: T = getattr(module, self.attribute)
            return found
        names = self.names()
        hint = did_you_mean(name, names)
        known = f"{' Known' if hint else '; known'}: {', '.join(names)}"
        raise ConfigError(f"there is no {self.kind} '{name}'{hint}{known}")

    @cached_property
    def _modules(self) -> dict[str, str]:
        return {
            module.name: f"{package}.{module.name}"
            for package in self._packages
            for module in pkgutil.iter_modules(importlib.import_module(package).__path__)
            if module.name[0] != "_"
        }

    @cached_property
    def _points(self) -> tuple[EntryPoint, ...]:
        return tuple(entry_points(group=self.package))


def _distribution(point: EntryPoint) -> str:
    return f"the package '{point.dist.name}'" if point.dist else f"'{point.value}'"
