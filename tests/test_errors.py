"""Errors name their location and a fix, have an exit code, and can be pickled."""

from __future__ import annotations

import pickle

import pytest

from penstock.errors import (
    ConfigError,
    ConflictError,
    DataError,
    MissingExtraError,
    PenstockError,
    did_you_mean,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError("bad"), "bad"),
        (ConfigError("bad", file="a.yaml"), "a.yaml: bad"),
        (ConfigError("bad", file="a.yaml", line=2), "a.yaml:2: bad"),
        (ConfigError("bad", file="a.yaml", line=2, column=5, field="x.y"), "a.yaml:2:5: x.y: bad"),
        (ConfigError("bad", field="x"), "x: bad"),
        (
            ConfigError("bad", file="a.yaml", line=2, column=3, source="a: b  \n"),
            "a.yaml:2:3: bad\n    a: b\n      ^",
        ),
        (ConfigError("bad", file="a.yaml", source="a: b"), "a.yaml: bad"),
        (DataError("is null", file="a.jsonl"), "a.jsonl: is null"),
        (DataError("is null", file="a.jsonl", line=7), "a.jsonl:7: is null"),
        (
            MissingExtraError("altair", "report", "the HTML report"),
            "the HTML report needs 'altair': pip install 'penstock[report]'",
        ),
    ],
)
def test_an_error_starts_with_its_location(error: PenstockError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("a"),
        DataError("a", file="f"),
        ConflictError("a"),
        MissingExtraError("a", "b", "c"),
    ],
)
def test_errors_of_the_user_have_exit_code_2(error: PenstockError) -> None:
    assert isinstance(error, PenstockError)
    assert error.exit_code == 2


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("bad", file="a.yaml", line=2, column=3, field="x", source="a: b"),
        DataError("is null", file="a.jsonl", line=7),
        ConflictError("in the way"),
        MissingExtraError("altair", "report", "the HTML report"),
    ],
)
def test_errors_survive_pickling(error: PenstockError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_the_most_similar_known_word_is_suggested() -> None:
    known = ["learning_rate", "batch_size"]
    assert did_you_mean("learning_rat", known) == "; did you mean 'learning_rate'?"
    assert did_you_mean("colour", known) == ""
    assert did_you_mean("anything", []) == ""
