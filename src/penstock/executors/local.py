"""Items are carried by forked processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import ClassVar

from penstock.executors._base import Executor, Item, Result, settle, usable_cores


class LocalExecutor(Executor):
    """Carries items in forked workers; by default as many as there are cores.

    What the caller has loaded, such as a tokenizer, the workers have too; function and items need
    not be pickled. One worker is this process itself.
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
        # multiprocessing takes its time to load.
        from penstock.executors._workers import Workers

        with Workers(function, items, count) as workers:
            for index, result in settle(workers.ended(), len(items)):
                yield items[index], result


EXECUTOR = LocalExecutor
