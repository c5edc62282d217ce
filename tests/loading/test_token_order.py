"""The order of samples: shuffled per epoch, divided among ranks, resumable."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.token_pairs import write_flat
from penstock.errors import ConfigError, DataError
from penstock.loading import TokenDataset
from penstock.loading.order import Permutation


def order(dataset: TokenDataset) -> list[int]:
    """Return the number of each sample: its first token divided by the length."""
    return [int(sample["input_ids"][0]) // dataset.seq_length for sample in dataset]


@given(st.integers(1, 3000), st.integers(0, 2**64), st.integers(0, 1000))
def test_a_permutation_has_every_number_once(size: int, seed: int, epoch: int) -> None:
    numbers = Permutation(size, seed, epoch)(np.arange(size))
    assert (np.sort(numbers) == np.arange(size)).all()


@given(st.integers(1, 2**40), st.data())
def test_any_position_of_a_permutation_can_be_computed(size: int, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20, unique=True))
    numbers = Permutation(size, 1, 2)(np.array(places))
    assert ((numbers >= 0) & (numbers < size)).all()
    assert len(set(numbers.tolist())) == len(places)
    assert Permutation(size, 1, 2)(np.array(places[:1]))[0] == numbers[0]


def test_a_permutation_looks_random() -> None:
    size = 100_000
    numbers = Permutation(size, 0, 0)(np.arange(size))
    assert abs(np.corrcoef(np.arange(size), numbers)[0, 1]) < 0.02
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02
    assert (np.abs(np.diff(numbers)) == 1).sum() < 20
    other = Permutation(size, 0, 1)(np.arange(size))
    assert (numbers == other).sum() < 20


def test_the_order_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert Permutation(10, 0, 0)(np.arange(10)).tolist() == [7, 6, 1, 2, 4, 8, 3, 9, 0, 5]
    assert Permutation(10, 0, 1)(np.arange(10)).tolist() == [5, 8, 9, 0, 7, 4, 6, 1, 3, 2]
    far = Permutation(10**12, 7, 3)(np.array([0, 1, 10**12 - 1]))
    assert far.tolist() == [721220016319, 108216365311, 58733697725]


def test_each_epoch_has_its_own_order_and_all_samples(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 20_000), 8, shuffle=True, seed=5)
    first = order(dataset)
    assert sorted(first) == list(range(2500))
    assert order(dataset) == first
    dataset.set_epoch(1)
    second = order(dataset)
    assert sorted(second) == sorted(first)
    assert second != first
    dataset.set_epoch(0)
    assert order(dataset) == first
    assert order(TokenDataset(tmp_path / "a", 8, shuffle=True, seed=6)) != first
    assert order(TokenDataset(tmp_path / "a", 8)) == list(range(2500))


@given(st.integers(1, 60), st.integers(1, 7), st.booleans())
def test_ranks_read_disjoint_samples_and_equally_many(
    tmp_path_factory: pytest.TempPathFactory, samples: int, world_size: int, shuffle: bool
) -> None:
    prefix = write_flat(tmp_path_factory.mktemp("any") / "a", samples * 3)
    ranks = range(world_size)
    if samples < world_size:
        with pytest.raises(DataError, match="not one for each of"):
            TokenDataset(prefix, 3, rank=0, world_size=world_size)
        return
    datasets = [
        TokenDataset(prefix, 3, rank=r, world_size=world_size, shuffle=shuffle) for r in ranks
    ]
    orders = [order(dataset) for dataset in datasets]
    assert {len(numbers) for numbers in orders} == {samples // world_size}
    read = [number for numbers in orders for number in numbers]
    assert len(set(read)) == len(read) == samples - datasets[0].remainder
    # The samples of all ranks in one step are consecutive in the order of a single rank.
    single = order(TokenDataset(prefix, 3, shuffle=shuffle))
    assert [number for step in zip(*orders, strict=True) for number in step] == single[: len(read)]


def test_ranks_of_the_environment_are_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = write_flat(tmp_path / "a", 64)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(ConfigError, match=r"this is rank 1 of 4 .*give rank= and world_size="):
        TokenDataset(prefix, 8)
    assert len(TokenDataset(prefix, 8, world_size=1)) == 8
    assert order(TokenDataset(prefix, 8, rank=1, world_size=4)) == [1, 5]
    monkeypatch.delenv("WORLD_SIZE")
    with pytest.raises(ConfigError, match="rank and world_size go together"):
        TokenDataset(prefix, 8, rank=1)
    with pytest.raises(ConfigError, match="rank 4 is not one of 4"):
        TokenDataset(prefix, 8, rank=4, world_size=4)


def test_a_saved_position_is_resumed(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", 800)
    dataset = TokenDataset(prefix, 8, shuffle=True)
    dataset.set_epoch(3)
    full = order(dataset)
    samples = iter(dataset)
    for _ in range(30):
        next(samples)
    state = json.loads(json.dumps(dataset.state_dict()))
    resumed = TokenDataset(prefix, 8, shuffle=True)
    resumed.load_state_dict(state)
    assert (resumed.epoch, len(resumed)) == (3, 70)
    assert order(resumed) == full[30:]
    assert resumed[0]["input_ids"][0] == full[30] * 8
    resumed.set_epoch(3)
    assert len(resumed) == 70
    resumed.set_epoch(4)
    assert len(resumed) == 100
    assert resumed.state_dict()["samples"] == 0


def test_a_loader_passes_the_number_of_samples_read(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 800), 8)
    dataset.load_state_dict(dataset.state_dict(taken=12))
    assert order(dataset)[0] == 12


def test_another_number_of_ranks_resumes_the_same_order(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", 960)
    state = TokenDataset(prefix, 8, shuffle=True, rank=0, world_size=4).state_dict(taken=9)
    single = order(TokenDataset(prefix, 8, shuffle=True))
    orders = []
    for rank in range(2):
        dataset = TokenDataset(prefix, 8, shuffle=True, rank=rank, world_size=2)
        dataset.load_state_dict(state)
        orders.append(order(dataset))
    assert [number for step in zip(*orders, strict=True) for number in step] == single[36:]
    five = TokenDataset(prefix, 8, shuffle=True, rank=0, world_size=5)
    with pytest.raises(ConfigError, match="36 samples were read, which 5 ranks cannot have read"):
        five.load_state_dict(state)


def test_a_state_of_other_data_or_settings_is_refused(tmp_path: Path) -> None:
    prefix = write_flat(tmp_path / "a", 800)
    state = TokenDataset(prefix, 8).state_dict()
    with pytest.raises(ConfigError, match="seq_length: the saved state has 8, and this dataset 4"):
        TokenDataset(prefix, 4).load_state_dict(state)
    with pytest.raises(ConfigError, match="shuffle: the saved state has False"):
        TokenDataset(prefix, 8, shuffle=True).load_state_dict(state)
    # Overwritten with one changed token.
    content = bytearray(prefix.with_suffix(".bin").read_bytes())
    content[900] ^= 1
    prefix.with_suffix(".bin").write_bytes(content)
    rewritten = TokenDataset(prefix, 8)
    assert rewritten.batch(range(100))["input_ids"].reshape(-1)[450] == 451
    with pytest.raises(ConfigError, match=r"the saved state is of other data than .*/a"):
        rewritten.load_state_dict(state)


def test_a_copy_has_the_position_of_the_dataset_and_moves_independently(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 800), 8, shuffle=True)
    dataset.load_state_dict(dataset.state_dict(taken=10))
    for copied in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
        assert order(copied) == order(dataset)
        copied.set_epoch(1)
        assert (copied.epoch, dataset.epoch) == (1, 0)
