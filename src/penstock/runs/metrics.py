"""What the scores of runs mean: whether more or less of a metric is better."""

from __future__ import annotations

import math

#: Every other metric is a share, from 0 to 1, of which more is better.
_LESS_IS_BETTER = frozenset({"loss", "perplexity"})
#: exp of more than this is no float.
_LARGEST_EXPONENT = 709.0


def less_is_better(metric: str) -> bool:
    """Say whether a lower score is the better one; such scores have no upper end."""
    return metric in _LESS_IS_BETTER


def merit(metric: str, score: float) -> float:
    """Return a number that is higher for the better score of a metric."""
    return -score if less_is_better(metric) else score


def perplexity(loss: float) -> float:
    """Return exp of a loss in nats, or the largest power of e that is a float."""
    return math.exp(min(loss, _LARGEST_EXPONENT))
