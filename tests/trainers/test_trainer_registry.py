"""The trainers by name, and the capabilities that one may lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock.trainers import TRAINERS, config_checkers, export, install, runner, trainers


def test_every_trainer_has_the_name_of_its_module() -> None:
    assert {"llamafactory", "maxtext", "penstock"} <= {trainer.name for trainer in trainers()}
    assert [trainer.name for trainer in trainers()] == TRAINERS.names()


def test_a_trainer_that_runs_nothing_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"'maxtext' runs no .*: llamafactory, penstock"):
        runner("maxtext")


def test_a_trainer_without_export_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ConfigError, match=r"'penstock' needs no export; .*: llamafactory, maxtext"):
        export("penstock", Path("d"))


def test_a_trainer_without_environment_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ConfigError, match=r"'maxtext' has no environment .*: llamafactory"):
        install("maxtext")


def test_an_unknown_trainer_has_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="no trainer 'lamafactory'; did you mean 'llamafactory'"):
        install("lamafactory")


def test_checkers_are_found_by_the_format_that_they_read() -> None:
    assert [checker.format for checker in config_checkers("chat")] == ["chat"]
    assert config_checkers("megatron") == []
