"""Whether a score is more than guessing."""

from __future__ import annotations

import math

#: A score this unlikely under guessing is called above chance.
SIGNIFICANCE = 0.01


def p_value(score: float, rows: int, chance: float) -> float:
    """Return the probability that guessing gets at least as many rows right: the binomial tail.

    `score` is the share of `rows` that is right, from 0 to 1, and `chance` the probability that a
    guess is. A share between two counts, as a mean over seeds can be, is taken as the lower one.
    """
    right = math.floor(score * rows + 1e-6)
    if right == 0 or chance >= 1:
        return 1.0
    if chance <= 0:
        return 0.0
    log_chance, log_rest = math.log(chance), math.log1p(-chance)
    terms = (
        math.exp(_log_choose(rows, k) + k * log_chance + (rows - k) * log_rest)
        for k in range(right, rows + 1)
    )
    return min(1.0, math.fsum(terms))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
