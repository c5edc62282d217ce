"""Start-up time of `penstock --help`, compared with a Python process that does nothing.

The commands alternate, so that other load affects all of them. Wall-clock time of complete
processes, with the files cached.

    python benchmarks/startup.py [--rounds 20]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from statistics import median

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import penstock'": ["-c", "import penstock"],
    "penstock --help": ["-m", "penstock", "--help"],
    "penstock check --help": ["-m", "penstock", "check", "--help"],
}


def seconds(arguments: list[str]) -> float:
    """Return the wall-clock time of one Python process."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        check=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for arguments in COMMANDS.values():
        seconds(arguments)  # fills caches
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    medians = {name: median(values) for name, values in times.items()}
    baseline = medians["python -c pass"]
    print(f"{'command':30}{'median s':>10}{'ratio':>8}   ({rounds} rounds)")
    for name, value in medians.items():
        print(f"{name:30}{value:10.3f}{value / baseline:8.1f}")


if __name__ == "__main__":
    main()
