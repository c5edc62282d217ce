"""How much memory a run has taken."""

from __future__ import annotations

import resource
import sys


def peak_resident(of: int = resource.RUSAGE_SELF) -> int:
    """Return the most resident bytes that this process, or with RUSAGE_CHILDREN one of it, held."""
    peak = resource.getrusage(of).ru_maxrss
    # Bytes there, kibibytes elsewhere.
    return peak if sys.platform == "darwin" else peak * 1024
