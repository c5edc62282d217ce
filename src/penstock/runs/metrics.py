"""What the scores of runs mean: whether more or less of a metric is better."""

from __future__ import annotations

#: Every other metric is a share, from 0 to 1, of which more is better.
_LESS_IS_BETTER = frozenset({"loss", "perplexity"})


def less_is_better(metric: str) -> bool:
    """Say whether a lower score is the better one; such scores have no upper end."""
    return metric in _LESS_IS_BETTER


def merit(metric: str, score: float) -> float:
    """Return a number that is higher for the better score of a metric."""
    return -score if less_is_better(metric) else score
