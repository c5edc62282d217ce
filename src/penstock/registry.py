"""Find a thing by its name: a module of a room, or what another package registers."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from penstock.errors import ConfigError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """The tasks, methods, backends, ... that can be named in YAML.

    A built-in thing is the module of its name in `package`, which holds it as `attribute`: adding
    one is adding a file. Other packages register theirs as entry points of the group `package`
    (`penstock.tasks`, ...). Modules are imported when asked for, never before.
    """

    def __init__(self, kind: str, package: str, attribute: str) -> None:
        self.kind = kind
        self.package = package
        self.attribute = attribute

    def names(self) -> list[str]:
        """Return every name, built-in and registered, in alphabetical order."""
        return sorted(
            {*self._modules(), *(point.name for point in entry_points(group=self.package))}
        )

    def get(self, name: str) -> T:
        """Return the thing of this name.

        Raises ConfigError, with the nearest name, when there is none.
        """
        if name in self._modules():
            found: T = getattr(importlib.import_module(f"{self.package}.{name}"), self.attribute)
            return found
        for point in entry_points(group=self.package):
            if point.name == name:
                loaded: T = point.load()
                return loaded
        names = self.names()
        raise ConfigError(
            f"there is no {self.kind} '{name}'{did_you_mean(name, names)} Known: {', '.join(names)}"
        )

    def _modules(self) -> list[str]:
        package = importlib.import_module(self.package)
        return [m.name for m in pkgutil.iter_modules(package.__path__) if m.name[0] != "_"]
