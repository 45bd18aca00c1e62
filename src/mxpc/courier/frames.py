"""What goes over a connection: frames with a checked head and a checked payload."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b

MAGIC = b"mxp1"
CHUNK = 256 << 10
"""Bytes of a chunk: small enough that one asked for again costs little, large enough that its head costs nothing."""
MOST_PAYLOAD = 1 << 20

_HEAD = struct.Struct(">4sBBQI")
_CHECK = struct.Struct(">I")
_DIGEST = 16
"""Bytes of BLAKE2b: a checksum of 32 bits would let one damage in four billion through, and cost the whole transfer."""
_HEAD_BYTES = _HEAD.size + _CHECK.size


class Kind(IntEnum):
    """What a frame is for."""

    HELLO = 1
    """First frame of each connection, from both sides: how far each channel was received."""
    DATA = 2
    """A chunk of a channel; its number is the position of its first byte."""
    END = 3
    """The channel has this many bytes; the payload is their SHA-256."""
    ACK = 4
    """Everything of a channel before this position was used, and need not be kept."""
    AGAIN = 5
    """Send a channel again from this position: a chunk was damaged or is missing."""
    PING = 6
    """Nothing to say. The payload tells how far each channel was sent: a lost chunk is missed even at the end."""


@dataclass(frozen=True)
class Frame:
    """One frame."""

    kind: Kind
    channel: int = 0
    position: int = 0
    payload: bytes = b""


@dataclass(frozen=True)
class Damaged:
    """The head of a frame whose payload is not what was sent."""

    kind: Kind
    channel: int
    position: int


class OutOfStep(Exception):
    """What came is no frame: the connection is of no use any more. Never leaves this package."""


def encode(frame: Frame) -> bytes:
    """The bytes of a frame."""
    head = _HEAD.pack(MAGIC, frame.kind, frame.channel, frame.position, len(frame.payload))
    return b"".join((head, _CHECK.pack(zlib.crc32(head)), frame.payload, _digest(head, frame.payload)))


def read_frame(read: Callable[[int], bytes]) -> Frame | Damaged | None:
    """The next frame; None at the end of the connection, also when that comes in the middle of a frame.

    `read` gives between 1 and so many bytes, b"" at the end. Raises OutOfStep.
    """
    head = _exactly(read, _HEAD_BYTES)
    if head is None:
        return None
    magic, kind, channel, position, length = _HEAD.unpack_from(head)
    (check,) = _CHECK.unpack_from(head, _HEAD.size)
    if magic != MAGIC or check != zlib.crc32(head[: _HEAD.size]) or length > MOST_PAYLOAD:
        raise OutOfStep(f"{head!r} is no head of a frame")
    rest = _exactly(read, length + _DIGEST)
    if rest is None:
        return None
    payload = rest[:length]
    if _digest(head[: _HEAD.size], payload) != rest[length:]:
        return Damaged(Kind(kind), channel, position)
    return Frame(Kind(kind), channel, position, payload)


def _digest(head: bytes, payload: bytes) -> bytes:
    digest = blake2b(head, digest_size=_DIGEST)
    digest.update(payload)
    return digest.digest()


def _exactly(read: Callable[[int], bytes], size: int) -> bytes | None:
    parts = []
    while size:
        part = read(size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
