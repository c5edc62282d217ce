"""`key.path=value` overrides values of a document; errors about them name the command line."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.config import Document, apply_overrides, parse_yaml
from penstock.errors import ConfigError

TEXT = """\
model: gpt2
hyperparameters:
  learning_rate: 1e-6
  steps: 10
empty:
"""


def overridden(*overrides: str) -> Document:
    document = parse_yaml(TEXT, "copa.yaml")
    apply_overrides(document, overrides)
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("012", 12),
        ("true", True),
        ("no", "no"),
        ("null", None),
        ("", None),
        ("[1e-6, 1e-5]", [1e-6, 1e-5]),
        ("[]", []),
        ("{zo: {zo_eps: 1e-3}, fo_full: null}", {"zo": {"zo_eps": 1e-3}, "fo_full": None}),
        ("'1e-5'", "1e-5"),
        ('"a # b"', "a # b"),
        ("runs of issue #3", "runs of issue #3"),
        ("a: b", "a: b"),
        ("a=b", "a=b"),
        ("*", "*"),
        (" 7 ", 7),
    ],
)
def test_values_are_yaml_and_other_text_is_literal(text: str, value: Any) -> None:
    read = overridden(f"hyperparameters.steps={text}").data["hyperparameters"]["steps"]
    assert (type(read), read) == (type(value), value)


def test_other_values_are_kept() -> None:
    assert overridden("hyperparameters.steps=20", "data.path=Copa", "empty.x=1").data == {
        "model": "gpt2",
        "hyperparameters": {"learning_rate": 1e-6, "steps": 20},
        "empty": {"x": 1},
        "data": {"path": "Copa"},
    }


def test_an_override_of_an_aliased_mapping_does_not_change_the_other() -> None:
    document = parse_yaml("base: &base {inner: {steps: 1}}\none: *base\ntwo: {<<: *base}\n")
    apply_overrides(document, ["one.inner.steps=2", "two.inner.steps=3"])
    assert document.data == {
        "base": {"inner": {"steps": 1}},
        "one": {"inner": {"steps": 2}},
        "two": {"inner": {"steps": 3}},
    }


def test_a_later_override_replaces_an_earlier_one() -> None:
    document = overridden("data={path: Copa, name: a}", "data.name=b", "model=[a, b]", "model=c")
    assert document.data["data"] == {"path": "Copa", "name": "b"}
    assert document.data["model"] == "c"


@pytest.mark.parametrize("override", ["model", "=gpt2", "", ".=1", "a..b=1", "a.=1", " =1"])
def test_an_override_without_key_or_equals_sign_is_refused(override: str) -> None:
    with pytest.raises(ConfigError, match=r"an override has the form key\.path=value"):
        overridden(override)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.name=a", "command line: model.name: 'model' is not a mapping in copa.yaml"),
        ("hyperparameters.steps.x=1", "hyperparameters.steps.x: 'steps' is not a mapping"),
        ("model=[a, b", "command line:1:6: model: while parsing a flow sequence expected"),
        ("model='a", "command line:1:3: model: while scanning a quoted scalar"),
        ("model={a: 1, a: 2}", "command line:1:8: model.a: duplicate key"),
        ("model=[a] b", "command line:1:5: model: expected '<document start>'"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(override: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        overridden(override)
    assert words in str(caught.value)


def test_an_error_about_an_overridden_value_points_to_the_command_line() -> None:
    document = overridden("hyperparameters.steps=many", "data={mix: half}")
    assert str(document.error("no", ("hyperparameters", "steps"))) == (
        "command line: hyperparameters.steps: no"
    )
    assert str(document.error("no", ("data", "path"))) == "command line: data.path: no"
    above = overridden("data.mix.x=1").error("no", ("data", "mix"))
    assert str(above) == "command line: data.mix: no"
    assert str(document.error("no", ("hyperparameters", "learning_rate"))).startswith(
        "copa.yaml:3:3: hyperparameters.learning_rate: no"
    )


def test_a_list_item_is_addressed_by_its_index() -> None:
    document = parse_yaml("steps: [{tokenize: {eod: 1}}, pack]")
    apply_overrides(document, ["steps.0.tokenize.eod=2", "steps.1=pad"])
    assert document.data == {"steps": [{"tokenize": {"eod": 2}}, "pad"]}


@pytest.mark.parametrize("index", ["2", "-1", "tokenize"])
def test_an_index_out_of_range_is_refused(index: str) -> None:
    document = parse_yaml("steps: [a, b]")
    with pytest.raises(ConfigError, match=rf"the list has no item '{index}'; its items are 0 to 1"):
        apply_overrides(document, [f"steps.{index}=c"])


def test_a_name_without_settings_in_a_list_gets_settings() -> None:
    document = parse_yaml("steps: [tokenize, pad]")
    apply_overrides(document, ["steps.1.pad.to=8"])
    assert document.data == {"steps": ["tokenize", {"pad": {"to": 8}}]}
