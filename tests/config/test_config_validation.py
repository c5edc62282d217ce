"""What does not fit the model is an error in plain words with its location."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from penstock.config import apply_overrides, config_error, parse_yaml, validate
from penstock.errors import ConfigError


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Rates(Strict):
    learning_rate: float = 1e-6
    batch_size: int = Field(16, ge=1)
    optimizer: Literal["adamw", "sgd"] = "sgd"


class Copy(Strict):
    kind: Literal["copy"]
    source: str


class Clean(Strict):
    kind: Literal["clean"]
    threshold: float = 0.1


class Recipe(Strict):
    model: str | list[str]
    method: str | list[str] | dict[str, dict[str, Any] | None] = "zo"
    rates: Rates = Rates()
    variants: dict[str, Rates] = {}
    stages: list[Rates] = []
    steps: list[Annotated[Copy | Clean, Field(discriminator="kind")]] = []
    either: Copy | Clean | None = None
    shuffle: bool = True
    limit: int | None = None
    extra: str | int | bool | list[int] | None = None
    name: str = "a"

    @field_validator("name")
    @classmethod
    def _has_no_slash(cls, name: str) -> str:
        if "/" in name:
            raise ValueError("names a directory: no slash")
        return name


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(parse_yaml(text, "r.yaml"), Recipe)
    return str(caught.value).split("\n")[0]


def test_a_document_that_fits_becomes_its_model() -> None:
    recipe = validate(
        parse_yaml("model: [a, b]\nrates: {learning_rate: 1e-5}\nsteps: [{kind: clean}]"), Recipe
    )
    assert recipe.model == ["a", "b"]
    assert recipe.rates.learning_rate == 1e-5
    assert recipe.steps == [Clean(kind="clean")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: a\nmodle: b", "2:1: modle: unknown key; did you mean 'model'?"),
        (
            "modle: b",
            "1:1: modle: unknown key; did you mean 'model'?",
        ),
        (
            "model: a\nrates:\n  learning_rat: 1",
            "3:3: rates.learning_rat: unknown key; did you mean 'learning_rate'?",
        ),
        (
            "model: a\nvariants: {one: {batch_sise: 1}}",
            "2:18: variants.one.batch_sise: unknown key; did you mean 'batch_size'?",
        ),
        (
            "model: a\nstages: [{}, {optimiser: sgd}]",
            "2:15: stages.1.optimiser: unknown key; did you mean 'optimizer'?",
        ),
        (
            "model: a\nsteps: [{kind: clean, treshold: 1}]",
            "2:23: steps.0.treshold: unknown key; did you mean 'threshold'?",
        ),
        (
            "model: a\neither: {kind: clean, treshold: 1}",
            "2:23: either.treshold: unknown key; did you mean 'threshold'?",
        ),
        (
            "model: a\nrates: {zzz: 1}",
            "2:9: rates.zzz: unknown key; known keys: learning_rate, batch_size, optimizer",
        ),
    ],
)
def test_an_unknown_key_suggests_the_known_one(text: str, message: str) -> None:
    assert refusal(text) == f"r.yaml:{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shuffle: true", "1:1: model: required, but missing"),
        ("model: a\nsteps: [{kind: copy}]", "2:9: steps.0.source: required, but missing"),
        ("model: a\nlimit: many", "2:1: limit: must be a whole number, not 'many'"),
        ("model: a\nlimit: 1.5", "2:1: limit: must be a whole number, not 1.5"),
        ("model: a\nshuffle: no", None),
        ("model: a\nshuffle: maybe", "2:1: shuffle: must be true or false, not 'maybe'"),
        ("model: 5", "1:1: model: must be text or a list, not 5"),
        ("model: null", "1:1: model: must be text or a list, not null"),
        ("model: {a: 1}", "1:1: model: must be text or a list, not a mapping"),
        ("model: [a, 3]", "1:12: model.1: must be text, not 3"),
        ("model: a\nmethod: {zo: 3}", "2:10: method.zo: must be a mapping, not 3"),
        ("model: a\nmethod: [zo, [x]]", "2:14: method.1: must be text, not a list"),
        ("model: a\nrates: [1]", "2:1: rates: must be a mapping, not a list"),
        (
            "model: a\nrates: {batch_size: 0}",
            "2:9: rates.batch_size: must be greater than or equal to 1, not 0",
        ),
        (
            "model: a\nrates: {optimizer: adam}",
            "2:9: rates.optimizer: must be 'adamw' or 'sgd', not 'adam'; did you mean 'adamw'?",
        ),
        (
            "model: a\nextra: {a: 1}",
            "2:1: extra: must be text, a whole number, true or false or a list, not a mapping",
        ),
        ("model: a\nname: a/b", "2:1: name: names a directory: no slash"),
    ],
)
def test_a_value_that_does_not_fit_is_described(text: str, message: str | None) -> None:
    if message is None:
        assert validate(parse_yaml(text), Recipe).shuffle is False
    else:
        assert refusal(text) == f"r.yaml:{message}"


def test_an_unknown_discriminator_lists_the_known_ones() -> None:
    shown = refusal("model: a\nsteps: [{kind: cleen}]")
    assert shown.startswith("r.yaml:2:9: steps.0: ")
    assert "'cleen'" in shown
    assert "'copy', 'clean'" in shown


def test_a_long_value_is_shortened() -> None:
    assert len(refusal(f"model: a\nlimit: {'x' * 500}")) < 120


def test_an_error_about_an_override_names_the_command_line() -> None:
    document = parse_yaml("model: a", "r.yaml")
    apply_overrides(document, ["rates.batch_sise=1"])
    with pytest.raises(ConfigError) as caught:
        validate(document, Recipe)
    assert str(caught.value) == (
        "command line: rates.batch_sise: unknown key; did you mean 'batch_size'?"
    )


def test_an_error_in_part_of_a_document_is_located_by_its_prefix() -> None:
    document = parse_yaml("model: a\nmethods:\n  zo: {batch_size: many}", "r.yaml")
    with pytest.raises(ValidationError) as caught:
        Rates.model_validate(document.data["methods"]["zo"])
    error = config_error(caught.value, document, Rates, ("methods", "zo"))
    assert str(error).startswith(
        "r.yaml:3:8: methods.zo.batch_size: must be a whole number, not 'many'\n"
    )
