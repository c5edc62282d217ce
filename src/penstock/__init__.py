"""penstock takes raw or synthetic data to a trained, compared model, and proves every joint.

Everything a verb of the command line does is one function here. Importing penstock is cheap: what
a function needs is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from penstock._version import __version__

if TYPE_CHECKING:
    from penstock.checks import check, show
    from penstock.experiments import load_experiment, train
    from penstock.exports import export
    from penstock.formats import merge
    from penstock.loading import TokenDataset
    from penstock.migration import migrate
    from penstock.recipes import build, load_recipe, tokenize
    from penstock.report.compare import compare
    from penstock.report.page import write_report
    from penstock.report.results import results
    from penstock.report.trace import trace

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

_HOMES = {
    "TokenDataset": "penstock.loading",
    "build": "penstock.recipes",
    "check": "penstock.checks",
    "compare": "penstock.report",
    "export": "penstock.exports",
    "load_experiment": "penstock.experiments",
    "load_recipe": "penstock.recipes",
    "merge": "penstock.formats",
    "migrate": "penstock.migration",
    "results": "penstock.report",
    "show": "penstock.checks",
    "tokenize": "penstock.recipes",
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
