"""A Connection over a socket."""

from __future__ import annotations

import contextlib
import socket


class SocketConnection:
    """Both directions of a connected socket."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def read(self, size: int, /) -> bytes:
        try:
            return self._end.recv(size)
        except OSError:
            return b""

    def write(self, data: bytes, /) -> bool:
        try:
            self._end.sendall(data)
        except OSError:
            return False
        return True

    def close(self) -> None:
        # Without the shutdown whoever waits in `recv` would wait on.
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        self.close()
        self._end.close()
