"""An HTTP proxy on loopback that spoils some of what passes: overloaded, broken, slow and lying networks for tests.

    with FaultProxy(("127.0.0.1", server.port), by_chance(seed=1, rate=0.3)) as proxy:
        ... S3Settings(endpoint=proxy.endpoint, ...)

Requests are passed on unchanged, the Host header too, so that their signatures stay valid. Bodies are streamed and
connections are kept alive. As a program (`python s3_faults.py UPSTREAM_PORT --latency 0.02`) it prints its port.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self

CHUNK = 64 << 10
SLOW_DOWN = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
ACCESS_DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Fault(Enum):
    """What happens to one request or its answer."""

    SLOW_DOWN = "503 instead of an answer; the server never sees the request"
    REFUSE = "the connection is reset before an answer"
    RESET = "the connection is reset in the middle of the answer's body"
    SHORT = "the connection ends well in the middle of the answer's body"
    STALL = "the answer stops in the middle of its body and nothing more comes"
    FLIP = "one bit of the answer's body is another one"
    FLIP_UPLOAD = "one bit of the request's body is another one"
    LOST_ANSWER = "the server does what it is asked, and the connection is reset instead of the answer"


@dataclass(frozen=True)
class Request:
    """What a plan can go by."""

    number: int
    """Counted over all connections, from 0."""
    method: str
    target: str
    body_size: int


Plan = Callable[[Request], Fault | None]
"""Called once a request, from several threads, under a lock."""

ANY = (Fault.SLOW_DOWN, Fault.REFUSE, Fault.RESET, Fault.SHORT, Fault.FLIP, Fault.FLIP_UPLOAD, Fault.LOST_ANSWER)
"""All but STALL, which costs a whole timeout each time."""


def by_chance(seed: int, rate: float, faults: Iterable[Fault] = ANY) -> Plan:
    """Each request is spoiled with this probability."""
    chance, kinds = random.Random(seed), tuple(faults)
    return lambda _: chance.choice(kinds) if chance.random() < rate else None


def scripted(*faults: Fault | None, method: str = "GET") -> Plan:
    """The first requests of this method meet these faults, one after another; all others pass."""
    left = list(faults)
    return lambda request: left.pop(0) if left and request.method == method else None


def no_faults(_: Request) -> Fault | None:
    """Everything passes."""
    return None


class FaultProxy:
    """Listens on a port of 127.0.0.1 while its context is open. `plan` and `latency` may be changed at any time."""

    def __init__(
        self,
        upstream: tuple[str, int],
        plan: Plan = no_faults,
        *,
        latency: float = 0.0,
        bytes_per_second: int | None = None,
        stall_seconds: float = 60.0,
        hide_missing: bool = False,
    ) -> None:
        self.plan = plan
        self.latency = latency
        """Seconds added to each request."""
        self.bytes_per_second = bytes_per_second
        """Speed of each answer's body; None: as fast as it goes."""
        self.flip_at: Callable[[], float] = random.Random(5).random
        """Where in a body a bit is flipped, as a fraction of its size."""
        self.hide_missing = hide_missing
        """Answer 403 for missing keys, as Amazon does to an identity that may not list (SeaweedFS always says 404)."""
        self.spoiled: Counter[Fault] = Counter()
        self.requests: Counter[str] = Counter()
        """Requests by method, spoiled ones too."""
        self._upstream = upstream
        self._stall_seconds = stall_seconds
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def endpoint(self) -> str:
        """Its URL, to be used in place of the server's."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True, name="fault-proxy").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with self._lock:
            for one in (self._listener, *self._open):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    # ----------------------------------------------------------------------------------------------------- inner works

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True, name="fault-proxy").start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket()
        with self._lock:
            self._open |= {client, server}
        try:
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.connect(self._upstream)
            _Conversation(self, client, server).run()
        except (OSError, EOFError):
            _reset(client)
        finally:
            with self._lock:
                self._open -= {client, server}
            client.close()
            server.close()

    def decide(self, method: str, target: str, body_size: int) -> Fault | None:
        """Ask the plan what happens to this request."""
        with self._lock:
            fault = self.plan(Request(self.requests.total(), method, target, body_size))
            self.requests[method] += 1
            if fault:
                self.spoiled[fault] += 1
        return fault

    def stall(self) -> None:
        """Do nothing for as long as a stall lasts."""
        self._closing.wait(self._stall_seconds)


class _Conversation:
    """One client's connection and its own connection to the server."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._from_client = _Inbox(client)
        self._from_server = _Inbox(server)

    def run(self) -> None:
        """Pass on until either side ends."""
        while head := self._from_client.head():
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            size = _length(head) or 0
            fault = self._proxy.decide(method, target, size)
            if self._proxy.latency:
                time.sleep(self._proxy.latency)
            if not self._exchange(head, size, method, fault):
                return

    def _exchange(self, head: bytes, size: int, method: str, fault: Fault | None) -> bool:
        """One request and its answer; False when the connection is over."""
        if fault is Fault.REFUSE:
            raise EOFError
        if fault is Fault.SLOW_DOWN:
            self._from_client.skip(size)
            self._refuse(b"503 Slow Down", SLOW_DOWN, method)
            return True
        self._server.sendall(head)
        self._from_client.pass_on(size, self._server, flip_at=self._flip_at(size, fault is Fault.FLIP_UPLOAD))
        answer = self._from_server.head()
        while answer.startswith(b"HTTP/1.1 100"):
            self._client.sendall(answer)
            answer = self._from_server.head()
        if not answer or fault is Fault.LOST_ANSWER:
            raise EOFError
        if self._proxy.hide_missing and answer[9:12] == b"404" and method in ("GET", "HEAD"):
            self._from_server.skip(0 if method == "HEAD" else _length(answer) or 0)
            self._refuse(b"403 Forbidden", ACCESS_DENIED, method)
            return True
        return self._answer(answer, method, fault)

    def _flip_at(self, size: int, flips: bool) -> int | None:
        return int(self._proxy.flip_at() * size) if flips else None

    def _refuse(self, status: bytes, body: bytes, method: str) -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self._client.sendall(head if method == "HEAD" else head + body)

    def _answer(self, head: bytes, method: str, fault: Fault | None) -> bool:
        status = head[9:12]
        self._client.sendall(head)
        if method == "HEAD" or status in (b"204", b"304"):
            return True
        size = _length(head)
        if size is None and b"transfer-encoding: chunked" in head.lower():
            self._from_server.pass_chunks(self._client)
            return True
        if size is None:
            return False
        return self._body(size, fault if status in (b"200", b"206") and size else None)

    def _body(self, size: int, fault: Fault | None) -> bool:
        breaks = fault in (Fault.RESET, Fault.SHORT, Fault.STALL)
        flip_at = self._flip_at(size, fault is Fault.FLIP)
        speed = self._proxy.bytes_per_second
        self._from_server.pass_on(size // 2 if breaks else size, self._client, flip_at=flip_at, speed=speed)
        if fault is Fault.STALL:
            self._proxy.stall()
        if fault is Fault.SHORT:
            self._client.shutdown(socket.SHUT_WR)
            return False
        if breaks:
            raise EOFError
        return True


class _Inbox:
    """What comes from a socket, with a little put back."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source
        self._held = b""

    def head(self) -> bytes:
        """A message's lines up to the empty one; b"" when the other side is done."""
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            data = self._source.recv(CHUNK)
            if not data:
                return b""
            self._held += data
        head, self._held = self._held[: end + 4], self._held[end + 4 :]
        return head

    def skip(self, size: int) -> None:
        """Read and forget."""
        while size:
            size -= len(self._take(size))

    def pass_on(
        self, size: int, target: socket.socket, *, flip_at: int | None = None, speed: int | None = None
    ) -> None:
        """Send so many bytes on, with a bit changed at one place."""
        given = 0
        while given < size:
            data = self._take(size - given)
            if flip_at is not None and given <= flip_at < given + len(data):
                spoiled = bytearray(data)
                spoiled[flip_at - given] ^= 0x10
                data = bytes(spoiled)
            target.sendall(data)
            given += len(data)
            if speed:
                time.sleep(len(data) / speed)

    def pass_chunks(self, target: socket.socket) -> None:
        """Send a chunked body on, to its end."""
        while True:
            line = self._line()
            target.sendall(line)
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            self.pass_on(size + 2, target)
        while (line := self._line()) != b"\r\n":
            target.sendall(line)
        target.sendall(line)

    def _line(self) -> bytes:
        while (end := self._held.find(b"\n")) < 0:
            self._held += self._receive()
        line, self._held = self._held[: end + 1], self._held[end + 1 :]
        return line

    def _take(self, most: int) -> bytes:
        if not self._held:
            self._held = self._receive()
        data, self._held = self._held[:most], self._held[most:]
        return data

    def _receive(self) -> bytes:
        data = self._source.recv(CHUNK)
        if not data:
            raise EOFError
        return data


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return None


def _reset(one: socket.socket) -> None:
    """Close so that the other side sees a reset, not an end."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()


def main() -> None:
    """Run until the end of standard input, for benchmarks: a process of its own takes no time from the tool's."""
    parser = argparse.ArgumentParser(description="HTTP proxy with faults")
    parser.add_argument("upstream", type=int)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    plan = by_chance(options.seed, options.rate)
    with FaultProxy(("127.0.0.1", options.upstream), plan, latency=options.latency) as proxy:
        print(proxy.port, flush=True)
        with contextlib.suppress(EOFError):
            input()


if __name__ == "__main__":
    main()
