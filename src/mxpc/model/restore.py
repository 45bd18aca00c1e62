"""What a restore has to know before it changes anything, and what its checks saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mxpc.model.content import DatabaseFacts


class Severity(StrEnum):
    """Whether a finding stops a restore."""

    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True)
class Finding:
    """What a check saw. `code` is stable and short (`environment-running`); `hint` says what to do."""

    severity: Severity
    code: str
    what: str
    hint: str = ""


class Half(StrEnum):
    """The halves of an environment that `--only` knows."""

    DATABASE = "database"
    FILES = "files"


@dataclass(frozen=True)
class InterruptedRestore:
    """A restore that was begun in this database and not finished, as its journal tells."""

    phase: str
    since: str
    """Moment in UTC, ISO 8601."""
    archive: str
    """What was being restored: the file's name as the user gave it."""
    accepted: bool = False
    """True: the new content is complete and is the environment's; only the removal of the old one is unfinished."""


@dataclass(frozen=True)
class TargetFacts:
    """What a restore has to know of the database that it would write into."""

    database: DatabaseFacts
    empty: bool
    """True when schema public has no table, view or sequence of ours or of anybody else's."""
    may_create_schema: bool
    """The role has CREATE on the database: needed for the parked schema."""
    may_create_in_public: bool
    foreign_objects: tuple[str, ...]
    """Objects in schema public that belong to another role (extension members left out), the first hundred."""
    other_sessions: tuple[str, ...]
    """One text for each other client in the database: user, application and address."""
    installed_extensions: Mapping[str, str]
    """Name to schema."""
    creatable_extensions: frozenset[str]
    """Extensions that are not installed, and that the role may create."""
    schemas: frozenset[str]
    """Schemas besides public and PostgreSQL's own."""
    large_object_count: int
    interrupted: InterruptedRestore | None
    restore_program: str
    """Path and version of the pg_restore that will be used, for messages."""
    restore_program_major: int
    superuser: bool = False
    """The role may do everything."""
    foreign_large_object_count: int = 0
    """Large objects of other roles."""
