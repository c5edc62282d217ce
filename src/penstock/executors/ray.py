"""The executor `ray`: tasks of a Ray cluster, or of a Ray that is started on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

from pydantic import Field

from penstock.errors import ConfigError, MissingExtraError
from penstock.executors._base import (
    Executor,
    Item,
    Outcome,
    Result,
    WorkerError,
    collect_results,
    item_label,
    run_item,
    usable_cores,
    use_one_thread,
)


class RayExecutor(Executor):
    """Runs items as Ray tasks, by default as many at a time as fit the cores of the cluster.

    A Ray that the caller has started is used and kept running; otherwise one is started or joined,
    and left at the end.
    """

    address: str | None = Field(
        None, description="The cluster to join, or auto; null: start Ray on this machine."
    )
    num_cpus: float = Field(1.0, gt=0, description="The cores of one item.")
    max_retries: int = Field(
        0, ge=0, description="How often an item is retried when its worker dies."
    )
    runtime_env: dict[str, Any] = Field(
        default_factory=dict, description="The runtime environment, as in ray.init."
    )

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[Item, Result], None, None]:
        if not items:
            return
        with self._cluster() as ray, closing(self._outcomes(ray, function, items)) as outcomes:
            for index, result in collect_results(outcomes, len(items)):
                yield items[index], result

    @contextmanager
    def _cluster(self) -> Iterator[Any]:
        try:
            import ray
        except ModuleNotFoundError:
            raise MissingExtraError("ray", "ray", "the executor ray") from None
        if ray.is_initialized():
            yield ray
            return
        local = {"num_cpus": self.workers or usable_cores(), "include_dashboard": False}
        try:
            ray.init(
                address=self.address or "local",
                runtime_env=self.runtime_env or None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({} if self.address else local),
            )
        except (ConnectionError, ValueError) as error:
            raise ConfigError(f"cannot connect to Ray: {error}", field="executor") from None
        try:
            yield ray
        finally:
            ray.shutdown()

    def _outcomes(
        self, ray: Any, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[int, Outcome], None, None]:
        """Yield the index and the outcome of each item as it ends; none starts after a failure."""
        task = ray.remote(num_cpus=self.num_cpus, max_retries=self.max_retries)(_run)
        function_reference = ray.put(function)
        limit = self.workers or int(ray.cluster_resources().get("CPU", 1) // self.num_cpus) or 1
        waiting = iter(range(len(items)))
        running: dict[Any, int] = {}

        def start(most: int) -> None:
            for index in islice(waiting, most):
                running[task.remote(function_reference, items[index])] = index

        failed = False
        try:
            start(limit)
            while running:
                [reference], _ = ray.wait(list(running))
                index = running.pop(reference)
                outcome = _outcome(ray, reference, items[index])
                failed = failed or outcome.error is not None
                start(0 if failed else 1)
                yield index, outcome
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


def _run(function: Callable[[Item], Result], item: Item) -> Outcome:
    use_one_thread()
    return run_item(function, item)


def _outcome(ray: Any, reference: Any, item: object) -> Outcome:
    try:
        outcome: Outcome = ray.get(reference)
    except ray.exceptions.RayError as error:
        last_line = "".join(str(error).strip().splitlines()[-1:])
        return Outcome(
            error=WorkerError(
                f"the Ray worker of {item_label(item)} died; if memory ran out, lower workers or "
                f"raise num_cpus. Message of Ray: {last_line}"
            )
        )
    return outcome


EXECUTOR = RayExecutor
