"""Why a training cannot go on."""

from __future__ import annotations

from penstock.runs import FailureKind
from penstock.runs.carrying import RunFailedError


class NotFiniteError(RunFailedError):
    """A loss or a gradient is NaN or infinite: going on would train on nothing."""

    def __init__(self, message: str) -> None:
        super().__init__(message, FailureKind.NOT_FINITE)
