"""What many measured values come to: mean, quantiles, histogram; over arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: An edit distance of 1, as it stands in a column of integers.
WHOLE = 10_000
#: How wide the bins of edit distances are.
EDIT_BIN = 0.05
#: Lengths of fewer bits have a bin each; from there on each doubling has eight bins.
_DOUBLED = 4
#: Up to this value, counting each value is faster than sorting them.
_COUNTED = 1 << 20


def lengths_described(lengths: NDArray[Any]) -> dict[str, Any]:
    """Return mean, median, p95, max and histogram of lengths; there must be one.

    Bins are one wide up to 16, then there are eight to each doubling; the histogram has the count
    of each that is not empty under its lower edge, as JSON wants it: a text.
    """
    distinct, counts = _distinct(lengths)
    shift = np.maximum(np.frexp(distinct)[1] - _DOUBLED, 0)  # from the number of bits
    bins = distinct >> shift << shift
    return {
        "mean": round(_mean(distinct, counts), 2),
        "median": int(_quantile(distinct, counts, 0.5)),
        "p95": int(_quantile(distinct, counts, 0.95)),
        "max": int(distinct[-1]),
        "histogram": {str(edge): count for edge, count in _summed(bins, counts)},
    }


def edits_described(edits: NDArray[Any]) -> dict[str, Any]:
    """Return the same of edit distances, given in units of 1 / WHOLE, as shares.

    Bins are 0.05 wide, and 1 is in the last.
    """
    distinct, counts = _distinct(edits)
    width = round(EDIT_BIN * WHOLE)
    bins = np.minimum(distinct, WHOLE - 1) // width * width
    return {
        "mean": round(_mean(distinct, counts) / WHOLE, 4),
        "median": _quantile(distinct, counts, 0.5) / WHOLE,
        "p95": _quantile(distinct, counts, 0.95) / WHOLE,
        "max": int(distinct[-1]) / WHOLE,
        "histogram": {f"{edge / WHOLE:.2f}": count for edge, count in _summed(bins, counts)},
    }


def histogram_bins(histogram: Mapping[str, int]) -> list[tuple[float, float, int]]:
    """Return each bin of a histogram that has a row: its lower and upper edge, and its rows."""
    return [
        (float(edge), round(float(edge) + EDIT_BIN, 2), count)
        if "." in edge
        else (int(edge), _length_end(int(edge)), count)
        for edge, count in histogram.items()
    ]


def _length_end(edge: int) -> int:
    """Return the upper edge of a bin of lengths."""
    return edge + (1 << max(edge.bit_length() - _DOUBLED, 0))


def _distinct(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the values that there are, rising, and how often each is."""
    if values.max() < _COUNTED:
        counts = np.bincount(values)
        distinct = np.flatnonzero(counts)
        return distinct, counts[distinct]
    distinct, counts = np.unique(values, return_counts=True)
    return distinct.astype(np.int64), counts


def _mean(distinct: NDArray[np.int64], counts: NDArray[np.int64]) -> float:
    return int((distinct * counts).sum()) / int(counts.sum())


def _quantile(distinct: NDArray[np.int64], counts: NDArray[np.int64], share: float) -> int:
    """Return the least value that at least such a share of all does not exceed."""
    reached = np.cumsum(counts)
    return int(distinct[np.searchsorted(reached, np.ceil(share * reached[-1]))])


def _summed(bins: NDArray[np.int64], counts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return each bin, rising, with the sum of its counts."""
    edges, first = np.unique(bins, return_index=True)
    return list(zip(edges.tolist(), np.add.reduceat(counts, first).tolist(), strict=True))
