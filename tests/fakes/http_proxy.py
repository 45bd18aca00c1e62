"""An HTTP proxy on loopback, as companies have them: it knows CONNECT and plain requests, and remembers them."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from fakes.tls_front import join


class HttpProxy:
    """`ports` says where a `host:port` really is, on loopback: the names need not exist anywhere else.

    With `login` (`user:password`) nobody else may use it. `asked` has the method and `host:port` of each request.
    """

    def __init__(self, ports: Mapping[str, int], *, login: str | None = None) -> None:
        self._ports = ports
        self._expected = f"Basic {base64.b64encode(login.encode()).decode()}" if login else None
        self._login = login
        self.asked: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        login = f"{self._login}@" if self._login else ""
        return f"http://{login}127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                if port := self._port(self.path):
                    self.send_response(200)
                    self.end_headers()
                    join(self.connection, socket.create_connection(("127.0.0.1", port)))
                self.close_connection = True

            def _forward(self) -> None:
                url = urlsplit(self.path)
                port = self._port(f"{url.hostname}:{url.port or 80}")
                if not port:
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
                with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                    target = url._replace(scheme="", netloc="").geturl() or "/"
                    connection.request(self.command, target, body or None, headers)
                    self._pass_on(connection.getresponse())

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _forward

            def _pass_on(self, response: http.client.HTTPResponse) -> None:
                body = response.read()
                self.send_response(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                if response.getheader("Content-Length") is None and response.status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _port(self, authority: str) -> int | None:
                """Where to go; None once the request was refused."""
                proxy.asked.append((self.command, authority))
                if proxy._expected and self.headers.get("Proxy-Authorization") != proxy._expected:
                    self._refuse(407, {"Proxy-Authenticate": "Basic"})
                    return None
                if authority not in proxy._ports:
                    self._refuse(502, {})
                    return None
                return proxy._ports[authority]

            def _refuse(self, status: int, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler
