"""A server that speaks PostgreSQL just long enough to hear user and password, over TLS only, and refuses both."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from dataclasses import dataclass
from typing import Self

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104


@dataclass(frozen=True)
class Attempt:
    """One login that was tried."""

    user: str
    password: str


class PostgresGate:
    """Keeps every attempt to log in; each is refused as RDS does it."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self.attempts: list[Attempt] = []
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                self._talk(client)
        except OSError:
            return

    def _talk(self, client: socket.socket) -> None:
        while True:
            code, body = _startup(client)
            if code == GSS_REQUEST or (code == SSL_REQUEST and not self._tls):
                client.sendall(b"N")
            elif code == SSL_REQUEST:
                assert self._tls
                client.sendall(b"S")
                with self._tls.wrap_socket(client, server_side=True) as encrypted:
                    self._hear(encrypted, _startup(encrypted)[1])
                return
            else:
                self._hear(client, body)
                return

    def _hear(self, client: socket.socket, body: bytes) -> None:
        fields = body.split(b"\0")
        user = dict(zip(fields[::2], fields[1::2], strict=False))[b"user"].decode()
        client.sendall(b"R" + struct.pack("!ii", 8, 3))
        _exactly(client, 1)
        (length,) = struct.unpack("!i", _exactly(client, 4))
        self.attempts.append(Attempt(user, _exactly(client, length - 4).rstrip(b"\0").decode()))
        said = f'SFATAL\0VFATAL\0C28000\0MPAM authentication failed for user "{user}"\0\0'.encode()
        client.sendall(b"E" + struct.pack("!i", len(said) + 4) + said)
        client.shutdown(socket.SHUT_RDWR)


def _startup(client: socket.socket) -> tuple[int, bytes]:
    (length,) = struct.unpack("!i", _exactly(client, 4))
    body = _exactly(client, length - 4)
    return struct.unpack("!i", body[:4])[0], body[4:]


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data
