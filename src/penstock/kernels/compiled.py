"""Hot loops as machine code. Only modules that hold one import this: numba takes its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile a function over arrays and numbers at its first call, and keep the result on disk.

    It runs without the GIL. Overflow wraps, and indices are not checked: the caller does.
    """
    return numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
