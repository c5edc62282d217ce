"""penstock takes raw or synthetic data to a trained, compared model, and proves every joint.

Everything a verb of the command line does is one function here. Importing penstock is cheap: what
a function needs is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from penstock._version import __version__

if TYPE_CHECKING:
    from penstock.checks import check
    from penstock.experiments import load_experiment, train
    from penstock.migration import migrate
    from penstock.recipes import build, load_recipe
    from penstock.report import compare, results, trace, write_report

__all__ = [
    "__version__",
    "build",
    "check",
    "compare",
    "load_experiment",
    "load_recipe",
    "migrate",
    "results",
    "trace",
    "train",
    "write_report",
]

_HOMES = {
    "build": "penstock.recipes",
    "load_recipe": "penstock.recipes",
    "check": "penstock.checks",
    "compare": "penstock.report",
    "load_experiment": "penstock.experiments",
    "migrate": "penstock.migration",
    "results": "penstock.report",
    "trace": "penstock.report",
    "train": "penstock.experiments",
    "write_report": "penstock.report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'penstock' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
