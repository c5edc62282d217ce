"""Parallel efficiency of `penstock tokenize`: two workers and one, on the same input.

The commands alternate and must write the same files. Efficiency is the time of one worker divided
by n times the time of n workers: 1 means n times as fast. It is printed for complete processes, and
without start-up (the time of the same command on one short document), in which one process loads
Python and the tokenizer and compares two engines whatever the number of workers.

The machine's own efficiency is printed for comparison: that of an arithmetic loop, measured between
the rounds. It is 1 if the cores are physical and idle. The overhead of the workers is the time of
`LocalExecutor` on trivial items.

    python benchmarks/workers.py --data DATA --tokenizer DIR [--megabytes 500] [--workers 2]
        [--rounds 5]
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tokenize_jsonl import read_texts, same_files, varied, write_jsonl

from penstock.executors import LocalExecutor


def tokenize(source: Path, tokenizer: Path, prefix: Path, workers: int) -> tuple[float, float]:
    """Run `penstock tokenize`; return its wall-clock and CPU seconds."""
    for old in prefix.parent.glob(f"{prefix.name}_*"):
        old.unlink()
    command = [sys.executable, "-m", "penstock", "tokenize", str(source), "--append-eod"]
    command += ["--tokenizer", str(tokenizer), "--output-prefix", str(prefix), "--quiet"]
    start, cpu_start = time.perf_counter(), cpu_of_children()
    subprocess.run(
        [*command, "--workers", str(workers)],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
    )
    return time.perf_counter() - start, cpu_of_children() - cpu_start


def cpu_of_children() -> float:
    """Return the CPU seconds of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def loop(number: int) -> int:
    """Keep a core busy for some tenths of a second."""
    return sum(range(20_000_000))


def seconds_of_loops(count: int) -> float:
    """Return the time of `count` loops on `count` workers."""
    start = time.perf_counter()
    list(LocalExecutor(workers=count).map(loop, range(count)))
    return time.perf_counter() - start


def milliseconds_to_start(workers: int) -> float:
    """Return the median time of workers with trivial items."""
    executor = LocalExecutor(workers=workers)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        list(executor.map(abs, range(workers)))
        times.append(time.perf_counter() - start)
    return 1000 * median(times)


def show(best: dict[tuple[str, int], tuple[float, float]], loops: dict[int, float]) -> None:
    """Print the best wall-clock and CPU seconds by input and workers, and the efficiencies."""
    one, many = loops
    print(f"{'workers':10}{'start-up s':>12}{'all s':>10}{'CPU s':>8}")
    for count in loops:
        seconds, cpu = best["all", count]
        print(f"{count:<10}{best['start-up', count][0]:12.2f}{seconds:10.2f}{cpu:8.2f}")
    total = {count: best["all", count][0] for count in loops}
    steady = {count: total[count] - best["start-up", count][0] for count in loops}
    print(f"efficiency {total[one] / total[many] / many:.2f}; ", end="")
    print(f"without start-up {steady[one] / steady[many] / many:.2f}; ", end="")
    print(f"of the machine {loops[one] / loops[many]:.2f}")


def main() -> int:
    """Print times and efficiencies; return 1 where the files differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    counts = (1, options.workers)
    start = milliseconds_to_start(options.workers)
    with TemporaryDirectory() as directory:
        home = Path(directory)
        sources = {"start-up": home / "small.jsonl", "all": home / "all.jsonl"}
        texts = read_texts(options.data)
        write_jsonl(sources["start-up"], varied(texts), 1)
        write_jsonl(sources["all"], varied(texts), options.megabytes * 1_000_000)
        best: dict[tuple[str, int], tuple[float, float]] = {}
        loops = dict.fromkeys(counts, math.inf)
        for _ in range(options.rounds):
            for count in counts:
                loops[count] = min(loops[count], seconds_of_loops(count))
            for part, source in sources.items():
                for count in counts:
                    times = tokenize(source, options.tokenizer, home / f"{part}{count}", count)
                    best[part, count] = min(best.get((part, count), times), times)
        same = same_files(home / "all1", home / f"all{options.workers}")
    print(f"{options.megabytes} MB, best of {options.rounds}; files {'same' if same else 'DIFFER'}")
    show(best, loops)
    print(f"{options.workers} workers start and end in {start:.1f} ms")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
