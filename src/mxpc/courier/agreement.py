"""What the two ends of a jump pod say to each other: the channels, and one JSON object a line on two of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from mxpc.courier.boxes import Inbox, Outbox

COMMANDS, EVENTS, INWARD, OUTWARD = 1, 2, 3, 4
"""To the pod, from the pod: messages. Into the pod, out of the pod: an archive."""
MESSAGE_WINDOW = 1 << 20
ARCHIVE_WINDOW = 32 << 20
"""Bytes of an archive that are on their way and may be asked for again; on either side, so much memory is needed.
What a link of 1 Gbit/s carries in a quarter of a second, and what a tool goes on to write while a connection comes
back."""


class Carries(StrEnum):
    """Which way the archive goes."""

    OUT = "out"
    IN = "in"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Errand:
    """What the tool in the pod is started with."""

    arguments: tuple[str, ...]
    """All but the archive: `-f name` is added where an archive is carried."""
    name: str
    """What the archive is called there: a plain file name."""
    carries: Carries
    spooled: bool = False
    """Whether the whole archive lies on the pod's disk before it goes on."""


@dataclass(frozen=True)
class Ended:
    """How the errand ended."""

    code: int
    result: str = ""
    """The tool's standard output."""
    size: int = 0
    """Bytes of the archive that was sent out."""
    sha256: str = ""


def say_run(box: Outbox, errand: Errand) -> None:
    """Start the errand."""
    _say(box, {"run": asdict(errand)})


def say_signal(box: Outbox, number: int) -> None:
    """Pass a signal on to the tool."""
    _say(box, {"signal": number})


def say_line(box: Outbox, line: str) -> None:
    """A line of the tool's standard error."""
    _say(box, {"line": line})


def say_ended(box: Outbox, ended: Ended) -> None:
    """The last message."""
    _say(box, {"ended": asdict(ended)})


def messages(box: Inbox) -> Iterator[Errand | int | str | Ended]:
    """What the other side says, until it ends: an errand, a signal's number, a line, or the end."""
    rest = b""
    while data := box.read(1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield _understood(json.loads(line))


def _say(box: Outbox, message: dict[str, Any]) -> None:
    box.write(json.dumps(message).encode() + b"\n")


def _understood(message: dict[str, Any]) -> Errand | int | str | Ended:
    if "run" in message:
        given = message["run"]
        return Errand(tuple(given["arguments"]), given["name"], Carries(given["carries"]), given["spooled"])
    if "signal" in message:
        return int(message["signal"])
    if "line" in message:
        return str(message["line"])
    return Ended(**message["ended"])
