"""How long the object store is given: one retry loop with one bound for every request."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from mxpc.adapters.object_store_trouble import OBSTORE_ERRORS, CutShort, Trouble
from mxpc.held_signals import HELD
from mxpc.streams import pause

R = TypeVar("R")


@dataclass(frozen=True)
class Patience:
    """How often and how long one request is tried. No try begins after `seconds`, so all ends one try later."""

    tries: int
    seconds: float
    first_wait: float = 0.1
    longest_wait: float = 5.0

    def wait(self, tried: int) -> float:
        """Seconds before the next try: doubling, half of it random, so that parallel tries do not march in step."""
        return random.uniform(0.5, 1.0) * min(self.longest_wait, self.first_wait * 2.0 ** (tried - 1))  # noqa: S311


TRANSFER_PATIENCE = Patience(tries=12, seconds=90)
"""At three failing requests in ten, one transfer in two million gives up; the waits alone outlast 20 s of SlowDown."""
PROBE_PATIENCE = Patience(tries=4, seconds=20)
"""A wrong address is known within a minute even when each try runs into the longest timeout."""

CONNECT_TIMEOUT = timedelta(seconds=5)
STALL_TIMEOUT = timedelta(seconds=15)
"""A read that gives no byte for so long is broken off and asked for again."""
UPLOAD_STALL_TIMEOUT = timedelta(seconds=60)
"""reqwest counts the sending of the body as waiting for the answer: 8 MiB in 60 s is 140 kB/s."""
REQUEST_TIMEOUT = timedelta(minutes=10)


class GaveUp(Exception):
    """A request failed for good; `__cause__` is obstore's error. Never leaves the adapter."""

    def __init__(self, trouble: Trouble, tried: int) -> None:
        super().__init__(trouble.evidence)
        times = f" ({tried} tries)" if tried > 1 else ""
        self.trouble = Trouble(trouble.kind, trouble.evidence + times)


def persist(attempt: Callable[[], R], patience: Patience, heard: Callable[[BaseException], Trouble]) -> R:
    """Try until it works; raises GaveUp, from the last error. `heard` is told each error and reads it.

    Each try must be harmless to repeat.
    """
    began = time.monotonic()
    tried = 0
    while True:
        tried += 1
        try:
            with HELD.hold():  # obstore asks a callback for the login
                return attempt()
        except (*OBSTORE_ERRORS, CutShort) as error:
            trouble = heard(error)
            patient = tried < patience.tries and time.monotonic() - began < patience.seconds
            if not (trouble.passing and patient):
                raise GaveUp(trouble, tried) from error
        pause(patience.wait(tried))
