"""Mean, quantiles and histogram of many lengths or edit distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: An edit distance of 1 in the integer units that steps store.
EDIT_UNITS = 10_000
#: The width of the bins of edit distances.
EDIT_BIN = 0.05
#: Lengths of fewer bits have one bin each; above, each doubling has eight bins.
_DOUBLED = 4
#: Below this maximum, counting each value is faster than sorting.
_COUNTED = 1 << 20


def summarize_lengths(lengths: NDArray[Any]) -> dict[str, Any]:
    """Return mean, median, p95, max and histogram of lengths (not empty).

    Bins are one wide up to 16, then eight per doubling; the histogram maps the lower edge of each
    non-empty bin (a string, as in JSON) to its count.
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


def summarize_edits(edits: NDArray[Any]) -> dict[str, Any]:
    """Return the same for edit distances in units of 1 / EDIT_UNITS, as shares.

    Bins are 0.05 wide; 1 is in the last one.
    """
    distinct, counts = _distinct(edits)
    width = round(EDIT_BIN * EDIT_UNITS)
    bins = np.minimum(distinct, EDIT_UNITS - 1) // width * width
    return {
        "mean": round(_mean(distinct, counts) / EDIT_UNITS, 4),
        "median": _quantile(distinct, counts, 0.5) / EDIT_UNITS,
        "p95": _quantile(distinct, counts, 0.95) / EDIT_UNITS,
        "max": int(distinct[-1]) / EDIT_UNITS,
        "histogram": {f"{edge / EDIT_UNITS:.2f}": count for edge, count in _summed(bins, counts)},
    }


def histogram_bins(histogram: Mapping[str, int]) -> list[tuple[float, float, int]]:
    """Return lower edge, upper edge and count of each non-empty bin of a histogram."""
    return [
        (float(edge), round(float(edge) + EDIT_BIN, 2), count)
        if "." in edge
        else (int(edge), _length_end(int(edge)), count)
        for edge, count in histogram.items()
    ]


def _length_end(edge: int) -> int:
    return edge + (1 << max(edge.bit_length() - _DOUBLED, 0))


def _distinct(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct values in ascending order, and their counts."""
    if values.max() < _COUNTED:
        counts = np.bincount(values)
        distinct = np.flatnonzero(counts)
        return distinct, counts[distinct]
    distinct, counts = np.unique(values, return_counts=True)
    return distinct.astype(np.int64), counts


def _mean(distinct: NDArray[np.int64], counts: NDArray[np.int64]) -> float:
    return int((distinct * counts).sum()) / int(counts.sum())


def _quantile(distinct: NDArray[np.int64], counts: NDArray[np.int64], share: float) -> int:
    """Return the smallest value that at least this share of all values does not exceed."""
    reached = np.cumsum(counts)
    return int(distinct[np.searchsorted(reached, np.ceil(share * reached[-1]))])


def _summed(bins: NDArray[np.int64], counts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the bins in ascending order, each with the sum of its counts."""
    edges, first = np.unique(bins, return_index=True)
    return list(zip(edges.tolist(), np.add.reduceat(counts, first).tolist(), strict=True))
