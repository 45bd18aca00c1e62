"""Parallel work with a window."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxpc.errors import FileStoreError
from mxpc.streams import Abandoned, Concurrency, Gate, Stop, Stopped, Team, ordered_map, pause, unordered_map
from mxpc.streams.concurrency import Rounds

Map = Callable[..., Iterator[int]]
both = pytest.mark.parametrize("mapping", [ordered_map, unordered_map])


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


class Load:
    """Watches how much is begun and not yet consumed."""

    def __init__(self) -> None:
        self.count = self.weight = self.most_count = self.most_weight = 0
        self._lock = threading.Lock()

    def begin(self, weight: int) -> int:
        with self._lock:
            self.count += 1
            self.weight += weight
            self.most_count = max(self.most_count, self.count)
            self.most_weight = max(self.most_weight, self.weight)
        return weight

    def consumed(self, weight: int) -> None:
        with self._lock:
            self.count -= 1
            self.weight -= weight


@given(
    weights=st.lists(st.integers(0, 30), max_size=60),
    workers=st.integers(1, 6),
    max_weight=st.integers(0, 40),
    max_ahead=st.integers(1, 8),
)
@settings(max_examples=40, deadline=None)
def test_results_come_in_order_and_within_the_bounds(
    weights: list[int], workers: int, max_weight: int, max_ahead: int
) -> None:
    load = Load()
    results = []
    for weight in ordered_map(
        weights, load.begin, workers=workers, weight=lambda w: w, max_weight=max_weight, max_ahead=max_ahead
    ):
        results.append(weight)
        load.consumed(weight)
    assert results == weights
    assert load.most_count <= max_ahead
    assert load.most_weight <= max([max_weight, *weights])


@both
def test_work_runs_in_parallel(mapping: Map) -> None:
    meet = threading.Barrier(4, timeout=10)
    assert sorted(mapping(range(4), lambda n: (meet.wait(), n)[1], workers=4, max_ahead=4)) == [0, 1, 2, 3]


@both
def test_no_more_than_workers_run_at_once(mapping: Map) -> None:
    running = Load()

    def work(n: int) -> int:
        running.begin(0)
        time.sleep(0.001)
        running.consumed(0)
        return n

    assert sorted(mapping(range(50), work, workers=3, max_ahead=20)) == list(range(50))
    assert running.most_count <= 3


def test_unordered_results_overtake_a_slow_one() -> None:
    others_are_done = threading.Event()

    def work(n: int) -> int:
        if n == 0:
            assert others_are_done.wait(10)
        return n

    results = unordered_map(range(4), work, workers=4, max_ahead=4)
    first = [next(results) for _ in range(3)]
    others_are_done.set()
    assert sorted(first) == [1, 2, 3]
    assert list(results) == [0]


@both
def test_items_are_pulled_lazily_in_the_consumers_thread(mapping: Map) -> None:
    pulled = []

    def items() -> Iterator[int]:
        for n in range(1_000_000):
            pulled.append(threading.current_thread())
            yield n

    results = mapping(items(), lambda n: n, workers=2, max_ahead=5)
    for _ in range(3):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert set(pulled) == {threading.current_thread()}
    assert len(pulled) <= 10


@both
def test_an_item_heavier_than_all_is_done_alone(mapping: Map) -> None:
    load = Load()
    for weight in mapping([5, 100, 5], load.begin, workers=3, weight=lambda w: w, max_weight=10, max_ahead=9):
        load.consumed(weight)
    assert load.most_weight == 100


def test_the_first_error_in_order_is_raised_after_the_results_before_it() -> None:
    late_failed = threading.Event()

    def work(n: int) -> int:
        if n == 2:
            assert late_failed.wait(10)
            raise FileStoreError("second")
        if n == 3:
            late_failed.set()
            raise FileStoreError("third")
        return n

    results = ordered_map(range(10), work, workers=4, max_ahead=4)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(FileStoreError, match="second"):
        next(results)


@both
def test_an_error_of_the_items_comes_after_the_results_before_it(mapping: Map) -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise FileStoreError("no more")

    results = mapping(items(), lambda n: n, workers=2, max_ahead=8)
    assert sorted(next(results) for _ in range(3)) == [0, 1, 2]
    with pytest.raises(FileStoreError, match="no more"):
        next(results)


@both
def test_closing_early_drops_what_is_not_begun_and_waits_for_what_runs(mapping: Map) -> None:
    begun, ended = [], []

    def work(n: int) -> int:
        begun.append(n)
        time.sleep(0.02)
        ended.append(n)
        return n

    results = mapping(range(100), work, workers=2, max_ahead=50)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert sorted(begun) == sorted(ended)
    assert len(begun) < 50


@both
def test_a_pause_ends_when_nobody_waits_any_more(mapping: Map) -> None:
    reasons: list[type[Exception]] = []
    pausing = threading.Event()

    def work(n: int) -> int:
        if n:
            pausing.set()
            try:
                pause(600)
            except Abandoned as error:
                reasons.append(type(error))
                raise
        return n

    results = mapping(range(2), work, workers=2, max_ahead=2)
    next(results)
    assert pausing.wait(10)
    results.close()  # type: ignore[attr-defined]
    assert reasons == [Abandoned]


def test_the_window_fills_before_the_first_result_is_asked_for() -> None:
    begun = threading.Event()
    results = ordered_map([1], lambda _: begun.set(), workers=1, max_ahead=1)
    assert begun.wait(10)
    assert list(results) == [None]


def test_consumed_results_are_let_go() -> None:
    class Result:
        pass

    results = ordered_map(range(3), lambda _: Result(), workers=1, max_ahead=1)
    first = next(results)
    watch = weakref.ref(first)
    del first
    second = next(results)
    gc.collect()
    assert watch() is None
    assert isinstance(second, Result)
    results.close()  # type: ignore[attr-defined]


def test_concurrency_halves_when_slowed_and_comes_back() -> None:
    concurrency, rounds = Concurrency(32), Rounds()
    concurrency.slowed()
    assert concurrency.limit == 16
    for _ in range(32 * 32):
        concurrency.succeeded(0.0, rounds)
    assert concurrency.limit == 32


def test_reports_of_one_jam_count_once() -> None:
    concurrency = Concurrency(32)
    for _ in range(10):
        concurrency.slowed()
    assert concurrency.limit == 16


def test_concurrency_doubles_in_each_round_until_the_first_slow_down() -> None:
    concurrency, rounds = Concurrency(64, start=4), Rounds()
    for _ in range(4):
        concurrency.succeeded(0.0, rounds)
    assert concurrency.limit == 8


def test_concurrency_stops_rising_when_work_only_waits_for_itself() -> None:
    concurrency, rounds = Concurrency(1000, start=4), Rounds()
    for _ in range(2000):
        capacity = 20
        concurrency.succeeded(0.01 * max(1.0, concurrency.limit / capacity), rounds)
    assert 20 <= concurrency.limit <= 100


def test_concurrency_rises_as_long_as_it_helps() -> None:
    concurrency, rounds = Concurrency(100, start=4), Rounds()
    for _ in range(2000):
        concurrency.succeeded(0.02, rounds)
    assert concurrency.limit == 100


def test_concurrency_falls_when_work_takes_much_longer_than_it_did() -> None:
    concurrency, rounds = Concurrency(64), Rounds()
    for _ in range(200):
        concurrency.succeeded(0.01, rounds)
    for _ in range(640):
        concurrency.succeeded(0.1, rounds)
    assert concurrency.limit < 32


def test_quick_work_of_one_kind_does_not_slow_down_another_kind() -> None:
    concurrency, looks, uploads = Concurrency(100, start=4), Rounds(), Rounds()
    for _ in range(1000):
        concurrency.succeeded(0.000001, looks)
        concurrency.succeeded(0.05, uploads)
    assert concurrency.limit == 100


def test_each_map_is_a_kind_of_its_own() -> None:
    concurrency = Concurrency(64)

    def slow(n: int) -> int:
        time.sleep(0.005)
        return n

    for result in unordered_map(
        ordered_map(range(600), lambda n: n, workers=concurrency, max_ahead=100),
        slow,
        workers=concurrency,
        max_ahead=100,
    ):
        assert 0 <= result < 600
    assert concurrency.limit > 32


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_maps_that_share_a_concurrency_always_come_to_an_end_and_leave_it_as_it_was(data: st.DataObject) -> None:
    concurrency = Concurrency(data.draw(st.sampled_from([1, 2, 8])), start=data.draw(st.sampled_from([None, 1])))
    concurrency.SETTLE = 0.0  # type: ignore[misc]  # each one counts
    count, taken = data.draw(st.sampled_from([0, 1, 20, 100])), data.draw(st.sampled_from([3, 1000]))
    ahead = st.sampled_from([1, 3, 50])
    failing, slowing = (data.draw(st.sets(st.integers(0, 100), max_size=2)) for _ in range(2))
    maps = st.sampled_from([ordered_map, unordered_map])

    def work(n: int) -> int:
        if n in slowing:
            concurrency.slowed()
        if n in failing:
            raise FileStoreError(str(n))
        return n

    first: Map = data.draw(maps)
    second: Map = data.draw(maps)
    inner = first(range(count), lambda n: n, workers=concurrency, max_ahead=data.draw(ahead))
    outer = second(inner, work, workers=concurrency, max_ahead=data.draw(ahead))
    results = []
    try:
        for _ in range(taken):
            results.append(next(outer))
    except StopIteration:
        assert sorted(results) == list(range(count))
    except FileStoreError:
        assert failing
    finally:
        outer.close()  # type: ignore[attr-defined]
        inner.close()  # type: ignore[attr-defined]
    assert list(ordered_map(range(20), lambda n: n, workers=concurrency, max_ahead=20)) == list(range(20))


def test_what_was_asked_for_first_is_done_first() -> None:
    concurrency, order = Concurrency(1), []
    may_end = threading.Event()

    def hold(_: int) -> None:
        assert may_end.wait(10)

    def note(n: int) -> None:
        order.append(n)

    held = ordered_map([0], hold, workers=concurrency, max_ahead=1)
    first = ordered_map([1, 2], note, workers=concurrency, max_ahead=2)
    second = ordered_map([3], note, workers=concurrency, max_ahead=1)
    third = ordered_map([4], note, workers=concurrency, max_ahead=1)
    may_end.set()
    assert [len(list(one)) for one in (third, second, first, held)] == [1, 1, 2, 1]
    assert order == [1, 2, 3, 4]


def test_waiting_work_needs_no_threads() -> None:
    before = threading.active_count()
    begun, may_end = threading.Semaphore(0), threading.Event()

    def work(_: int) -> None:
        begun.release()
        assert may_end.wait(10)

    results = ordered_map(range(60), work, workers=Concurrency(64, start=4), max_ahead=60)
    for _ in range(4):
        assert begun.acquire(timeout=10)
    # A thread that was called while another one was on its way finds nothing to do.
    assert threading.active_count() - before < 30
    assert not begun.acquire(blocking=False)
    may_end.set()
    assert len(list(results)) == 60


@both
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_where_threads_are_few_those_that_there_are_do_the_work(
    mapping: Map, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, left = threading.Thread.start, threads

    def start_few(self: threading.Thread) -> None:
        nonlocal left
        if not left:
            raise RuntimeError("can't start new thread")
        left -= 1
        start(self)

    monkeypatch.setattr(threading.Thread, "start", start_few)

    def results() -> list[int]:
        return sorted(mapping(range(100), lambda n: n, workers=Concurrency(16), max_ahead=50))

    if threads:
        assert results() == list(range(100))
    else:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            results()


def test_what_is_ready_is_not_worked_on_and_stays_in_its_place() -> None:
    worked: list[int] = []

    def work(n: int) -> int:
        worked.append(n)
        return n

    results = ordered_map(
        range(20), work, workers=4, max_ahead=8, ready=lambda n: 100 + n if n % 5 and n != 7 else None
    )
    assert list(results) == [100 + n if n % 5 and n != 7 else n for n in range(20)]
    assert sorted(worked) == [0, 5, 7, 10, 15]


def test_concurrency_never_falls_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Concurrency, "SETTLE", 0.0)
    concurrency, single = Concurrency(8), Concurrency(1)
    for _ in range(50):
        concurrency.slowed()
        single.slowed()
    assert concurrency.limit == Concurrency.FLOOR
    assert single.limit == 1


def test_a_map_obeys_its_concurrency_while_it_runs() -> None:
    concurrency = Concurrency(8)
    running = Load()

    def work(n: int) -> int:
        running.begin(0)
        time.sleep(0.002)
        if n == 20:
            concurrency.slowed()
        running.consumed(0)
        return n

    assert list(ordered_map(range(60), work, workers=concurrency, max_ahead=16)) == list(range(60))
    assert running.most_count <= 8


# ----------------------------------------------------------------------------------------------------------- stop, team


def test_stop_calls_what_waits_for_it_once_and_only_while_it_waits() -> None:
    stop, called = Stop(), []
    with stop.on_stop(lambda: called.append("early")):
        pass
    with stop.on_stop(lambda: called.append("waiting")):
        stop.check()
        stop.set()
        stop.set()
        with pytest.raises(Stopped):
            stop.check()
    with pytest.raises(Stopped), stop.on_stop(lambda: called.append("late")):
        pytest.fail("it was said before")
    assert called == ["waiting"]


def test_a_team_does_what_its_pieces_add() -> None:
    done: list[int] = []
    with Team(3, Stop()) as team:

        def work(number: int) -> None:
            done.append(number)
            if number < 20:
                team.begin(lambda: work(number * 2))
                team.begin(lambda: work(number * 2 + 1))

        team.begin(lambda: work(1))
    assert sorted(done) == list(range(1, 40))


def test_the_first_error_of_a_team_ends_the_others_and_is_raised() -> None:
    stop, ended = Stop(), threading.Event()

    def waits() -> None:
        with stop.on_stop(ended.set):
            assert ended.wait(10)
            raise FileStoreError("ended by the stop")

    def fails() -> None:
        raise FileStoreError("the first")

    def all_of_them() -> None:
        with Team(2, stop) as team:
            team.begin(waits)
            team.begin(fails)
            team.begin(lambda: pytest.fail("begun after the error"))

    with pytest.raises(FileStoreError, match="the first"):
        all_of_them()
    assert stop.is_set()


def test_a_team_that_others_stopped_says_so() -> None:
    stop = Stop()
    with pytest.raises(Stopped), Team(1, stop) as team:
        team.begin(stop.set)


def test_an_error_beside_a_team_ends_its_pieces() -> None:
    stop, ended = Stop(), threading.Event()

    def waits() -> None:
        with stop.on_stop(ended.set):
            assert ended.wait(10)

    def interrupted() -> None:
        with Team(1, stop) as team:
            team.begin(waits)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stop.is_set()


def test_a_closed_gate_lets_nobody_in_and_waits_for_those_inside() -> None:
    gate, entered, leave, order = Gate(), threading.Event(), threading.Event(), []

    def works() -> None:
        with gate.inside() as let_in:
            assert let_in
            entered.set()
            leave.wait(10)
            order.append("left")

    thread = threading.Thread(target=works)
    thread.start()
    assert entered.wait(10)
    threading.Timer(0.05, leave.set).start()
    gate.close()
    order.append("closed")
    thread.join()
    assert order == ["left", "closed"]
    with gate.inside() as let_in:
        assert not let_in
