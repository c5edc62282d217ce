"""`penstock schema` prints a JSON Schema that accepts what penstock accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from helpers.command import penstock
from penstock.config import read_yaml

ALL = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
EXAMPLES = [path for path in ALL if "\nexperiment:" in path.read_text(encoding="utf-8")]
RECIPES = [path for path in ALL if path not in EXAMPLES]


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A validator of the printed schema of experiments."""
    return printed_schema("experiment", tmp_path_factory.mktemp("schema"))


@pytest.fixture(scope="module")
def recipe_validator(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A validator of the printed schema of recipes."""
    return printed_schema("recipe", tmp_path_factory.mktemp("schema"))


def printed_schema(kind_of_file: str, cwd: Path) -> Any:
    done = penstock("schema", kind_of_file, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def experiment(**values: Any) -> dict[str, Any]:
    """Return the smallest experiment, with other keys."""
    return {
        "experiment": {"purpose": "baseline"},
        "model": "gpt2",
        "task": "Copa",
        "method": "zo",
        "data": {"path": "data/Copa"},
        "hyperparameters": {"learning_rate": 1e-6},
        **values,
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_fit(validator: Any, example: Path) -> None:
    validator.validate(read_yaml(example).data)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"method": ["zo", "fo_full"]},
        {"method": {"zo": None, "fo_lora": {"lora_rank": [8, 16]}}},
        {"data": {"original": "a", "synthetic": "b", "mix": ["original", "both"]}},
        {"hyperparameters": {"learning_rate": [1e-6, 1e-5], "seed": [0, 1]}},
        {"zip": [["model", "hyperparameters.learning_rate"]], "exclude": [{"method": "zo"}]},
    ],
)
def test_valid_experiments_fit(validator: Any, values: dict[str, Any]) -> None:
    validator.validate(experiment(**values))


@pytest.mark.parametrize(
    "values",
    [
        {"modell": "gpt2"},
        {"experiment": {"purpose": "p", "porpose": "p"}},
        {"data": {"path": "a", "pth": "b"}},
        {"hyperparameters": {"learning_rat": 1e-6}},
        {"hyperparameters": {"batch_size": "many"}},
        {"model": 3},
        {"continue_on_error": "perhaps"},
    ],
)
def test_invalid_experiments_do_not_fit(validator: Any, values: dict[str, Any]) -> None:
    assert not validator.is_valid(experiment(**values))


@pytest.mark.parametrize("key", ["experiment", "model", "task", "method", "data"])
def test_required_keys_of_experiments(validator: Any, key: str) -> None:
    document = experiment()
    del document[key]
    assert not validator.is_valid(document)


def test_every_hyperparameter_has_a_description(validator: Any) -> None:
    hyperparameters = validator.schema["properties"]["hyperparameters"]["properties"]
    assert {"learning_rate", "zo_eps", "lora_rank"} <= set(hyperparameters)
    assert [name for name, known in hyperparameters.items() if not known.get("description")] == []


@pytest.mark.parametrize("example", RECIPES, ids=lambda path: path.stem)
def test_the_example_recipes_fit(recipe_validator: Any, example: Path) -> None:
    recipe_validator.validate(read_yaml(example).data)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": ["tokenise"]},
        {"steps": [{"tokenize": {"tokeniser": "a"}}]},
        {"steps": [{"tokenize": {"tokenizer": "a"}, "pad": {}}]},
        {"source": {"kind": "jsonl"}},
        {"source": {"kind": "jsonl", "path": "a", "txt": "b"}},
        {"format": "megaton"},
        {"on_error": "ignore"},
        {"outputs": "a"},
    ],
)
def test_invalid_recipes_do_not_fit(recipe_validator: Any, changes: dict[str, Any]) -> None:
    recipe = {"source": {"kind": "jsonl", "path": "a"}, "format": "megatron", "output": "b"}
    recipe_validator.validate(recipe)
    with pytest.raises(jsonschema.ValidationError):
        recipe_validator.validate({**recipe, **changes})
