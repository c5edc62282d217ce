"""Why a training cannot go on."""

from __future__ import annotations

from penstock.errors import PenstockError


class NotFiniteError(PenstockError):
    """A loss or a gradient is NaN or infinite: going on would train on nothing."""
