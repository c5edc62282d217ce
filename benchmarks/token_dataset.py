"""Opening, random reads and sequential batches of `.bin/.idx`, compared with peers.

Opening and random reads are compared with megatron-core, batches with memcpy. To measure opening,
the index is complete (2 GB for 100 million sequences of 1,000 tokens) and the `.bin` a sparse file
of the right length; reads and batches use real data. Each time is the best of several alternating
rounds, and the outputs are compared.

    python benchmarks/token_dataset.py [--sequences 100000000] [--directory DIR]

A random read returns 1,000 tokens as a view of the file. A batch is a dict of two int64 arrays
(32 x 4,096); memcpy is numpy copying as many bytes from an int64 array larger than the caches into
a new one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from penstock.formats.megatron import IndexedReader, write_pair
from penstock.formats.megatron.layout import Layout
from penstock.formats.megatron.writer import IndexWriter
from penstock.loading import TokenDataset

UINT16 = np.dtype("<u2")
LENGTH = 1000
BLOCK = 1 << 20
SEQUENCES = 100_000
READS = 100_000
ROWS, CONTEXT, BATCHES = 32, 4096, 250
TURNS = 15


def write_huge(prefix: Path, sequences: int) -> None:
    """Write an index of many sequences, and a sparse `.bin` of its length."""
    index = prefix.with_suffix(".idx")
    with IndexWriter(index, Layout(UINT16, sequences, sequences)) as out:
        for start in range(0, sequences, BLOCK):
            stop = min(start + BLOCK, sequences)
            out.add_sequences(np.full(stop - start, LENGTH, np.int32))
            out.add_documents(np.arange(start + 1, stop + 1))
    with prefix.with_suffix(".bin").open("wb") as tokens:
        tokens.truncate(sequences * LENGTH * UINT16.itemsize)
    with index.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write_real(prefix: Path) -> None:
    """Write sequences whose ids are determined by their position."""
    ids = (np.arange(SEQUENCES * LENGTH) % 50_257).astype(UINT16)
    one = np.ones(SEQUENCES, np.int32)
    with write_pair(prefix, UINT16, sequences=SEQUENCES, documents=SEQUENCES) as out:
        out.add(ids, one * LENGTH, one)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def best_of(ours: Callable[[], object], peer: Callable[[], object]) -> tuple[float, float]:
    """Return the best times of both, in seconds, measured in turns."""
    turns = [(seconds(ours), seconds(peer)) for _ in range(TURNS)]
    return min(turn[0] for turn in turns), min(turn[1] for turn in turns)


def compare_opens(prefix: Path, peer: Callable[[str], object]) -> None:
    """Print the time of opening; the first time, the index is not in the page cache."""
    first = seconds(lambda: TokenDataset(prefix, CONTEXT))
    ours, theirs = best_of(lambda: TokenDataset(prefix, CONTEXT), lambda: peer(str(prefix)))
    dataset = TokenDataset(prefix, CONTEXT)
    assert dataset.reader.sequences == len(peer(str(prefix)))  # type: ignore[arg-type]
    print(f"open, {dataset.reader.sequences:,} sequences, {dataset.tokens:,} tokens")
    print(f"  first {first * 1e3:.2f} ms, then {ours * 1e3:.2f} ms")
    print(f"  megatron-core {theirs * 1e3:.2f} ms")


def compare_reads(prefix: Path, peer: Callable[[str], object]) -> None:
    """Print random reads of 1,000 tokens per second."""
    reader, their_reader = IndexedReader(prefix), peer(str(prefix))
    numbers = np.random.default_rng(0).integers(0, SEQUENCES, READS).tolist()
    assert all((reader.read(n) == their_reader.get(n)).all() for n in numbers[:2000])  # type: ignore[attr-defined]

    def read() -> None:
        for number in numbers:
            reader.read(number, 0, LENGTH)

    def read_with_peer() -> None:
        for number in numbers:
            their_reader.get(number, 0, LENGTH)  # type: ignore[attr-defined]

    ours, theirs = (READS / time for time in best_of(read, read_with_peer))
    print(f"random reads of {LENGTH:,} tokens")
    print(f"  {ours:,.0f}/s, megatron-core {theirs:,.0f}/s, ratio {ours / theirs:.2f}")


def compare_batches(prefix: Path) -> None:
    """Print the rates of sequential batches and of memcpy."""
    dataset = TokenDataset(prefix, CONTEXT, last="drop")
    source = np.arange(2 * BATCHES * ROWS * CONTEXT).reshape(-1, CONTEXT)
    for first in range(0, BATCHES * ROWS, ROWS):
        ids = dataset.batch(range(first, first + ROWS))["input_ids"]
        assert (ids == source[first : first + ROWS] % 50_257).all()

    def batch() -> None:
        for first in range(0, BATCHES * ROWS, ROWS):
            dataset.batch(range(first, first + ROWS))

    def copy() -> None:
        for first in range(0, 2 * BATCHES * ROWS, ROWS):
            source[first : first + ROWS].copy()

    size = source.nbytes
    ours, memcpy = (size / time / 1e9 for time in best_of(batch, copy))
    print(f"sequential batches of {ROWS} x {CONTEXT:,}, inputs and labels")
    print(f"  {ours:.1f} GB/s, memcpy {memcpy:.1f} GB/s, ratio {ours / memcpy:.2f}")


def main() -> int:
    """Run the three comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=100_000_000)
    parser.add_argument("--directory", type=Path, help="directory of the temporary files")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    with TemporaryDirectory(dir=options.directory) as home:
        write_huge(Path(home) / "huge", options.sequences)
        compare_opens(Path(home) / "huge", IndexedDataset)
        write_real(Path(home) / "real")
        compare_reads(Path(home) / "real", IndexedDataset)
        compare_batches(Path(home) / "real")
    return 0


if __name__ == "__main__":
    sys.exit(main())
