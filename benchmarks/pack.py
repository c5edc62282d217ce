"""How full the rows of `pack` are and what they cost, beside TRL's `pack_dataset` and next fit.

Documents have log-normal lengths (sigma 1, mean 598 tokens), long ones cut at the context. The
first table is about the order only, which is what `pack` works on. For the second, both
packers also move the tokens into their rows, as TRL always does; they must make rows of the same
lengths out of the same tokens, or the benchmark fails. Times are CPU time, after a first run on a
few documents.

    python benchmarks/pack.py [--documents 1000000] [--peer-documents 100000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled
from penstock.step_report import StepReport
from penstock.steps import STEPS, Order, OrderContext

Result = TypeVar("Result")

CONTEXT = 4096
MEAN, SIGMA = 598, 1.0


def compose_order(documents: int, seed: int = 0) -> Order:
    """Return documents of one sequence each, none above the context."""
    drawn = np.random.default_rng(seed).lognormal(np.log(MEAN) - SIGMA**2 / 2, SIGMA, documents)
    whole, rest = np.divmod(np.maximum(drawn, 1).astype(np.int64), CONTEXT)
    lengths = np.full((whole + (rest > 0)).sum(), CONTEXT, np.int32)
    ends = np.cumsum(whole + (rest > 0)) - 1
    lengths[ends[rest > 0]] = rest[rest > 0]
    return Order(
        starts=np.cumsum(lengths, dtype=np.int64) - lengths,
        lengths=lengths,
        first=np.arange(len(lengths) + 1),
    )


def pack(order: Order, **options: Any) -> Order:
    """Return the rows that the step makes."""
    step = STEPS.get("pack").model_validate({"context": CONTEXT, **options})
    return step.reorder(order, OrderContext(seed=0, report=StepReport("pack")))


@compiled
def next_fit(lengths: NDArray[np.int32], context: int) -> int:
    """Return how many rows there are when a row is closed as soon as a sequence does not fit."""
    rows, space = 0, 0
    for length in lengths:
        if length > space:
            rows, space = rows + 1, context
        space -= length
    return rows


def pack_tokens(order: Order, ids: NDArray[np.int32], window: int) -> tuple[Any, Any]:
    """Return the tokens of all rows, one after the other, and the length of each row."""
    from penstock.kernels.cutting import gather

    packed = pack(order, window=window)
    return gather(ids, packed.starts, packed.lengths), packed.unit_lengths()


def pack_tokens_with_trl(dataset: Any, window: int) -> tuple[Any, Any]:
    """Return the same from TRL."""
    from trl import pack_dataset

    options = {"batch_size": window, "keep_in_memory": True}
    packed = pack_dataset(dataset, CONTEXT, strategy="bfd", map_kwargs=options)
    rows = packed.data.column("input_ids").combine_chunks()
    return rows.values.to_numpy(), rows.value_lengths().to_numpy()


def cpu_time(run: Callable[[], Result], rounds: int) -> tuple[float, Result]:
    """Return the shortest CPU time of some runs in seconds, and what the last one returned."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        result = run()
        times.append(time.process_time() - start)
    return min(times), result


def print_orders(documents: int, rounds: int) -> None:
    """Print rows, padding and time of every method."""
    order, few = compose_order(documents), compose_order(100)
    least = -(-order.tokens // CONTEXT)
    print(
        f"{documents:,} documents, {order.tokens:,} tokens, {least:,} rows of {CONTEXT:,} at least"
    )
    print(f"{'method':<12}{'window':>10}{'rows':>12}{'padding %':>12}{'CPU s':>8}")
    next_fit(few.lengths, CONTEXT)
    seconds, rows = cpu_time(lambda: next_fit(order.lengths, CONTEXT), rounds)
    print_line("next fit", None, rows, order.tokens, seconds)
    for method, window in (
        ("concatenate", None),
        ("first_fit", None),
        ("best_fit", 1_000),
        ("best_fit", 10_000),
        ("best_fit", 100_000),
        ("best_fit", None),
    ):
        options = {"method": method, "window": window}
        pack(few, **options)
        seconds, packed = cpu_time(lambda options=options: pack(order, **options), rounds)
        print_line(method, window, len(packed), order.tokens, seconds)


def print_line(method: str, window: int | None, rows: int, tokens: int, seconds: float) -> None:
    """Print a line of the first table."""
    padding = 100 * (1 - tokens / (rows * CONTEXT))
    print(f"{method:<12}{window or 'all':>10}{rows:>12,}{padding:>12.4f}{seconds:>8.3f}")


def print_peer(documents: int, rounds: int) -> bool:
    """Print both packers' time for the same windows; return whether they agree."""
    import datasets
    import pyarrow as pa

    datasets.disable_progress_bars()
    order = compose_order(documents)
    ids = np.arange(order.tokens, dtype=np.int32)
    offsets = np.append(order.starts, order.tokens).astype(np.int32)
    column = pa.ListArray.from_arrays(offsets, ids)
    dataset = datasets.Dataset(pa.table({"input_ids": column}))
    pack_tokens(compose_order(100), ids, 100)
    pack_tokens_with_trl(dataset.select(range(100)), 100)
    print(f"\n{documents:,} documents, their tokens moved into the rows")
    print(f"{'window':>10}{'rows':>12}{'penstock CPU s':>16}{'TRL CPU s':>12}{'ratio':>8}")
    for window in (1_000, 10_000, len(order)):
        ours, (our_ids, our_rows) = cpu_time(
            lambda window=window: pack_tokens(order, ids, window), rounds
        )
        peer, (peer_ids, peer_rows) = cpu_time(
            lambda window=window: pack_tokens_with_trl(dataset, window), 1
        )
        if sorted(our_rows) != sorted(peer_rows) or (np.sort(our_ids) != np.sort(peer_ids)).any():
            print(f"the rows differ in windows of {window:,}", file=sys.stderr)
            return False
        print(f"{window:>10,}{len(our_rows):>12,}{ours:>16.3f}{peer:>12.2f}{peer / ours:>8.1f}")
    return True


def main() -> int:
    """Print both tables; return 1 where the packers differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--peer-documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print_orders(options.documents, options.rounds)
    return 0 if print_peer(options.peer_documents, options.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
