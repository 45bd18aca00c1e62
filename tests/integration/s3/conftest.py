"""A bucket of the test's own, behind a proxy that can spoil what passes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fakes.s3_faults import FaultProxy
from mxpc.adapters.s3 import S3FileStore
from mxpc.demo.s3 import S3Server
from mxpc.model import S3Settings
from surroundings import new_bucket


@dataclass
class Bucket:
    """A fresh bucket: reached straight (`direct`) and through the proxy (`store`)."""

    settings: S3Settings
    proxy: FaultProxy
    server: S3Server

    @property
    def direct(self) -> S3FileStore:
        return S3FileStore(self.settings)

    @property
    def proxied(self) -> S3Settings:
        return dataclasses.replace(self.settings, endpoint=self.proxy.endpoint)

    @property
    def store(self) -> S3FileStore:
        return S3FileStore(self.proxied)


@pytest.fixture
def bucket(s3: S3Server) -> Iterator[Bucket]:
    name, identity = new_bucket(s3)
    with FaultProxy(("127.0.0.1", s3.port), stall_seconds=20) as proxy:
        yield Bucket(s3.settings_for(name, identity), proxy, s3)


@pytest.fixture
def answering() -> Iterator[Callable[[int, str], str]]:
    """Makes a server that gives every request the same answer; returns its URL."""
    servers = []

    def make(status: int, body: str) -> str:
        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()
