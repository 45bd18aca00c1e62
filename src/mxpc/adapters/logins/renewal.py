"""What expires is fetched anew before it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from mxpc.errors import ToolError


class Expiring(Protocol):
    """Something that is good until a moment in UTC, or for good."""

    @property
    def expires(self) -> datetime | None: ...


E = TypeVar("E", bound=Expiring)

EARLY = timedelta(minutes=5)
"""So long before its end something is renewed: a request that is signed now must still be good when it arrives."""
NO_SOONER = timedelta(seconds=20)
"""After a failed renewal the old one serves on, and it is tried again after this time."""


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


class Renewed(Generic[E]):
    """The present value of what `fetch` gives. Any thread; one fetches, the others wait for it."""

    def __init__(self, fetch: Callable[[], E], clock: Callable[[], datetime] = now) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._value: E | None = None
        self._due: datetime | None = None

    def get(self) -> E:
        """A value that is good for a while. Raises what `fetch` raises when there is none that still is."""
        with self._lock:
            if self._value is None or (self._due and self._clock() >= self._due):
                self._value = self._renewed(self._value)
            return self._value

    def _renewed(self, old: E | None) -> E:
        began = self._clock()
        try:
            value = self._fetch()
        except ToolError:
            if old is None or old.expires is None or self._clock() >= old.expires:
                raise
            self._due = self._clock() + NO_SOONER
            return old
        # What lives shorter than ten minutes is renewed at half its time.
        lifetime = value.expires - began if value.expires else None
        self._due = value.expires - min(EARLY, lifetime / 2) if value.expires and lifetime else None
        return value
