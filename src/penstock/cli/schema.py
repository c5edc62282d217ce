"""`penstock schema`: JSON Schema, with which editors complete and check YAML."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from penstock.cli._output import handle_errors, print_json


class Kind(StrEnum):
    """The kinds of YAML file that have a schema."""

    EXPERIMENT = "experiment"
    RECIPE = "recipe"


@handle_errors
def schema(kind: Annotated[Kind, typer.Argument(help="The kind of YAML file.")]) -> None:
    """Print the JSON Schema of recipes or experiments, for editors."""
    if kind is Kind.EXPERIMENT:
        from penstock.experiments import experiment_schema as load_schema
    else:
        from penstock.recipes import recipe_schema as load_schema
    print_json(load_schema(), indent=True)
