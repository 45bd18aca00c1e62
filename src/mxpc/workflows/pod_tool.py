"""Bringing the tool into a pod that has nothing but `sh` and coreutils: in numbered pieces, each checked there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath

from mxpc.errors import KubernetesError, RequestError
from mxpc.ports import PodShell, ShellResult
from mxpc.progress import Progress, Task
from mxpc.workflows.pod_objects import PROGRAM_NAME

PIECE = 4 << 20
"""Bytes: one that is lost costs a second or so, and 60 MB are fifteen calls."""
TRIES = 30
PAUSE = 0.2
"""Seconds before a piece is asked for again; doubled up to LONGEST_PAUSE."""
LONGEST_PAUSE = 10.0
PIECE_SECONDS = 120.0

_TAKE = 'umask 077 && cat > "$1.new" && chmod "$2" "$1.new" && sha256sum < "$1.new" && mv "$1.new" "$1"'
_JOIN = """\
umask 077; i=0
while [ -f "$1.$i" ]; do cat "$1.$i" || exit; i=$((i + 1)); done > "$1.new" &&
chmod "$2" "$1.new" && sha256sum < "$1.new" && mv "$1.new" "$1"
"""
_CLEAR = 'rm -f "$1".*'


@dataclass(frozen=True)
class BroughtFile:
    """Something for the pod, under a plain name; `content` gives all of it, whenever it is asked."""

    name: str
    content: bytes
    executable: bool = False


def bring_tool(shell: PodShell, tool: BroughtFile | None, progress: Progress, check: Callable[[], None]) -> str:
    """The program to start in the pod: the image's own, else `tool`, brought there.

    `check` raises when there is no pod any more. Raises RequestError when there is neither, KubernetesError.
    """
    bringer = Bringer(shell, progress, check)
    if tool is None:
        found = bringer.asked(["sh", "-c", f"command -v {PROGRAM_NAME} && {PROGRAM_NAME} --version"])
        if found.code == 0:
            progress.noted(f"the image has {found.output.decode('utf-8', 'replace').split()[-1]} of the tool")
            return PROGRAM_NAME
        raise RequestError(
            "the pod's image does not have the tool, and there is none to bring there",
            evidence=f"no {PROGRAM_NAME} in the image; {found.complaint}".rstrip("; "),
            hint="name the single-file program for Linux with --tool FILE (`make dist` builds it), or with --image an "
            "image that has the tool",
        )
    bringer.bring(tool)
    _try_out(bringer, f"./{tool.name}")
    return f"./{tool.name}"


def _try_out(bringer: Bringer, program: str) -> None:
    tried = bringer.asked([program, "--version"])
    if tried.code != 0:
        machine = bringer.asked(["uname", "-sm"]).output.decode("utf-8", "replace").strip()
        raise RequestError(
            "the tool that was brought into the pod does not start there",
            evidence=f"exit code {tried.code} on {machine}: {tried.complaint[-500:]}",
            hint="is it the program for the node's kind of processor? --node-selector kubernetes.io/arch=amd64 chooses "
            "nodes; the image must be one with glibc (not Alpine)",
        )


class Bringer:
    """Sends files by commands that may be repeated."""

    def __init__(self, shell: PodShell, progress: Progress, check: Callable[[], None]) -> None:
        self._shell = shell
        self._progress = progress
        self._check = check

    def bring(self, file: BroughtFile) -> None:
        """The file is there, whole, when this returns. May be repeated."""
        assert PurePosixPath(file.name).name == file.name
        mode = "700" if file.executable else "600"
        if len(file.content) <= PIECE:
            self._take(["sh", "-c", _TAKE, "sh", file.name, mode], file.content, sha256(file.content).hexdigest())
        else:
            self._bring_in_pieces(file, mode)

    def _bring_in_pieces(self, file: BroughtFile, mode: str) -> None:
        self._progress.started(Task.BRING_TOOL, total_bytes=len(file.content))
        self._again(["sh", "-c", _CLEAR, "sh", file.name], b"", lambda result: result.code == 0, "making room")
        for number, start in enumerate(range(0, len(file.content), PIECE)):
            piece = file.content[start : start + PIECE]
            self._take(["sh", "-c", _TAKE, "sh", f"{file.name}.{number}", "600"], piece, sha256(piece).hexdigest())
            self._progress.advanced(Task.BRING_TOOL, byte_count=len(piece))
        self._take(["sh", "-c", _JOIN, "sh", file.name, mode], b"", sha256(file.content).hexdigest())
        self._again(["sh", "-c", _CLEAR, "sh", file.name], b"", lambda result: result.code == 0, "tidying up")
        self._progress.finished(Task.BRING_TOOL)

    def asked(self, command: list[str]) -> ShellResult:
        """A command whose exit code is an answer; again while it is the way there that fails."""
        marked = ["sh", "-c", '"$@"; code=$?; echo; echo "ended $code"', "sh", *command]
        done = self._again(marked, b"", lambda result: b"\nended " in result.output, command[0])
        output, _, code = done.output.rpartition(b"\nended ")
        return ShellResult(int(code), output, done.complaint)

    def _take(self, command: list[str], feed: bytes, digest: str) -> None:
        self._again(command, feed, lambda result: result.output.split()[:1] == [digest.encode()], "sending a piece")

    def _again(
        self, command: list[str], feed: bytes, good: Callable[[ShellResult], bool], what: str
    ) -> ShellResult:  # fmt: skip
        pause = PAUSE
        for _ in range(TRIES):
            result = self._shell.run(command, feed, seconds=PIECE_SECONDS)
            if good(result):
                return result
            self._check()
            if "orbidden" in result.complaint:
                raise KubernetesError(
                    "commands may not be run in the pod",
                    evidence=result.complaint,
                    hint="the login needs the verbs get and create on pods/exec: docs/jump-pod.md has the role",
                )
            self._progress.noted(f"again: {what} (exit code {result.code}, {result.complaint[-200:]})")
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        raise KubernetesError(
            f"{what} failed {TRIES} times in the pod",
            evidence=f"exit code {result.code}: {result.complaint[-500:]}",
            hint="the connection to the Kubernetes API breaks all the time, or the pod has no room in its folder",
        )
