"""The main process of a jump pod: it works on while connections come and go, and ends when nobody has come for long.

It listens on a socket in its folder; each `kubectl exec` into the pod runs `attach`, which is nothing but a pipe from
its own standard streams to that socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from pathlib import Path

from mxpc.adapters.pod_errand import RunningErrand
from mxpc.adapters.sockets import SocketConnection
from mxpc.courier.agreement import (
    ARCHIVE_WINDOW,
    COMMANDS,
    EVENTS,
    INWARD,
    MESSAGE_WINDOW,
    OUTWARD,
    Errand,
    messages,
)
from mxpc.courier.endpoint import Endpoint, Pace
from mxpc.errors import Interrupted, KubernetesError, ServiceError

SOCKET = "worker.sock"
"""In the folder that the pod starts in. Relative: the path of a socket may have 107 bytes."""
ATTACH_SECONDS = 20
"""The worker may just be starting."""


class PodWorker:
    """Waits for one errand, runs it, and hands over what comes of it."""

    def __init__(self, program: str, run: str, *, patience: float, pace: Pace | None = None) -> None:
        """`patience`: seconds without any connection after which it gives up."""
        self._program = program
        self._patience = patience
        windows = {EVENTS: MESSAGE_WINDOW, OUTWARD: ARCHIVE_WINDOW}
        self._endpoint = Endpoint(run, out=windows, into=(COMMANDS, INWARD), pace=pace)
        self._errand: RunningErrand | None = None

    def work(self) -> None:
        """Until the other side says goodbye. Raises KubernetesError when nobody came for too long."""
        Path(SOCKET).unlink(missing_ok=True)
        with _new_socket() as listener:
            listener.bind(SOCKET)
            listener.listen()
            for task in (self._answer, self._lose_patience):
                threading.Thread(target=task, args=(listener,), daemon=True).start()
            try:
                self._obey()
                self._wait()
            except KubernetesError:
                self._give_up()
                raise
            except Interrupted:
                # The pod is being deleted: a restore has until the end of its grace period to put things back.
                if self._errand:
                    self._errand.stop()
                raise

    def _obey(self) -> None:
        for message in messages(self._endpoint.inboxes[COMMANDS]):
            if isinstance(message, Errand):
                self._errand = RunningErrand(self._program, message, Path("errand"), self._endpoint)
                self._errand.start()
            elif isinstance(message, int) and self._errand:
                self._errand.signal(message)

    def _wait(self) -> None:
        if self._errand:
            self._errand.wait()

    def _give_up(self) -> None:
        """Nobody comes any more: end the tool, unless it has all that it needs to complete its work."""
        if self._errand and not self._errand.needs_nobody():
            self._errand.stop()
        self._wait()

    def _answer(self, listener: socket.socket) -> None:
        """One connection at a time: a new one means that the old one is dead, known here or not."""
        serving: threading.Thread | None = None
        current: SocketConnection | None = None
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                if current and serving:
                    current.close()
                    serving.join()
                current = SocketConnection(accepted)
                serving = threading.Thread(target=self._serve, args=(current,), daemon=True)
                serving.start()

    def _serve(self, connection: SocketConnection) -> None:
        with contextlib.suppress(ServiceError):  # another run's: it is told so, and this one goes on
            self._endpoint.serve(connection)

    def _lose_patience(self, _listener: socket.socket) -> None:
        while (left := self._endpoint.last_heard + self._patience - time.monotonic()) > 0:
            time.sleep(left)
        self._endpoint.fail(
            KubernetesError(
                f"nobody was heard for {self._patience:.0f} seconds", hint="The program that made this pod is gone."
            )
        )


def attach() -> None:
    """Join standard input and output with the worker's socket, until one of them ends."""
    end = _connected()

    def outward() -> None:
        with contextlib.suppress(OSError):
            while data := end.recv(1 << 16):
                view = memoryview(data)
                while view:
                    view = view[os.write(sys.stdout.fileno(), view) :]
        os._exit(0)  # the other direction may wait for input that never comes

    threading.Thread(target=outward, daemon=True).start()
    with contextlib.suppress(OSError):
        while data := os.read(sys.stdin.fileno(), 1 << 16):
            end.sendall(data)
        end.shutdown(socket.SHUT_RDWR)


def _connected() -> socket.socket:
    deadline = time.monotonic() + ATTACH_SECONDS
    while True:
        end = _new_socket()
        try:
            end.connect(SOCKET)
        except OSError as cause:
            end.close()
            if time.monotonic() > deadline:
                raise KubernetesError("the worker of this pod does not answer", evidence=str(cause)) from cause
            time.sleep(0.1)
        else:
            return end


def _new_socket() -> socket.socket:
    if sys.platform == "win32":
        raise OSError("pods run Linux")
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
