"""`pack` and TRL's `pack_dataset`: equal numbers of rows and equal tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.step_batches import context
from penstock.steps import STEPS, Order

trl = pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")

CONTEXT = 512


def documents(count: int, seed: int) -> list[NDArray[np.int32]]:
    """Return documents of log-normal lengths up to the context; every token has a unique id."""
    drawn = np.random.default_rng(seed).lognormal(np.log(120), 1, count)
    ends = np.cumsum(np.clip(drawn, 1, CONTEXT).astype(np.int64))
    return np.split(np.arange(ends[-1], dtype=np.int32), ends[:-1])


def packed_by_us(given: list[NDArray[np.int32]], window: int) -> list[list[int]]:
    """Return the ids of each row."""
    lengths = np.array([len(document) for document in given], np.int32)
    order = Order(
        starts=np.cumsum(lengths, dtype=np.int64) - lengths,
        lengths=lengths,
        first=np.arange(len(given) + 1),
    )
    step = STEPS.get("pack").model_validate({"context": CONTEXT, "window": window})
    packed = step.reorder(order, context())
    ids = np.concatenate(given)
    segments = [
        ids[start : start + length]
        for start, length in zip(packed.starts, packed.lengths, strict=True)
    ]
    return [
        np.concatenate(segments[a:b]).tolist()
        for a, b in zip(packed.first[:-1], packed.first[1:], strict=True)
    ]


def packed_by_trl(
    given: list[NDArray[np.int32]], window: int, strategy: str, cache: Path
) -> list[list[int]]:
    """Return the ids of each row; TRL's window is the batch of `Dataset.map`."""
    dataset = datasets.Dataset.from_dict({"input_ids": given})
    options = {"batch_size": window, "cache_file_name": str(cache / f"{strategy}{window}.arrow")}
    packed = trl.pack_dataset(dataset, CONTEXT, strategy=strategy, map_kwargs=options)
    rows: list[list[int]] = packed["input_ids"][:]
    return rows


@pytest.mark.parametrize("window", [1, 50, 1000, 5000])
@pytest.mark.parametrize("strategy", ["bfd", "bfd_split"])
def test_both_pack_the_same_documents_into_as_many_rows(
    tmp_path: Path, window: int, strategy: str
) -> None:
    given = documents(5000, seed=window)
    ours = packed_by_us(given, window)
    peer = packed_by_trl(given, window, strategy, tmp_path)
    assert len(ours) == len(peer)
    assert sorted(map(len, ours)) == sorted(map(len, peer))
    assert sorted(id_ for row in ours for id_ in row) == sorted(id_ for row in peer for id_ in row)
