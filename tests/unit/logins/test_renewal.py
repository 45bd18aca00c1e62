"""When what expires is fetched anew."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from mxpc.adapters.logins.renewal import Renewed
from mxpc.errors import ServiceError

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pass:
    number: int
    expires: datetime | None


class Office:
    """Gives passes of one lifetime; `closed` refuses. `at` is what the clock shows."""

    def __init__(self, lifetime: timedelta | None) -> None:
        self.lifetime = lifetime
        self.at = START
        self.given = 0
        self.asked = 0
        self.closed = False
        self.renewed = Renewed(self.fetch, lambda: self.at)

    def fetch(self) -> Pass:
        self.asked += 1
        if self.closed:
            raise ServiceError("closed")
        self.given += 1
        return Pass(self.given, self.at + self.lifetime if self.lifetime else None)

    def number_after(self, **time: float) -> int:
        self.at = START + timedelta(**time)
        return self.renewed.get().number


def test_an_hour_is_renewed_five_minutes_early() -> None:
    office = Office(timedelta(hours=1))
    assert [office.number_after(minutes=minute) for minute in (0, 54.9, 55, 60, 110)] == [1, 1, 2, 2, 3]


def test_what_lives_shortly_is_renewed_at_half_its_time() -> None:
    office = Office(timedelta(minutes=4))
    assert [office.number_after(minutes=minute) for minute in (0, 1.9, 2)] == [1, 1, 2]


def test_what_never_expires_is_fetched_once() -> None:
    office = Office(None)
    assert [office.number_after(days=day) for day in (0, 1, 1000)] == [1, 1, 1]


def test_the_old_one_serves_on_while_it_is_good_and_a_new_one_cannot_be_had() -> None:
    office = Office(timedelta(hours=1))
    office.number_after(minutes=0)
    office.closed = True
    assert [office.number_after(minutes=minute) for minute in (55, 55.1, 59)] == [1, 1, 1]
    assert office.asked == 3, "not at each use"
    with pytest.raises(ServiceError):
        office.number_after(minutes=60)
    office.closed = False
    assert office.number_after(minutes=61) == 2


def test_many_threads_fetch_once() -> None:
    office = Office(timedelta(hours=1))
    threads = [threading.Thread(target=office.renewed.get) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert office.asked == 1
