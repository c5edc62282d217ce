"""`penstock tokenize` against Megatron-LM's tools/preprocess_data.py, as complete processes.

Both write .bin and .idx for the same JSON Lines, with the same tokenizer and number of workers;
the files must be identical. The input consists of real documents (`*.jsonl` or `*.jsonl.gz` with a
field `text` in DATA), repeated as often as necessary, each time in another order and with each
document rotated at another word. Peak memory is the sum over all processes; shared memory counts
once.

With `--megatron`, a checkout, its own tools run (also preprocess_data_fast.py, if it has one);
otherwise `_preprocess_data.py` replaces the first.

    python benchmarks/tokenize_jsonl.py --data DATA --tokenizer DIR [--tokenizer DIR]
        [--megatron DIR] [--megabytes 176] [--workers 2] [--rounds 3]
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory

from penstock.tokenization import Tokenizer, load_tokenizer

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    """The cost of a process and its children: wall and CPU seconds, peak memory in MiB."""

    seconds: float
    cpu: float
    memory: float


def read_texts(data: Path) -> list[str]:
    """Return the texts of every JSON Lines file of a directory."""
    texts = []
    for path in sorted(data.glob("*.jsonl*")):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            texts += [json.loads(line)["text"] for line in lines]
    return texts


def varied(texts: list[str]) -> Iterator[str]:
    """Yield the texts repeatedly, each time in another order and rotated at another word."""
    for turn in itertools.count():
        generator = random.Random(turn)
        for text in generator.sample(texts, len(texts)):
            cut = text.find(" ", generator.randrange(len(text) + 1))
            yield text if turn == 0 or cut < 0 else f"{turn}.{text[cut:]}\n{text[:cut]}"


def write_jsonl(path: Path, texts: Iterator[str], size: int) -> int:
    """Write documents until the file has `size` bytes; return the number of documents."""
    count = written = 0
    with path.open("w", encoding="utf-8") as out:
        while written < size:
            row = {"id": count, "text": next(texts)}
            line = json.dumps(row, ensure_ascii=False)
            out.write(f"{line}\n")
            written += len(line.encode()) + 1
            count += 1
    return count


def measure(command: list[str], **environment: str) -> Run:
    """Run a command and measure it."""
    before = getrusage(RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    peaks = [0]
    watching = threading.Thread(target=watch, args=(process.pid, peaks), daemon=True)
    watching.start()
    _, errors = process.communicate()
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(command)}\n{errors.decode()[-2000:]}")
    after = getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, cpu, max(peaks) / 1024)


def watch(process: int, peaks: list[int]) -> None:
    """Append the memory (KiB) of a process and its descendants to `peaks` until it ends."""
    while (found := sum(map(proportional_memory, family(process)))) > 0:
        peaks.append(found)
        time.sleep(0.1)


def family(process: int) -> list[int]:
    """Return a process and its descendants."""
    found = [process]
    for member in found:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue  # it has ended
    return found


def proportional_memory(process: int) -> int:
    """Return the proportional set size of a process (KiB): shared pages count 1/n."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def penstock(source: Path, tokenizer: Path, prefix: Path, workers: int) -> Run:
    """Run `penstock tokenize`."""
    command = [sys.executable, "-m", "penstock", "tokenize", str(source), "--quiet"]
    command += ["--tokenizer", str(tokenizer), "--output-prefix", str(prefix), "--append-eod"]
    return measure([*command, "--workers", str(workers)])


def classic(
    source: Path, tokenizer: Path, prefix: Path, workers: int, checkout: Path | None
) -> Run:
    """Run Megatron-LM's classic tool, or its replacement."""
    command = [sys.executable, str(HERE / "_preprocess_data.py")]
    if checkout:
        command = [sys.executable, str(checkout / "tools/preprocess_data.py"), "--append-eod"]
        command += ["--tokenizer-type", "HuggingFaceTokenizer"]
    command += ["--input", str(source), "--output-prefix", str(prefix)]
    command += ["--tokenizer-model", str(tokenizer), "--workers", str(workers)]
    return measure(command, TOKENIZERS_PARALLELISM="false")


