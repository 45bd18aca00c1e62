"""A signal ends the work wherever it comes, and once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from mxpc.cli.signals import interruptible
from mxpc.errors import Interrupted
from mxpc.held_signals import HELD

NAMES = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]

BUSY = """
import sys
import weakref

from mxpc.cli.signals import interruptible
from mxpc.errors import Interrupted
from mxpc.held_signals import HELD


class Thing:
    pass


things = weakref.WeakSet()
for _ in range(int(sys.argv[1])):
    try:
        with interruptible(print):
            print("ready", flush=True)
            # Most of its steps are in callbacks, where an exception is lost.
            while True:
                things.add(Thing())
    except Interrupted:
        print("interrupted", flush=True)
"""

LOCKS = """
import sys
import threading

from mxpc.cli.signals import interruptible
from mxpc.errors import Interrupted

condition = threading.Condition()
for _ in range(int(sys.argv[1])):
    try:
        with interruptible(print):
            print("ready", flush=True)
            while True:
                with condition:
                    pass
    except Interrupted:
        print("interrupted" if condition.acquire(timeout=5) else "still locked", flush=True)
        condition.release()
"""


class Dying:
    """What happens when nobody knows it any more."""

    def __init__(self, then: Callable[[], None]) -> None:
        self.then = then

    def __del__(self) -> None:
        self.then()


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in NAMES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_first_signal_interrupts_and_later_ones_wait(name: str) -> None:
    said: list[str] = []
    number = getattr(signal, name)
    with interruptible(said.append):
        with pytest.raises(Interrupted) as caught:
            signal.raise_signal(number)
        signal.raise_signal(number)
    signal.raise_signal(number)  # while the process ends, with the exit code of the first one
    assert caught.value.shell_exit_code == 128 + number
    assert said == ["still cleaning up; one moment"]


def in_a_weak_reference() -> None:
    dying = Dying(lambda: None)
    known = weakref.ref(dying, lambda _: signal.raise_signal(signal.SIGTERM))
    del dying
    assert known() is None


def in_a_finalizer() -> None:
    Dying(lambda: signal.raise_signal(signal.SIGTERM))


@pytest.mark.parametrize("lose", [in_a_weak_reference, in_a_finalizer])
def test_a_signal_where_no_exception_can_be_raised_comes_again_and_wakes_who_waits(
    lose: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    hook = sys.unraisablehook

    def lose_and_wait() -> None:
        lose()
        threading.Event().wait(60)

    with interruptible(said.append):
        with pytest.raises(Interrupted) as caught:
            lose_and_wait()
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.1)
    assert caught.value.signal_number == signal.SIGTERM
    assert said == ["still cleaning up; one moment"]
    assert sys.unraisablehook is hook
    assert capsys.readouterr().err == ""


def test_a_signal_is_held_until_the_outermost_library_is_left() -> None:
    steps: list[str] = []

    def call_a_library() -> None:
        with HELD.hold():
            with HELD.hold():
                signal.raise_signal(signal.SIGTERM)
                steps.append("inner")
            steps.append("outer")
        steps.append("never")

    with interruptible(steps.append):
        with pytest.raises(Interrupted):
            call_a_library()
        signal.raise_signal(signal.SIGTERM)
    assert steps == ["inner", "outer", "still cleaning up; one moment"]


def test_what_a_library_raises_gives_way_to_the_signal() -> None:
    def call_a_library() -> None:
        with HELD.hold():
            signal.raise_signal(signal.SIGTERM)
            raise OSError("the callback failed")

    with interruptible(print), pytest.raises(Interrupted):
        call_a_library()


def test_other_threads_hold_nothing() -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with HELD.hold():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(60)
    try:
        with interruptible(print), pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
    finally:
        leave.set()
        thread.join()


def test_a_signal_that_was_lost_when_the_work_was_over_is_too_late() -> None:
    said: list[str] = []
    with interruptible(said.append) as interruptions:
        in_a_finalizer()
        interruptions.forbid()
        deadline = time.monotonic() + 60
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
    assert said == ["too late to interrupt: this is done in a moment"]


def test_other_exceptions_that_nobody_receives_are_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: lost.append(one.exc_value))

    def fail() -> None:
        raise ValueError("not ours")

    with interruptible(print):
        Dying(fail)
    assert [str(one) for one in lost] == ["not ours"]


def test_a_signal_between_the_steps_of_a_lock_comes_when_it_is_over() -> None:
    steps: list[str] = []
    # As a function of the module threading, which has taken a lock and not told its caller.
    module: dict[str, Any] = {"__name__": "threading", "interrupt": partial(signal.raise_signal, signal.SIGTERM)}
    exec("def enter(steps):\n    interrupt()\n    steps.append('entered')", module)

    def enter_and_wait() -> None:
        module["enter"](steps)
        threading.Event().wait(60)

    with interruptible(steps.append), pytest.raises(Interrupted):
        enter_and_wait()
    assert steps == ["entered"]


def test_a_signal_while_the_main_thread_waits_for_others_interrupts_it() -> None:
    timer = threading.Timer(0.05, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM))
    timer.start()
    with interruptible(print), pytest.raises(Interrupted):
        threading.Event().wait(60)
    timer.join()


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send a signal to one process")
@pytest.mark.parametrize("program", [BUSY, LOCKS], ids=["callbacks", "locks"])
def test_no_signal_is_lost_and_no_lock_stays_taken(program: str) -> None:
    count = 100
    moments = random.Random(1)
    with subprocess.Popen([sys.executable, "-c", program, str(count)], stdout=subprocess.PIPE, text=True) as busy:
        assert busy.stdout is not None
        try:
            for _ in range(count):
                assert busy.stdout.readline() == "ready\n"
                time.sleep(moments.random() * 0.002)
                busy.send_signal(signal.SIGTERM)
                assert busy.stdout.readline() == "interrupted\n"
        finally:
            busy.kill()
