"""A working directory with input for every command that reads."""

from __future__ import annotations

import pytest

from helpers.cli_world import World
from helpers.composed_runs import ComposedRuns, used, write_copa
from penstock.migration import migrate


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Runs that are done and one that failed, on migrated data, and a broken dataset."""
    path = tmp_path_factory.mktemp("world")
    write_copa(path / "old" / "Copa")
    write_copa(path / "old" / "Copa" / "mezo_gpt" / "version_2", word="hail")
    migrate(path / "old", path / "data")
    broken = write_copa(path / "broken" / "Copa")
    with (broken / "copa_train.jsonl").open("a") as file:
        file.write('{"premise": "It, \\"came\\"", "idx": 5\n')
    runs = ComposedRuns(path / "Results", path / "data" / "Copa")
    first = runs.add(method="zo", rate=1e-6, dev=0.6, score=0.625, losses=[0.9, 0.8])
    runs.add(method="zo", rate=1e-5, dev=0.5, score=0.75)
    for seed, score in enumerate((0.75, 0.875)):
        runs.add(method="fo_lora", rate=1e-4, seed=seed, score=score, lora_rank=8)
    runs.fail('it broke, "badly"', method="fo_full", rate=1e-3)
    runs.add(purpose="ablation", datasets=[used(runs.data)], seed=3)
    return World(path, first)
