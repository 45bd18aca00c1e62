"""What a restore has to know of the database that it would write into."""

from __future__ import annotations

from typing import Any

from mxpc.adapters.postgres import journal, mendix
from mxpc.adapters.postgres.connection import APPLICATION, Connection
from mxpc.adapters.postgres.objects import objects_in
from mxpc.adapters.programs import Program
from mxpc.model import TargetFacts

HOUSEKEEPERS = ("rdsadmin", "azuresu", "cloudsqladmin", "cloudsqlagent")
"""Roles by which providers look after their servers: their sessions come and go in every database."""

PROVIDERS = ("rds_superuser", "azure_pg_admin", "cloudsqlsuperuser")
"""Roles of managed servers that may create extensions which need a superuser elsewhere."""

SHOWN = 100

_SESSIONS = """
SELECT coalesce(usename, 'unknown role') || coalesce(' ' || nullif(application_name, ''), '')
       || coalesce(' from ' || host(client_addr), '') || ' (pid ' || pid || ')'
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
  AND coalesce(backend_type, 'client backend') = 'client backend'
  AND coalesce(application_name, '') NOT LIKE %s AND usename <> ALL (%s)
ORDER BY backend_start
"""
# backend_type is NULL for sessions of roles that we may not look at.

_EXTENSIONS = """
SELECT v.name FROM pg_available_extension_versions v JOIN pg_available_extensions e
  ON e.name = v.name AND e.default_version = v.version
WHERE e.installed_version IS NULL
  AND (NOT v.superuser OR {trusted} OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
       OR EXISTS (SELECT FROM pg_roles WHERE rolname = ANY (%s) AND pg_has_role(oid, 'MEMBER')))
"""


def read_target_facts(connection: Connection, program: Program) -> TargetFacts:
    """Changes nothing; works for a role without rights."""
    objects = objects_in(connection, "public")
    relations = ("table", "view", "materialized view", "sequence", "foreign table")
    may_create = _asked(connection, "SELECT has_database_privilege(current_database(), 'CREATE')")
    return TargetFacts(
        database=mendix.read_facts(connection),
        empty=not any(one.kind in relations for one in objects),
        may_create_schema=may_create,
        may_create_in_public=_asked(
            connection, "SELECT coalesce(has_schema_privilege(to_regnamespace('public'), 'CREATE'), false)"
        ),
        foreign_objects=tuple(f"{one} (owner {one.owner})" for one in objects if not one.ours and not one.internal)[
            :SHOWN
        ],
        other_sessions=read_other_sessions(connection),
        installed_extensions={
            row[0]: row[1]
            for row in connection.execute("SELECT extname, extnamespace::regnamespace::text FROM pg_extension")
        },
        creatable_extensions=frozenset(_creatable(connection) if may_create else ()),
        schemas=frozenset(_schemas(connection)),
        large_object_count=_asked(connection, "SELECT count(*) FROM pg_largeobject_metadata"),
        foreign_large_object_count=_asked(
            connection, "SELECT count(*) FROM pg_largeobject_metadata WHERE NOT pg_has_role(lomowner, 'USAGE')"
        ),
        interrupted=journal.interrupted(connection),
        restore_program=str(program),
        restore_program_major=program.major,
        superuser=_asked(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"),
    )


def read_other_sessions(connection: Connection) -> tuple[str, ...]:
    """One text for each other client in the database; ours, and those of the server's provider, are left out."""
    return _names(connection, _SESSIONS, f"{APPLICATION}%", list(HOUSEKEEPERS))


def _creatable(connection: Connection) -> tuple[str, ...]:
    # Before PostgreSQL 13 no extension is trusted.
    trusted = "v.trusted" if connection.info.server_version >= 130000 else "false"
    return _names(connection, _EXTENSIONS.format(trusted=trusted), list(PROVIDERS))


def _schemas(connection: Connection) -> tuple[str, ...]:
    query = r"""
        SELECT nspname::text FROM pg_namespace
        WHERE nspname NOT IN ('public', 'information_schema') AND nspname NOT LIKE 'pg\_%%' AND nspname NOT LIKE %s
    """
    return _names(connection, query, f"{journal.PARKED}%")


def _names(connection: Connection, query: str, *parameters: object) -> tuple[str, ...]:
    return tuple(row[0] for row in connection.execute(query, parameters))


def _asked(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row
    return row[0]
