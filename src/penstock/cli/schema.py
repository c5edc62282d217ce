"""`penstock schema`: JSON Schema, so that editors complete and check YAML."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from penstock.cli._output import guarded, print_json


class Kind(StrEnum):
    """The kinds of file that have a schema."""

    EXPERIMENT = "experiment"
    RECIPE = "recipe"


@guarded
def schema(kind: Annotated[Kind, typer.Argument(help="The kind of file.")]) -> None:
    """Print the JSON Schema of a kind of YAML file."""
    if kind is Kind.EXPERIMENT:
        from penstock.experiments import experiment_schema

        print_json(experiment_schema(), indent=True)
    else:
        from penstock.recipes import recipe_schema

        print_json(recipe_schema(), indent=True)
