"""From raw or synthetic data to trained and compared language models, checked at every step.

Every command of the command line is one function here. Importing penstock is cheap: a function's
package is imported when the function is first accessed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from penstock._version import __version__

if TYPE_CHECKING:
    from penstock.checks import check, show
    from penstock.experiments import load_experiment, train
    from penstock.formats import merge
    from penstock.loading import TokenDataset
    from penstock.migration import migrate
    from penstock.recipes import build, load_recipe, tokenize
    from penstock.report import compare, results, trace, write_report
    from penstock.trainers import export

__all__ = [
    "TokenDataset",
    "__version__",
    "build",
    "check",
    "compare",
    "export",
    "load_experiment",
    "load_recipe",
    "merge",
    "migrate",
    "results",
    "show",
    "tokenize",
    "trace",
    "train",
    "write_report",
]

_PACKAGES = {
    "penstock.checks": ("check", "show"),
    "penstock.experiments": ("load_experiment", "train"),
    "penstock.formats": ("merge",),
    "penstock.loading": ("TokenDataset",),
    "penstock.migration": ("migrate",),
    "penstock.recipes": ("build", "load_recipe", "tokenize"),
    "penstock.report": ("compare", "results", "trace", "write_report"),
    "penstock.trainers": ("export",),
}


def __getattr__(name: str) -> Any:
    for package, names in _PACKAGES.items():
        if name in names:
            return getattr(import_module(package), name)
    raise AttributeError(f"module 'penstock' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
