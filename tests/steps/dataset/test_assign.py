"""The step `assign`: whole sources are given to splits."""

from __future__ import annotations

import pytest

from helpers.step_batches import context, order_of
from penstock.errors import ConfigError
from penstock.steps import STEPS, StepPosition

NAMES = ("train_file", "dev", "held")


def test_each_source_gets_its_split_and_others_are_train() -> None:
    order = order_of([[1]] * 5, source=[2, 0, 1, 0, 2])
    given = context(source_names=NAMES)
    step = STEPS.get("assign").model_validate({"sources": {"dev": "validation", "held": "test"}})
    divided = step.reorder(order, given)
    assert divided.columns["split"].tolist() == [2, 0, 1, 0, 2]
    assert divided.columns["split"].dtype == "uint8"
    assert given.report.noted == {"train": 2, "validation": 1, "test": 2}


def test_unknown_sources_and_second_divisions_are_refused() -> None:
    step = STEPS.get("assign").model_validate({"sources": {"deb": "test"}})
    with pytest.raises(ConfigError, match="there is no source 'deb'; did you mean 'dev'"):
        step.verify(StepPosition([], [], NAMES))
    step = STEPS.get("assign").model_validate({"sources": {"dev": "test"}})
    partition = STEPS.get("partition").model_validate({"key": "id", "test": 0.1})
    with pytest.raises(ConfigError, match="an earlier step divides the rows into splits"):
        step.verify(StepPosition([partition], [], NAMES))
