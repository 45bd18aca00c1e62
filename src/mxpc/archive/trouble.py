"""The errors of an archive that cannot be what a backup tool wrote."""

from __future__ import annotations

from mxpc.errors import ArchiveError


def damaged(what: str, evidence: str) -> ArchiveError:
    """The error for content that cannot be what was written."""
    return ArchiveError(
        f"The archive is damaged: {what}", evidence=evidence, hint="Copy it again from its source, or use another one."
    )


def located(error: ArchiveError, place: str) -> ArchiveError:
    """The same error with the place where it was met."""
    return ArchiveError(error.what, evidence=f"{error.evidence}\n{place}".strip(), hint=error.hint)


def cut_short(evidence: str = "") -> ArchiveError:
    """The error for an archive that ends too early."""
    return ArchiveError(
        "The archive is incomplete: it ends in the middle",
        evidence=evidence,
        hint="Copy it again from its source and compare the sizes, or use another one.",
    )


def suspicious(what: str, evidence: str = "") -> ArchiveError:
    """The error for what is well-formed, but no backup tool writes."""
    return ArchiveError(
        what,
        evidence=evidence,
        hint="No backup tool writes such archives. Do not restore this one; find out where it comes from.",
    )
