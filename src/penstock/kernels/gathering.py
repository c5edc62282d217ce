"""Copy token segments from one array to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled


@compiled
def copy_segments(
    ids: NDArray[Any],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int32],
    targets: NDArray[np.int64],
    chosen: NDArray[np.int64],
    gathered: NDArray[Any],
) -> None:
    """Copy the segments with the indices `chosen` from `ids` to `targets` in `gathered`."""
    for segment in chosen:
        source, target = starts[segment], targets[segment]
        for offset in range(lengths[segment]):
            gathered[target + offset] = ids[source + offset]
