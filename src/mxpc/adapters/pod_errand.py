"""The tool at work in a pod: started with an archive that is a pipe or a file, heard, fed, and waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from io import FileIO
from pathlib import Path
from typing import IO, BinaryIO

from mxpc.courier.agreement import EVENTS, INWARD, OUTWARD, Carries, Ended, Errand, say_ended, say_line
from mxpc.courier.endpoint import Endpoint
from mxpc.errors import ToolError

PIECE = 1 << 20
GRACE_SECONDS = 600
"""Between asking the tool to end and killing it: a restore puts the old content back first."""
LONGEST_LINE = 1 << 16


class RunningErrand:
    """One errand. All its threads end when the tool has ended and the other side has what is its own."""

    def __init__(self, program: str, errand: Errand, folder: Path, endpoint: Endpoint) -> None:
        """`folder` is made, and has the archive under its name, as a file or as a link to a pipe."""
        self._program = program
        self._errand = errand
        self._folder = folder
        self._endpoint = endpoint
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="errand", daemon=True)

    def start(self) -> None:
        """Returns at once."""
        self._folder.mkdir(mode=0o700, exist_ok=True)  # a volume of its own when it is spooled
        self._thread.start()

    def needs_nobody(self) -> bool:
        """Whether it can go on to its end without the other side: a restore that has all of its archive."""
        return self._errand.carries is not Carries.OUT and (
            self._errand.carries is Carries.NOTHING or self._endpoint.inboxes[INWARD].is_ended()
        )

    def signal(self, number: int) -> None:
        """Pass a signal on; before the tool was started, it will not be."""
        self._stopped = True
        process = self._process
        if process and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
        # What is not sent yet will not be: nobody keeps an archive without an end.
        self._endpoint.outboxes[OUTWARD].abandon()

    def stop(self) -> None:
        """Ask the tool to end, and wait for it; kill it when that takes too long."""
        self.signal(signal.SIGTERM)
        process = self._process
        if process:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self.wait()

    def wait(self) -> None:
        """Until the end was told, or nobody can be told any more."""
        self._thread.join()

    # ------------------------------------------------------------------------------------------------------ one errand

    def _run(self) -> None:
        # A ToolError: the other side is gone for good, and the worker ends.
        with contextlib.suppress(ToolError):
            try:
                ended = self._work()
            except OSError as cause:
                say_line(self._endpoint.outboxes[EVENTS], f"error: the tool cannot work in the pod: {cause}")
                ended = Ended(3)
            self._endpoint.outboxes[OUTWARD].finish()
            say_ended(self._endpoint.outboxes[EVENTS], ended)
            self._endpoint.outboxes[EVENTS].finish()

    def _work(self) -> Ended:
        archive = self._folder / self._errand.name
        if self._errand.spooled and self._errand.carries is Carries.IN:
            with archive.open("wb") as file:
                self._take_in(file)
        ended = self._started(archive) if not self._stopped else Ended(128 + signal.SIGTERM)
        if self._errand.spooled and self._errand.carries is Carries.OUT and ended.code in (0, 7):
            with archive.open("rb") as file:
                self._send_out(file)
        box = self._endpoint.outboxes[OUTWARD]
        return Ended(ended.code, ended.result, box.size, box.sha256)

    def _started(self, archive: Path) -> Ended:
        if self._errand.spooled or self._errand.carries is Carries.NOTHING:
            return self._finish(self._start(), None)
        reader, writer = os.pipe()
        goes_out = self._errand.carries is Carries.OUT
        theirs, ours = (writer, reader) if goes_out else (reader, writer)
        try:
            # Under its name: an ending of .tar.gz decides what is written, and messages call it so.
            archive.symlink_to(f"/dev/fd/{theirs}")
            process = self._start(theirs)
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        carrier = threading.Thread(target=self._drain if goes_out else self._feed, args=(ours,), daemon=True)
        carrier.start()
        return self._finish(process, carrier if goes_out else None)

    def _start(self, *kept: int) -> subprocess.Popen[bytes]:
        named = () if self._errand.carries is Carries.NOTHING else ("-f", self._errand.name)
        program = str(Path(self._program).absolute()) if "/" in self._program else self._program
        process = subprocess.Popen(
            [program, *self._errand.arguments, *named],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=kept,
            start_new_session=True,
        )
        self._process = process
        if self._stopped:
            self.signal(signal.SIGTERM)
        return process

    def _finish(self, process: subprocess.Popen[bytes], carrier: threading.Thread | None) -> Ended:
        assert process.stdout
        assert process.stderr
        with process.stdout, process.stderr:
            listener = threading.Thread(target=self._pass_on, args=(process.stderr,), daemon=True)
            listener.start()
            result = process.stdout.read().decode("utf-8", "replace")
            code = process.wait()
            listener.join()
        if carrier:
            carrier.join()
        return Ended(code if code >= 0 else 128 - code, result)

    def _pass_on(self, stream: IO[bytes]) -> None:
        # To the end, also when nobody listens any more: the tool must not hang on a full pipe.
        listening = True
        while line := stream.readline(LONGEST_LINE):
            text = line.decode("utf-8", "replace").rstrip()
            sys.stderr.write(text + "\n")
            try:
                if listening:
                    say_line(self._endpoint.outboxes[EVENTS], text)
            except ToolError:
                listening = False

    def _drain(self, descriptor: int) -> None:
        with contextlib.suppress(ToolError), os.fdopen(descriptor, "rb", buffering=0) as pipe:
            self._send_out(pipe)

    def _feed(self, descriptor: int) -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb", buffering=0) as pipe:
            try:
                self._take_in(pipe)
            except ToolError:
                # The other side is gone. Before the pipe ends: the archive must not seem to be one that was cut off.
                self.signal(signal.SIGTERM)

    def _send_out(self, source: BinaryIO | FileIO) -> None:
        while (data := source.read(PIECE)) and self._endpoint.outboxes[OUTWARD].write(data):
            pass

    def _take_in(self, target: BinaryIO | FileIO) -> None:
        while data := self._endpoint.inboxes[INWARD].read(PIECE):
            view = memoryview(data)
            while view:
                view = view[target.write(view) or 0 :]
