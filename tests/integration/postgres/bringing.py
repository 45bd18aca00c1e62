"""A whole dump into a target, in one session: what a workflow does between `park` and `accept`."""

from __future__ import annotations

from mxpc.adapters.postgres import PostgresTarget
from mxpc.ports import ByteReader
from mxpc.streams import Stop


def bring_in(target: PostgresTarget, dump: ByteReader) -> tuple[str, ...]:
    """Restore the dump, and note that it is in."""
    warnings = target.restore(dump, Stop())
    target.mark_restored()
    return warnings
