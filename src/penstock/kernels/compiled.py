"""Compilation of loops with numba, which is slow to import: only their modules import this."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile a function over arrays and numbers at its first call, and keep the result on disk.

    It runs without the GIL. Overflow wraps; indices are not checked.
    """
    return numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
