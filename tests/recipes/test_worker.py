"""Tasks of a build in a process that does not share the memory of the one that plans it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import StepError
from penstock.executors import Executor
from penstock.recipes import execute, load_recipe, worker
from penstock.steps import STEPS


class OtherProcess(Executor):
    """Runs tasks with a memory of its own, which outlives a build; all values are pickled."""

    def map(
        self, function: Callable[[Any], Any], items: Sequence[Any]
    ) -> Generator[tuple[Any, Any], None, None]:
        for item in items:
            with _own_memory():
                result = copy(copy(function)(copy(item)))
            yield item, result


def copy(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


REMOTE: dict[Any, Any] = {}


@contextmanager
def _own_memory() -> Iterator[None]:
    local = dict(worker._CONTEXTS)
    worker._CONTEXTS.clear()
    worker._CONTEXTS.update(REMOTE)
    try:
        yield
    finally:
        REMOTE.update(worker._CONTEXTS)
        worker._CONTEXTS.clear()
        worker._CONTEXTS.update(local)


def test_a_worker_that_outlives_a_build_writes_the_next_output_of_the_same_recipe(
    recipe: Callable[..., Path], tmp_path: Path
) -> None:
    steps = [{"filter": {"min_characters": 2}}, "shuffle"]
    path = recipe(steps=steps, format="jsonl")
    first, second = (
        execute(load_recipe(path, [f"output={tmp_path / name}"]), OtherProcess())
        for name in ("a", "b")
    )
    assert first.path != second.path
    assert first.manifest.content_hash == second.manifest.content_hash
    second.manifest.require_unchanged(second.path)


def test_an_error_of_a_step_in_another_process_has_its_location_in_the_recipe(
    recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StepError("too much; lower {setting}", setting="min_characters")

    path = recipe(steps=[{"filter": {"min_characters": 2}}], format="jsonl")
    monkeypatch.setattr(STEPS.get("filter"), "apply", fail)
    with pytest.raises(StepError, match="lower `min_characters`") as caught:
        execute(load_recipe(path), OtherProcess())
    error = copy(caught.value)
    assert (error.file, error.step, error.setting) == (path, "filter", "min_characters")
    assert error.source is not None
    assert "min_characters" in error.source
    assert str(error) == str(caught.value)
