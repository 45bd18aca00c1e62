"""A connection that comes back: whenever it breaks, another one is opened, and all goes on where it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from mxpc.courier.endpoint import Endpoint
from mxpc.errors import KubernetesError, ToolError
from mxpc.ports import Connection


@dataclass(frozen=True)
class Patience:
    """How long to go on without a connection, in seconds."""

    reconnect: float = 600.0
    first_pause: float = 0.2
    """Doubled after each attempt that failed, up to `longest_pause`."""
    longest_pause: float = 10.0


class Line:
    """Keeps an endpoint connected while its context lasts."""

    def __init__(
        self,
        endpoint: Endpoint,
        connect: Callable[[], Connection],
        check: Callable[[], None],
        patience: Patience | None = None,
        on_drop: Callable[[], None] = lambda: None,
    ) -> None:
        """`check` is asked after each break; it raises the ToolError that says why no connection can come any more.

        `on_drop` is told when a connection that worked is gone.
        """
        self._endpoint = endpoint
        self._connect = connect
        self._check = check
        self._patience = patience or Patience()
        self._on_drop = on_drop
        self._closing = threading.Event()
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_connected, name="line to the pod", daemon=True)
        self.drops = 0
        """Connections that worked and broke."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with self._lock:
            if self._connection:
                self._connection.close()
        self._thread.join()

    def no_more(self) -> None:
        """The connection that there is will do: when it breaks, that is no news."""
        self._closing.set()

    def is_over(self) -> bool:
        """Whether no connection is there or to come."""
        return not self._thread.is_alive()

    def _keep_connected(self) -> None:
        try:
            self._go_on()
        except ToolError as error:
            self._endpoint.fail(error)

    def _go_on(self) -> None:
        last_good, pause = time.monotonic(), self._patience.first_pause
        while not self._closing.is_set():
            heard = self._once()
            if self._closing.is_set():
                return
            self._check()
            if heard:
                self.drops += 1
                self._on_drop()
                last_good, pause = time.monotonic(), self._patience.first_pause
            elif time.monotonic() - last_good > self._patience.reconnect:
                raise KubernetesError(
                    f"no connection into the pod for {self._patience.reconnect:.0f} seconds",
                    hint="check the network to the Kubernetes API; --reconnect-for waits longer",
                )
            self._closing.wait(pause)
            pause = min(2 * pause, self._patience.longest_pause)

    def _once(self) -> bool:
        connection = self._connect()
        with self._lock:
            self._connection = connection
        if self._closing.is_set():
            connection.release()
            return False
        return self._endpoint.serve(connection)
