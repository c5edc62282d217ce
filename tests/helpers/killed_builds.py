"""Build a dataset again and again, each time killed one change of the disk later, and go on.

    killed_builds.py RECIPE ROOT [KEY.PATH=VALUE]...

Build number N goes to ROOT/N/dataset. It is killed at its N-th change of the disk; what stands
there then is listed in ROOT/N/killed.json; then the same build is carried out to its end. The last
one is not killed.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path

from helpers.killing import kill_at_change
from penstock.recipes import build


def built(recipe: Path, overrides: list[str], number: int | None) -> bool:
    """Build in a child that is killed at its `number`-th change; return whether it lived."""
    child = os.fork()
    if child == 0:
        if number is not None:
            kill_at_change(number)
        build(recipe, overrides, workers=1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def main(recipe: Path, root: Path, *overrides: str) -> None:
    for number in itertools.count(1):
        place = root / str(number)
        place.mkdir(parents=True)
        given = [f"output={place / 'dataset'}", *overrides]
        lived = built(recipe, given, number)
        standing = sorted(path.name for path in place.iterdir() if path.name[0] != ".")
        (place / "killed.json").write_text(json.dumps(standing))
        if not lived and not built(recipe, given, None):
            sys.exit(f"the build that was killed at change {number} does not go on")
        if lived:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
