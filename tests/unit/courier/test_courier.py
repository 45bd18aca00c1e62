"""Bytes arrive, in order, once and unchanged, over connections that cut, damage, lose, repeat and stall."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from hashlib import sha256

import pytest

from fakes.broken_connections import KINDS, Broken, Trouble
from mxpc.adapters.sockets import SocketConnection
from mxpc.courier.endpoint import Endpoint, Pace
from mxpc.courier.line import Line, Patience
from mxpc.errors import KubernetesError, ServiceError
from mxpc.ports import Connection

UP, DOWN = 1, 2
WINDOW = 2 << 20
QUICK = Pace(ping=0.05, stall=0.3)
SOON = Patience(reconnect=5, first_pause=0.001, longest_pause=0.01)


class Pair:
    """Two endpoints; `connect` joins them over a new connection with trouble in both directions."""

    def __init__(self, trouble: Trouble, window: int = WINDOW) -> None:
        self.near = Endpoint("run", out={UP: window}, into=(DOWN,), pace=QUICK)
        self.far = Endpoint("run", out={DOWN: window}, into=(UP,), pace=QUICK)
        self.trouble = trouble
        self._serving: threading.Thread | None = None

    def connect(self) -> Connection:
        if self._serving:
            self._serving.join()
        near, far = socket.socketpair()
        self._serving = threading.Thread(
            target=self.far.serve, args=(Broken(SocketConnection(far), self.trouble),), daemon=True
        )
        self._serving.start()
        return Broken(SocketConnection(near), self.trouble)

    @contextlib.contextmanager
    def line(self) -> Iterator[Line]:
        with Line(self.near, self.connect, lambda: None, SOON) as line:
            yield line
        if self._serving:
            self._serving.join()


def send(endpoint: Endpoint, channel: int, data: bytes) -> threading.Thread:
    def work() -> None:
        for start in range(0, len(data), 100_000):
            assert endpoint.outboxes[channel].write(data[start : start + 100_000])
        endpoint.outboxes[channel].finish()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def receive(endpoint: Endpoint, channel: int) -> bytes:
    parts = []
    while part := endpoint.inboxes[channel].read(1 << 20):
        parts.append(part)
    return b"".join(parts)


def some_bytes(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize("kinds", [(kind,) for kind in KINDS] + [KINDS], ids="-".join)
def test_both_directions_arrive_whatever_happens_on_the_way(kinds: tuple[str, ...]) -> None:
    up, down = some_bytes(3_000_000, 1), some_bytes(9_000_000, 2)
    pair = Pair(Trouble(8, kinds=kinds, mean_bytes=300_000))
    with pair.line():
        threads = [send(pair.near, UP, up), send(pair.far, DOWN, down)]
        got_down = receive(pair.near, DOWN)
        got_up = receive(pair.far, UP)
        for thread in threads:
            thread.join()
    assert pair.trouble.done.total() == 8
    assert sha256(got_up).digest() == sha256(up).digest()
    assert sha256(got_down).digest() == sha256(down).digest()
    assert pair.near.inboxes[DOWN].sha256 == pair.far.outboxes[DOWN].sha256 == sha256(down).hexdigest()


def test_nothing_is_sent_twice_when_nothing_breaks() -> None:
    pair = Pair(Trouble(0))
    with pair.line() as line:
        send(pair.far, DOWN, some_bytes(5_000_000))
        receive(pair.near, DOWN)
    assert line.drops == 0
    assert pair.far.outboxes[DOWN].sent_again == 0


def test_only_the_damaged_part_is_sent_again_and_the_connection_stays() -> None:
    pair = Pair(Trouble(1, kinds=("damage",), mean_bytes=4_000_000, seed=3), window=1 << 20)
    with pair.line() as line:
        send(pair.far, DOWN, some_bytes(20_000_000))
        receive(pair.near, DOWN)
    assert pair.trouble.done.total() == 1
    assert line.drops <= 1
    assert pair.far.outboxes[DOWN].sent_again <= 1 << 21


def test_a_writer_waits_while_nobody_reads() -> None:
    pair = Pair(Trouble(0), window=1 << 20)
    with pair.line():
        thread = send(pair.far, DOWN, some_bytes(8_000_000))
        thread.join(0.5)
        assert thread.is_alive()
        assert pair.far.outboxes[DOWN].size <= (1 << 20) + (256 << 10)
        assert len(receive(pair.near, DOWN)) == 8_000_000


def test_an_empty_channel_ends_too() -> None:
    pair = Pair(Trouble(0))
    with pair.line():
        pair.far.outboxes[DOWN].finish()
        assert receive(pair.near, DOWN) == b""


def test_readers_and_writers_get_the_reason_why_no_connection_comes_any_more() -> None:
    endpoint = Endpoint("run", out={UP: 1 << 20}, into=(DOWN,), pace=QUICK)

    def gone() -> None:
        raise KubernetesError("the pod is gone")

    def connect() -> Connection:
        near, far = socket.socketpair()
        far.close()
        return SocketConnection(near)

    with Line(endpoint, connect, gone, SOON):
        with pytest.raises(KubernetesError, match="gone"):
            endpoint.inboxes[DOWN].read(1)
        with pytest.raises(KubernetesError, match="gone"):
            endpoint.outboxes[UP].write(bytes(5 << 20))


def test_patience_ends_when_no_connection_comes() -> None:
    endpoint = Endpoint("run", out={}, into=(DOWN,), pace=QUICK)

    def connect() -> Connection:
        near, far = socket.socketpair()
        far.close()
        return SocketConnection(near)

    with (
        Line(endpoint, connect, lambda: None, Patience(reconnect=0.05, first_pause=0.01)),
        pytest.raises(KubernetesError, match="no connection"),
    ):
        endpoint.inboxes[DOWN].read(1)


def test_another_run_at_the_other_end_is_refused() -> None:
    pair = Pair(Trouble(0))
    stranger = Endpoint("other", out={DOWN: 1 << 20}, into=(UP,), pace=QUICK)
    near, far = socket.socketpair()

    def serve() -> None:
        with contextlib.suppress(ServiceError):
            stranger.serve(SocketConnection(far))

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(ServiceError, match="does not belong to this run"):
        pair.near.serve(SocketConnection(near))
    thread.join()


def test_who_waits_to_write_is_released_when_nobody_wants_it_any_more() -> None:
    pair = Pair(Trouble(0), window=1 << 20)
    written = []
    thread = threading.Thread(target=lambda: written.append(pair.near.outboxes[UP].write(bytes(4 << 20))))
    thread.start()
    pair.near.outboxes[UP].abandon()
    thread.join(5)
    assert written == [False]
