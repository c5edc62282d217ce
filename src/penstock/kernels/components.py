"""Train, validation and test by connected components of shared sentences, over arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from penstock.kernels.splitmix import keyed_hash

_TRAIN, _VALIDATION, _TEST = 0, 1, 2


@dataclass(frozen=True)
class Division:
    """The split of each row (int8, -1: dropped), the number of components, the largest's rows."""

    split: NDArray[np.int8]
    components: int
    largest: int


def divide(
    sentences: NDArray[np.uint64],
    given: NDArray[np.int8],
    shares: tuple[float, float],
    *,
    seed: int,
    drop_components: bool,
) -> Division:
    """Return the split of each row, so that no sentence is in two splits.

    `sentences` (rows, fields) has the hashes of each row, `given` (int8) the split that a row must
    have, -1 for none. `shares` are those of validation and test in the rest. `drop_components`
    drops all rows connected to a given split that are not of it; otherwise rows that share a
    sentence with it are dropped first, and the components are those of the remaining rows.
    """
    distinct, numbers = np.unique(sentences, return_inverse=True)
    numbers = numbers.reshape(sentences.shape)
    stay = np.arange(len(given))
    if not drop_components:
        stay = np.flatnonzero(~_conflicting(numbers, given, len(distinct)))
        numbers, given = numbers[stay], given[stay]
    component, sizes = _components(numbers, len(distinct))
    top = np.full(len(sizes), -1, np.int8)
    np.maximum.at(top, component, given)
    leave = (top[component] > _TRAIN) & (given != top[component])
    least = np.full(len(sizes), len(distinct))
    np.minimum.at(least, component, numbers.min(axis=1))
    drawn = np.flatnonzero(top < _TRAIN)
    drawn = drawn[np.argsort(keyed_hash(distinct[least[drawn]], seed, "components"))]
    top[drawn] = _fill(sizes[drawn], *shares)
    split = np.full(len(sentences), -1, np.int8)
    split[stay] = np.where(leave, -1, top[component])
    return Division(split, len(sizes), int(sizes.max(initial=0)))


def _conflicting(
    numbers: NDArray[np.int64], given: NDArray[np.int8], distinct: int
) -> NDArray[np.bool_]:
    """Return a mask of the rows with a sentence of a given split that has precedence."""
    shares = np.zeros(len(given), np.bool_)
    for code in (_TEST, _VALIDATION):
        held = np.zeros(distinct, np.bool_)
        held[numbers[(given == code) & ~shares]] = True
        shares |= (given < code) & held[numbers].any(axis=1)
    return shares


def _components(
    numbers: NDArray[np.int64], distinct: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the component of each row (from 0) and the number of rows of each component."""
    # An edge from the first sentence of each row to each of its others.
    first = np.repeat(numbers[:, 0], numbers.shape[1] - 1)
    joins = np.ones(len(first), np.bool_)
    graph = coo_array((joins, (first, numbers[:, 1:].ravel())), shape=(distinct, distinct))
    _, label = connected_components(graph.tocsr(), directed=False)
    rows = np.bincount(label[numbers[:, 0]])
    number = np.cumsum(rows > 0) - 1
    return number[label[numbers[:, 0]]], rows[rows > 0]


def _fill(sizes: NDArray[np.int64], validation: float, test: float) -> NDArray[np.int8]:
    """Return the split of each component: the first of test and validation that has space."""
    total = int(sizes.sum())
    missing = {_TEST: round(test * total), _VALIDATION: round(validation * total)}
    split = np.zeros(len(sizes), np.int8)
    for index, size in enumerate(sizes.tolist()):
        for code, rows in missing.items():
            if size <= rows:
                split[index] = code
                missing[code] = rows - size
                break
        else:
            if not any(missing.values()):
                break
    return split
