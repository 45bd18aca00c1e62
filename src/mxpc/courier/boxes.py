"""The two ends of a channel: what is on its way out, and what has come in. Both outlive any connection.

All boxes of an endpoint share one condition: whoever changes something tells all who wait.
"""

from __future__ import annotations

import threading
from collections import deque
from hashlib import sha256

from mxpc.courier.frames import CHUNK, Frame, Kind, OutOfStep
from mxpc.errors import ServiceError, ToolError


class Box:
    """What both kinds share: a channel's number, and the error that ends all waiting."""

    def __init__(self, channel: int, changed: threading.Condition) -> None:
        self.channel = channel
        self._changed = changed
        self._error: ToolError | None = None

    def fail(self, error: ToolError) -> None:
        """Whoever waits for this box, now or later, gets the error."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def _wait(self) -> None:
        if self._error:
            raise self._error
        self._changed.wait()


class Outbox(Box):
    """Bytes that are kept until the other side has used them: at most `window`, and a chunk."""

    def __init__(self, channel: int, changed: threading.Condition, window: int) -> None:
        super().__init__(channel, changed)
        self._window = window
        self._kept: dict[int, bytes] = {}
        self._written = 0
        self._acknowledged = 0
        self._next = 0
        self._digest = sha256()
        self._ended = self._abandoned = False
        self.sent_again = 0
        """Bytes that were sent more than once."""

    def write(self, data: bytes | memoryview) -> bool:
        """Append; waits while the window is full. False when nobody wants it any more. Raises what `fail` was given."""
        view = memoryview(data)
        while view:
            chunk = bytes(view[:CHUNK])
            with self._changed:
                while self._written - self._acknowledged >= self._window and not self._abandoned:
                    self._wait()
                if self._error:
                    raise self._error
                if self._abandoned:
                    return False
                self._kept[self._written] = chunk
                self._written += len(chunk)
                self._digest.update(chunk)
                self._changed.notify_all()
            view = view[len(chunk) :]
        return True

    def finish(self) -> None:
        """No more will be written. May be repeated."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """The other side does not want it any more: `write` returns False from now on."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._written

    @property
    def sha256(self) -> str:
        """Of all bytes written so far."""
        return self._digest.hexdigest()

    def is_through(self) -> bool:
        """Whether the other side has used everything, the end included. Call with the condition held."""
        return self._ended and self._acknowledged > self._written

    def next_frame(self) -> Frame | None:
        """The next frame to send. Call with the condition held."""
        chunk = self._kept.get(self._next)
        if chunk is not None:
            frame = Frame(Kind.DATA, self.channel, self._next, chunk)
            self._next += len(chunk)
            return frame
        if self._ended and self._next == self._written:
            self._next += 1
            return Frame(Kind.END, self.channel, self._written, self._digest.digest())
        return None

    def acknowledged(self, position: int) -> None:
        """The other side has used everything before `position`. Call with the condition held."""
        self._acknowledged = max(self._acknowledged, position)
        for start in list(self._kept):
            if start + len(self._kept[start]) > position:
                break
            del self._kept[start]

    @property
    def was_used(self) -> bool:
        """Whether the other side has used any of it."""
        return self._acknowledged > 0

    @property
    def next_position(self) -> int:
        """Where the next frame begins."""
        return self._next

    def rewind(self, position: int) -> None:
        """Send from `position` on. Call with the condition held. Raises OutOfStep when that is not there any more."""
        if position not in self._kept and position not in (self._written, self._written + self._ended):
            raise OutOfStep(f"channel {self.channel} has no chunk at {position}")
        self.sent_again += max(0, min(self._next, self._written) - position)
        self._next = position


class Inbox(Box):
    """Bytes in their order, each once. What is not yet read is bounded by the sender's window."""

    def __init__(self, channel: int, changed: threading.Condition) -> None:
        super().__init__(channel, changed)
        self._waiting: deque[bytes] = deque()
        self._digest = sha256()
        self._asked_at = -1
        self._ended = False
        self.received = 0
        """The position that is expected next; one more than the channel's size after its end."""
        self.used = 0
        """What may be acknowledged."""

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes, waits for them; b"" at the proven end. Raises what `fail` was given."""
        with self._changed:
            while not self._waiting and not self._ended:
                self._wait()
            if not self._waiting:
                self.used = self.received
                self._changed.notify_all()
                return b""
            data = self._waiting.popleft()
            if len(data) > size:
                self._waiting.appendleft(data[size:])
                data = data[:size]
            self.used += len(data)
            self._changed.notify_all()
            return data

    @property
    def sha256(self) -> str:
        """Of all bytes received so far."""
        return self._digest.hexdigest()

    def is_ended(self) -> bool:
        """Whether the end has come."""
        return self._ended

    def take(self, frame: Frame) -> bool:
        """A chunk or the end came; whether it has to be asked for again. Call with the condition held."""
        if frame.position > self.received:
            return self.missed()
        if frame.position < self.received or self._ended:
            return False
        if frame.kind is Kind.END:
            self._end(frame)
        else:
            self._waiting.append(frame.payload)
            self._digest.update(frame.payload)
            self.received += len(frame.payload)
        self._changed.notify_all()
        return False

    def missed(self) -> bool:
        """A chunk was damaged; whether to ask: once for each gap, for all that was under way comes again anyhow."""
        ask = self._asked_at != self.received
        self._asked_at = self.received
        return ask

    def connected(self) -> None:
        """A new connection: what was asked for before counts no more."""
        self._asked_at = -1

    def _end(self, frame: Frame) -> None:
        if frame.payload != self._digest.digest():
            self._error = ServiceError(
                "what arrived is not what was sent",
                evidence=f"SHA-256 {self.sha256} after {self.received} bytes, {frame.payload.hex()} was sent",
            )
            return
        self._ended = True
        self.received += 1
