"""A proxy on loopback that adds latency to each request and nothing else.

    python latency.py UPSTREAM_PORT SECONDS

It prints its port, and ends with its standard input. Of HTTP it knows only that a client that sends after it was
answered begins a new request: the first bytes of each are held back, everything else passes at once. A request costs
it about 0.1 ms of processor time, in a process of its own.
"""

from __future__ import annotations

import asyncio
import sys


class ClientSide(asyncio.Protocol):
    """The connection from a client; opens one to the server."""

    def __init__(self, port: int, latency: float) -> None:
        self._port = port
        self._latency = latency
        self._held: list[bytes] = []
        self._server: ServerSide | None = None
        self._blocked = False
        self.answered = True
        """The next bytes begin a request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            _, self._server = await asyncio.get_running_loop().create_connection(
                lambda: ServerSide(self), "127.0.0.1", self._port
            )
        except OSError:
            self.transport.abort()
        else:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        assert self._server
        if not self.answered:
            self._server.transport.write(data)
            return
        self.answered = False
        self._held.append(data)
        self.transport.pause_reading()
        asyncio.get_running_loop().call_later(self._latency, self._release)

    def _release(self) -> None:
        assert self._server
        for data in self._held:
            self._server.transport.write(data)
        self._held.clear()
        self.read_on(blocked=self._blocked)

    def read_on(self, *, blocked: bool) -> None:
        """Whether the server takes more."""
        self._blocked = blocked
        if self.transport.is_closing():
            return
        if blocked or self._held:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        if self._server:
            self._server.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._server and not self._server.transport.is_closing():
            self._server.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self._server:
            self._server.transport.close()


class ServerSide(asyncio.Protocol):
    """The connection to the server."""

    def __init__(self, client: ClientSide) -> None:
        self._client = client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        # "100 Continue" is no answer: the body that follows belongs to the same request.
        if not data.startswith(b"HTTP/1.1 100"):
            self._client.answered = True
        self._client.transport.write(data)

    def pause_writing(self) -> None:
        self._client.read_on(blocked=True)

    def resume_writing(self) -> None:
        self._client.read_on(blocked=False)

    def connection_lost(self, error: Exception | None) -> None:
        self._client.transport.close()


async def serve(port: int, latency: float) -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ClientSide(port, latency), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
