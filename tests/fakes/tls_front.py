"""TLS in front of a server that has none: it decrypts, and passes every byte on as it is."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import trustme


class TlsFront:
    """Listens on loopback with a certificate for `name` from a CA of its own, and leads to `port`."""

    def __init__(self, port: int, folder: Path, name: str = "localhost") -> None:
        """`ca_file` is written into `folder`, alone in a folder of its own."""
        self._port = port
        authority = trustme.CA()
        place = folder / f"ca-{name}"
        place.mkdir()
        self.ca_file = place / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            encrypted = self._context.wrap_socket(client, server_side=True)
            join(encrypted, socket.create_connection(("127.0.0.1", self._port)))


def join(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until both sides have ended; closes both."""
    with one, other:
        back = threading.Thread(target=_pass, args=(other, one), daemon=True)
        back.start()
        _pass(one, other)
        back.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        for data in _chunks(source):
            target.sendall(data)
    # The other direction waits for more of a side that is gone.
    for side in (source, target):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


def _chunks(source: socket.socket) -> Iterator[bytes]:
    while data := source.recv(1 << 16):
        yield data
