"""Reading ArrayRecord files: penstock beside google's `array_record`.

A shard of packed rows (6 columns) is written by the library with its default options, with groups
of 1,000 records and of 1. Both read every record in order (theirs with `read_all`) and in random
order, and check the hashes; the records are compared. Theirs reads in several threads, ours in one.

    python benchmarks/arrayrecord_read.py [--rows 4000] [--context 2048] [--rounds 5]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _packed_rows import packed_rows
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from penstock.formats import FORMATS, OutputSpec, ShardFile, SplitShape
from penstock.formats._examples import encode_examples

OPTIONS = {"default": "", "groups of 1,000": "group_size:1000", "groups of 1": "group_size:1"}
FORMAT = FORMATS.get("arrayrecord")


def examples(rows: int, context: int) -> list[bytes]:
    """Return serialized Examples of packed rows."""
    block = packed_rows(rows, context)
    shape = SplitShape(rows, len(block.lengths), len(block.ids))
    target = OutputSpec(Path(), "notes", {"train": shape}, block.ids.dtype, context, 0, 50_257)
    records = []
    for columns in FORMAT().column_blocks(Path(), target, [block]):
        buffer, starts, stops = encode_examples(columns)
        bounds = zip(starts.tolist(), stops.tolist(), strict=True)
        records += [buffer[start:stop].tobytes() for start, stop in bounds]
    return records


def write(path: Path, records: list[bytes], options: str) -> None:
    writer = ArrayRecordWriter(str(path), options)
    for record in records:
        writer.write(record)
    writer.close()


def times(run: Callable[[], object]) -> tuple[float, float]:
    """Return wall time and CPU time in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(
    name: str, ours: Callable[[], list[bytes]], peer: Callable[[], list[bytes]], rounds: int
) -> None:
    """Print the best times of both, which take turns."""
    assert ours() == peer()
    turns = [(*times(ours), *times(peer)) for _ in range(rounds)]
    wall, cpu, its_wall, its_cpu = (min(column) * 1e3 for column in zip(*turns, strict=True))
    print(
        f"{name:32}{wall:9.0f}{its_wall:13.0f}{wall / its_wall:8.2f}"
        f"{cpu:9.0f}{its_cpu:13.0f}{cpu / its_cpu:8.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    records = examples(options.rows, options.context)
    order = random.Random(0).sample(range(len(records)), len(records))
    print(f"{len(records):,} records, {sum(map(len, records)) / 1e6:.0f} MB; ms, best of rounds")
    print(
        f"{'':32}{'wall':>9}{'array_record':>13}{'ratio':>8}{'CPU':>9}{'array_record':>13}{'ratio':>8}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, choice in OPTIONS.items():
            path = Path(folder) / "shard"
            write(path, records, choice)

            def open_ours(path: Path = path) -> ShardFile:
                return FORMAT.open_shard(path)

            def read_ours() -> list[bytes]:
                with open_ours() as file:
                    return list(file.records(0, len(file)))

            def read_theirs(path: Path = path) -> list[bytes]:
                reader = ArrayRecordReader(str(path))
                found: list[bytes] = reader.read_all()
                reader.close()
                return found

            def random_ours() -> list[bytes]:
                with open_ours() as file:
                    return [file.record(index) for index in order]

            def random_theirs(path: Path = path) -> list[bytes]:
                reader = ArrayRecordReader(str(path))
                found = [reader.read([index])[0] for index in order]
                reader.close()
                return found

            compare(f"{name}, in order", read_ours, read_theirs, options.rounds)
            if choice != "group_size:1000":
                compare(f"{name}, random order", random_ours, random_theirs, options.rounds)
            else:  # theirs decodes a chunk per record: minutes
                assert random_ours() == [records[index] for index in order]
                wall, cpu = times(random_ours)
                print(f"{name + ', random order':32}{wall * 1e3:9.0f}{'':21}{cpu * 1e3:9.0f}")


if __name__ == "__main__":
    main()
