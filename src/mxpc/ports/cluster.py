"""What a jump pod needs of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


class Connection(Protocol):
    """Bytes in both directions between two processes. It breaks at any moment; one thread reads, another one writes."""

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; b"" when it is over, for whatever reason."""

    def write(self, data: bytes, /) -> bool:
        """Send all of it; False when it is over."""

    def close(self) -> None:
        """End it, and with it whoever waits in `read` or `write`. Any thread; may be repeated."""

    def release(self) -> None:
        """Give back what the system lent for it, once nobody reads or writes any more. Closes it first."""


Manifest = dict[str, Any]
"""A Kubernetes object as JSON has it."""


class Cluster(Protocol):
    """The objects of one namespace. One thread. Raises KubernetesError, or RequestError for what can never be."""

    def create(self, manifest: Manifest) -> Manifest:
        """Make an object; as it is there now. One of that name that is there already counts as made."""

    def get(self, kind: str, name: str) -> Manifest | None:
        """The object, or None."""

    def labelled(self, kind: str, labels: Mapping[str, str]) -> list[Manifest]:
        """All of a kind with these labels."""

    def events(self, pod: str) -> list[Manifest]:
        """What the cluster says about a pod."""

    def delete(self, kind: str, name: str) -> None:
        """Begin to remove an object; nothing happens when there is none."""


@dataclass(frozen=True)
class ShellResult:
    """How a command in a pod ended: None as code when it did not end in time."""

    code: int | None
    output: bytes
    complaint: str


class PodShell(Protocol):
    """Commands inside of one pod, in the folder that its container starts in. The way there may break at any time."""

    def run(self, command: Sequence[str], feed: bytes = b"", *, seconds: float = 60.0) -> ShellResult:
        """Run a command to its end. What breaks on the way shows as a code, or as output that is cut short."""

    def open(self, command: Sequence[str]) -> Connection:
        """A command's standard input and output."""

    def complaint(self) -> str:
        """The last words about the last command that was opened."""


class Life(Enum):
    """Whether the process of a run still runs."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """It is not of this machine, or of another user."""


class RunRegister(Protocol):
    """Which runs are alive, as far as this machine knows."""

    def alive(self, run: str) -> AbstractContextManager[None]:
        """The run is alive as long as the context, or at most as long as this process, lasts."""

    def life(self, run: str) -> Life:
        """What is known of a run."""

    def forget(self, run: str) -> None:
        """A dead run has left nothing any more."""