def fast(source: Path, tokenizer: Path, prefix: Path, checkout: Path) -> Run:
    """Run Megatron-LM's preprocess_data_fast.py; it has no option for workers."""
    command = [sys.executable, str(checkout / "tools/preprocess_data_fast.py"), "--append-eod"]
    command += ["--tokenizer-type", "HuggingFaceTokenizer", "--use-gigatoken"]
    command += ["--input", str(source), "--output-prefix", str(prefix)]
    return measure([*command, "--tokenizer-model", str(tokenizer)])


def encode_all(tokenizer: Tokenizer, texts: list[str]) -> None:
    """Encode texts a thousand at a time and discard the ids."""
    for start in range(0, len(texts), 1000):
        tokenizer.encode(texts[start : start + 1000])


def bare_seconds(source: Path, tokenizer: Path, workers: int) -> float:
    """Return the seconds that the engine needs for texts in memory, in forked processes."""
    with source.open("rb") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    loaded = load_tokenizer(tokenizer)
    context = get_context("fork")
    shares = [texts[number::workers] for number in range(workers)]
    start = time.perf_counter()
    processes = [context.Process(target=encode_all, args=(loaded, share)) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return time.perf_counter() - start


def same_files(one: Path, other: Path) -> bool:
    """Return True if two datasets have the same bytes."""
    return all(
        Path(f"{one}_text_document.{kind}").read_bytes()
        == Path(f"{other}_text_document.{kind}").read_bytes()
        for kind in ("bin", "idx")
    )


def compare(source: Path, small: Path, tokenizer: Path, options: argparse.Namespace) -> bool:
    """Print times and ratios for one tokenizer; return True if the classic files are the same."""
    base, workers = source.parent, options.workers
    megabytes = source.stat().st_size / 1e6
    ours: list[Run] = []
    startups: list[Run] = []
    for turn in range(options.rounds):
        startups.append(penstock(small, tokenizer, base / f"start{turn}", workers))
        ours.append(penstock(source, tokenizer, base / f"ours{turn}", workers))
    best, startup = (min(runs, key=lambda run: run.seconds) for runs in (ours, startups))
    peers = {"preprocess_data.py": base / "classic"}
    runs = {"penstock tokenize": best}
    runs["preprocess_data.py"] = classic(
        source, tokenizer, peers["preprocess_data.py"], workers, options.megatron
    )
    if options.megatron and (options.megatron / "tools/preprocess_data_fast.py").is_file():
        peers["preprocess_data_fast.py"] = base / "fast"
        runs["preprocess_data_fast.py"] = fast(source, tokenizer, base / "fast", options.megatron)
    print(f"\n{tokenizer}: {megabytes:.0f} MB, {workers} workers")
    print(f"{'':26}{'s':>8}{'CPU s':>8}{'MiB':>8}{'ratio':>8}  files")
    for name, run in runs.items():
        same = name in peers and ("same" if same_files(base / "ours0", peers[name]) else "DIFFER")
        figures = f"{run.seconds:8.2f}{run.cpu:8.2f}{run.memory:8.0f}"
        print(f"{name:26}{figures}{run.seconds / best.seconds:8.1f}  {same or ''}")
    steady = best.seconds - startup.seconds
    bare = bare_seconds(source, tokenizer, workers)
    print(f"start-up {startup.seconds:.2f} s; then {megabytes / steady:.0f} MB/s, ", end="")
    print(f"{bare / steady:.0%} of the speed of the engine ({megabytes / bare:.0f} MB/s)")
    return same_files(base / "ours0", peers["preprocess_data.py"])


def main() -> int:
    """Compare with each tokenizer; return 1 if the files differ from the classic tool's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, action="append", required=True)
    parser.add_argument("--megatron", type=Path)
    parser.add_argument("--megabytes", type=int, default=176)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    texts = read_texts(options.data)
    same = True
    for tokenizer in options.tokenizer:
        with TemporaryDirectory() as directory:
            source, small = Path(directory) / "all.jsonl", Path(directory) / "small.jsonl"
            write_jsonl(small, varied(texts), 1)
            count = write_jsonl(source, varied(texts), options.megabytes * 1_000_000)
            print(f"{count:,} documents", end="")
            same &= compare(source, small, tokenizer, options)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
