"""Each slot runs one item at a time, in order, and an error stops the others."""

from __future__ import annotations

import threading
import time

import pytest

from penstock.executors import Slot, SlotExecutor

ONE = [Slot("cpu")]
TWO = [Slot("cuda:0"), Slot("cuda:1")]
#: How long a thread waits for another that must come; it never should.
PATIENCE = 60


def test_one_slot_runs_the_items_in_order() -> None:
    started: list[int] = []

    def function(item: int, slot: Slot) -> int:
        started.append(item)
        return item * item

    executor: SlotExecutor[int, int] = SlotExecutor(ONE)
    assert list(executor.map(function, range(5))) == [(0, 0), (1, 1), (2, 4), (3, 9), (4, 16)]
    assert started == [0, 1, 2, 3, 4]


def test_nothing_starts_before_the_first_result_is_requested() -> None:
    executor: SlotExecutor[int, None] = SlotExecutor(ONE)
    executor.map(lambda item, slot: pytest.fail("started"), [1])
    assert list(executor.map(lambda item, slot: None, [])) == []


def test_two_slots_run_two_items_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def function(item: int, slot: Slot) -> str:
        meeting.wait()
        return slot.name

    results = list(SlotExecutor[int, str](TWO).map(function, [0, 1]))
    assert sorted(item for item, _ in results) == [0, 1]
    assert sorted(name for _, name in results) == ["cuda:0", "cuda:1"]


def test_a_slot_runs_one_item_at_a_time() -> None:
    busy = {slot.name: threading.Lock() for slot in TWO}

    def function(item: int, slot: Slot) -> bool:
        free = busy[slot.name].acquire(blocking=False)
        time.sleep(0.0005)  # time for another thread to interleave
        if free:
            busy[slot.name].release()
        return free

    results = list(SlotExecutor[int, bool](TWO).map(function, range(200)))
    assert sorted(item for item, _ in results) == list(range(200))
    assert all(free for _, free in results)


def test_results_are_yielded_as_they_end() -> None:
    fast_has_come = threading.Event()

    def function(item: str, slot: Slot) -> None:
        if item == "slow":
            assert fast_has_come.wait(PATIENCE)

    results = SlotExecutor[str, None](TWO).map(function, ["slow", "fast"])
    assert next(results)[0] == "fast"
    fast_has_come.set()
    assert next(results)[0] == "slow"


def test_an_error_is_raised_and_nothing_more_starts() -> None:
    started: list[int] = []

    def function(item: int, slot: Slot) -> int:
        started.append(item)
        if item == 1:
            raise ZeroDivisionError("item 1")
        return item

    results = SlotExecutor[int, int](ONE).map(function, range(4))
    assert next(results) == (0, 0)
    with pytest.raises(ZeroDivisionError, match="item 1"):
        next(results)
    assert started == [0, 1]


def test_an_error_stops_and_awaits_the_other_slots() -> None:
    executor: SlotExecutor[str, None] = SlotExecutor(TWO)
    both = threading.Barrier(2, timeout=PATIENCE)
    ended: list[str] = []

    def function(item: str, slot: Slot) -> None:
        both.wait()
        if item == "fails":
            raise ZeroDivisionError
        assert executor.stop.wait(PATIENCE)
        ended.append(item)

    with pytest.raises(ZeroDivisionError):
        list(executor.map(function, ["fails", "runs", "never starts"]))
    assert ended == ["runs"]


@pytest.mark.parametrize("end", ["interrupt", "close"])
def test_closing_the_iterator_stops_running_items(end: str) -> None:
    executor: SlotExecutor[str, None] = SlotExecutor(TWO)
    ended: list[str] = []

    def function(item: str, slot: Slot) -> None:
        if item != "first":
            assert executor.stop.wait(PATIENCE)
        ended.append(item)

    results = executor.map(function, ["first", "second", "third", "fourth", "fifth"])
    assert next(results)[0] == "first"
    if end == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    else:
        results.close()  # type: ignore[attr-defined]
    assert set(ended) <= {"first", "second", "third"}
    assert "fifth" not in ended


def test_when_stop_is_set_no_new_item_starts() -> None:
    executor: SlotExecutor[int, None] = SlotExecutor(ONE)

    def function(item: int, slot: Slot) -> None:
        if item == 1:
            executor.stop.set()

    assert [item for item, _ in executor.map(function, range(4))] == [0, 1]


def test_an_executor_can_be_used_twice() -> None:
    executor: SlotExecutor[int, int] = SlotExecutor(ONE)
    assert len(list(executor.map(lambda item, slot: item, [1, 2]))) == 2
    assert len(list(executor.map(lambda item, slot: item, [3]))) == 1
