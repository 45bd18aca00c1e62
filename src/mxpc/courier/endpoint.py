"""One side of a transfer: its channels, which outlive the connections, and the serving of one connection."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from mxpc.courier.boxes import Box, Inbox, Outbox
from mxpc.courier.frames import Damaged, Frame, Kind, OutOfStep, encode, read_frame
from mxpc.errors import ServiceError, ToolError
from mxpc.ports import Connection

PROTOCOL = 1


@dataclass(frozen=True)
class Pace:
    """Seconds that decide about a connection."""

    ping: float = 5.0
    """So often something is sent, also when there is nothing to say: proxies cut what is silent for a minute or so."""
    stall: float = 30.0
    """After so long without a word a connection counts as dead: six pings in a row do not get lost."""


class Endpoint:
    """Channels by their numbers, lower ones first when several have something to send. Any thread."""

    def __init__(self, run: str, *, out: Mapping[int, int], into: tuple[int, ...], pace: Pace | None = None) -> None:
        """`run` must be the same on both sides; `out` has the window in bytes of each channel that is sent."""
        self.run = run
        self.pace = pace or Pace()
        self.changed = threading.Condition()
        self.outboxes = {number: Outbox(number, self.changed, window) for number, window in sorted(out.items())}
        self.inboxes = {number: Inbox(number, self.changed) for number in into}
        self.last_heard = time.monotonic()

    def serve(self, connection: Connection) -> bool:
        """Use one connection until it breaks or is closed; whether the other side was heard on it at all.

        Raises ServiceError when the other side is another one than was expected; that cannot be mended.
        """
        return _Session(self, connection).run()

    def fail(self, error: ToolError) -> None:
        """End all waiting, on every channel, with this error."""
        boxes: list[Box] = [*self.outboxes.values(), *self.inboxes.values()]
        for box in boxes:
            box.fail(error)


class _Session:
    """One connection: a thread reads, a thread writes, and the caller's own sees to it that neither waits forever."""

    def __init__(self, endpoint: Endpoint, connection: Connection) -> None:
        self._endpoint = endpoint
        self._connection = connection
        self._changed = endpoint.changed
        self._urgent: list[Frame] = []
        self._acknowledged: dict[int, int] = {}
        self._greeted = self._over = False
        self._mismatch: ServiceError | None = None
        self._heard = time.monotonic()

    def run(self) -> bool:
        # Before anything is read: the other side is to know us, also when we do not want it. A new connection has
        # room for so little, so this does not block.
        if not self._connection.write(encode(self._hello())):
            self._connection.release()
            return False
        threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._write)]
        for thread in threads:
            thread.start()
        try:
            self._watch()
        finally:
            self._end()
            self._connection.close()
            for thread in threads:
                thread.join()
            self._connection.release()
        if self._mismatch:
            raise self._mismatch
        return self._greeted

    def _watch(self) -> None:
        stall = self._endpoint.pace.stall
        with self._changed:
            while not self._over and (left := self._heard + stall - time.monotonic()) > 0:
                self._changed.wait(left)

    def _end(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()

    # ------------------------------------------------------------------------------------------------------- reading

    def _read(self) -> None:
        try:
            # OSError and ValueError: the connection was closed under our hands.
            with contextlib.suppress(OutOfStep, OSError, ValueError):
                while not self._over and (frame := read_frame(self._connection.read)):
                    self._endpoint.last_heard = self._heard = time.monotonic()
                    with self._changed:
                        self._took(frame)
        finally:
            self._end()

    def _took(self, frame: Frame | Damaged) -> None:
        if isinstance(frame, Damaged):
            self._took_damaged(frame)
        elif frame.kind is Kind.HELLO:
            self._took_hello(frame)
        elif not self._greeted:
            raise OutOfStep("something else than a greeting came first")
        elif frame.kind in (Kind.DATA, Kind.END):
            inbox = self._inbox(frame.channel)
            if inbox.take(frame):
                self._ask_again(inbox)
        elif frame.kind in (Kind.ACK, Kind.AGAIN):
            self._took_wish(frame)
        else:
            self._took_ping(frame)

    def _took_damaged(self, frame: Damaged) -> None:
        if frame.kind not in (Kind.DATA, Kind.END):
            raise OutOfStep("a message about the connection itself was damaged")
        inbox = self._inbox(frame.channel)
        if frame.position <= inbox.received and inbox.missed():
            self._ask_again(inbox)

    def _took_wish(self, frame: Frame) -> None:
        outbox = self._endpoint.outboxes.get(frame.channel)
        if outbox is None:
            raise OutOfStep(f"channel {frame.channel} does not go this way")
        if frame.kind is Kind.ACK:
            outbox.acknowledged(frame.position)
        else:
            outbox.rewind(frame.position)
        self._changed.notify_all()

    def _took_ping(self, frame: Frame) -> None:
        for number, position in json.loads(frame.payload).items():
            inbox = self._inbox(int(number))
            if inbox.received < position:
                self._ask_again(inbox)

    def _took_hello(self, frame: Frame) -> None:
        greeting = json.loads(frame.payload)
        known = {"run": self._endpoint.run, "protocol": PROTOCOL}
        if any(greeting.get(key) != value for key, value in known.items()):
            self._mismatch = ServiceError(
                "the tool at the other end does not belong to this run", evidence=f"expected {known}, got {greeting}"
            )
            raise OutOfStep("another run")
        for number, position in greeting["received"].items():
            if int(number) in self._endpoint.outboxes:
                self._endpoint.outboxes[int(number)].rewind(position)
        self._greeted = True
        self._changed.notify_all()

    def _inbox(self, channel: int) -> Inbox:
        if channel not in self._endpoint.inboxes:
            raise OutOfStep(f"channel {channel} does not come this way")
        return self._endpoint.inboxes[channel]

    def _ask_again(self, inbox: Inbox) -> None:
        self._urgent.append(Frame(Kind.AGAIN, inbox.channel, inbox.received))
        self._changed.notify_all()

    # ------------------------------------------------------------------------------------------------------- writing

    def _hello(self) -> Frame:
        with self._changed:
            received = {}
            for inbox in self._endpoint.inboxes.values():
                inbox.connected()
                received[str(inbox.channel)] = inbox.received
        greeting = {"run": self._endpoint.run, "protocol": PROTOCOL, "received": received}
        return Frame(Kind.HELLO, payload=json.dumps(greeting).encode())

    def _write(self) -> None:
        try:
            with contextlib.suppress(OSError, ValueError):
                while not self._over and self._connection.write(encode(self._next_frame())):
                    pass
        finally:
            self._end()

    def _next_frame(self) -> Frame:
        """Waits until there is something to say; a ping when that takes long."""
        deadline = time.monotonic() + self._endpoint.pace.ping
        with self._changed:
            while True:
                frame = self._ready()
                if frame:
                    return frame
                left = deadline - time.monotonic()
                if left <= 0 or self._over:
                    return self._ping()
                self._changed.wait(left)

    def _ping(self) -> Frame:
        sent = (
            {str(box.channel): box.next_position for box in self._endpoint.outboxes.values()} if self._greeted else {}
        )
        return Frame(Kind.PING, payload=json.dumps(sent).encode())

    def _ready(self) -> Frame | None:
        if self._urgent:
            return self._urgent.pop(0)
        if not self._greeted:
            return None
        for inbox in self._endpoint.inboxes.values():
            if inbox.used > self._acknowledged.get(inbox.channel, 0):
                self._acknowledged[inbox.channel] = inbox.used
                return Frame(Kind.ACK, inbox.channel, inbox.used)
        for outbox in self._endpoint.outboxes.values():
            frame = outbox.next_frame()
            if frame:
                return frame
        return None
