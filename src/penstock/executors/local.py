"""The executor `local`: forked processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import ClassVar

from penstock.executors._base import Executor, Item, Result, collect_results, usable_cores


class LocalExecutor(Executor):
    """Runs items in forked workers, one per core by default.

    Workers inherit what the caller has loaded, such as a tokenizer; function and items need not be
    picklable. With one worker, the items run in this process.
    """

    shares_memory: ClassVar[bool] = True

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[Item, Result], None, None]:
        count = min(self.workers or usable_cores(), len(items))
        if count <= 1:
            for item in items:
                yield item, function(item)
            return
        # multiprocessing is slow to import.
        from penstock.executors._pool import WorkerPool

        with closing(WorkerPool(function, items, count).outcomes()) as outcomes:
            for index, result in collect_results(outcomes, len(items)):
                yield items[index], result


EXECUTOR = LocalExecutor
