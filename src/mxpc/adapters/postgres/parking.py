"""Setting the old content aside, bringing it back, or letting it go.

Each step is a transaction or a row of them, and the journal's phase and inventory say after any of them what is old and
what is new: a process that dies anywhere leaves a state that `put_back` brings to an end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from mxpc import __version__
from mxpc.adapters.postgres import journal, large_objects
from mxpc.adapters.postgres.connection import RESTORING_APPLICATION, Connection
from mxpc.adapters.postgres.dependents import dependents_outside
from mxpc.adapters.postgres.journal import PARKED, ParkedSchema, Phase
from mxpc.adapters.postgres.objects import (
    IN_SCHEMA,
    SchemaObject,
    drop_all,
    lock_slots,
    objects_in,
    quoted,
    run_in_batches,
)
from mxpc.errors import CheckRefused, DatabaseError

LEFTOVER_SECONDS = 30
"""For a terminated session to roll back: it stops at the next row or page, so seconds at most."""

Step = Callable[[int], None]


# -------------------------------------------------------------------------------------------------------------- aside


def park(connection: Connection, archive: str, schemas: Collection[str]) -> None:
    """Move the role's own objects of schema public into the parked schema, and rename its schemas of these names.

    Raises CheckRefused, before anything is changed, when something of the content cannot be kept aside.
    """
    others = [name for name in schemas if name != "public"]
    moving = _movable(connection)
    _refuse_dependents(connection, moving, others)
    with connection.transaction():
        journal.create(connection, archive, __version__)
        _take_inventory(connection)
        for number, name in enumerate(others, 1):
            _set_schema_aside(connection, name, f"{PARKED}${number}")
    large_objects.set_aside(connection)
    # A table takes a lock for itself and one for each of its sequences, and others need some as well.
    size = max(lock_slots(connection) // 3, 50)
    run_in_batches(connection, [one.moving_to(PARKED) for one in moving], size)
    journal.set_phase(connection, Phase.RESTORING)


def _movable(connection: Connection) -> list[SchemaObject]:
    found = objects_in(connection, "public")
    stuck = [one for one in found if one.internal and not one.ours]
    if stuck:
        # CREATE TYPE … AS RANGE gives its constructor functions to the superuser, for ever.
        raise CheckRefused(
            "the old content cannot be kept aside: only a superuser may move the constructors of a range type",
            evidence=", ".join(map(str, stuck[:5])),
            hint="Drop the range type in the target, or restore into an empty database.",
        )
    return [one for one in found if one.ours]


def _refuse_dependents(connection: Connection, moving: Collection[SchemaObject], schemas: Collection[str]) -> None:
    outside = dependents_outside(connection, moving, schemas)
    if outside:
        more = f" and {len(outside) - 5} more" if len(outside) > 5 else ""
        raise CheckRefused(
            "objects that the restore does not replace depend on the old content, and would be dropped with it",
            evidence=", ".join(outside[:5]) + more,
            hint="Drop them before the restore, and create them again afterwards.",
        )


def _take_inventory(connection: Connection) -> None:
    journal.take_inventory(connection, IN_SCHEMA, ["public"])
    for catalogue in ("pg_namespace", "pg_extension", "pg_largeobject_metadata"):
        journal.take_inventory(connection, f"SELECT '{catalogue}'::regclass, oid FROM {catalogue}", [])


def _set_schema_aside(connection: Connection, name: str, aside: str) -> None:
    row = connection.execute(
        "SELECT pg_has_role(nspowner, 'USAGE'), pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s", [name]
    ).fetchone()
    if row is None:
        journal.add_schema(connection, ParkedSchema(name, None))
        return
    if not row[0]:
        raise CheckRefused(
            f"the backup has a schema {name}, and the target's schema of this name belongs to the role {row[1]}",
            hint="Drop or rename the target's schema as its owner.",
        )
    _refuse_extensions(connection, name)
    journal.add_schema(connection, ParkedSchema(name, aside))
    connection.execute(f"ALTER SCHEMA {quoted(name)} RENAME TO {quoted(aside)}")


def _refuse_extensions(connection: Connection, schema: str) -> None:
    rows = connection.execute(
        "SELECT extname FROM pg_extension WHERE extnamespace = to_regnamespace(%s)", [quoted(schema)]
    ).fetchall()
    if rows:
        raise CheckRefused(
            f"the target's schema {schema} cannot be kept aside: it holds the extension {rows[0][0]}",
            hint="Move the extension to another schema, or drop it.",
        )


# --------------------------------------------------------------------------------------------------------------- back


def put_back(connection: Connection, step: Step) -> None:
    """Bring the old content back; the new one instead once `accept` had begun. Nothing to do without a journal."""
    known = journal.read(connection)
    if known is None:
        return
    end_leftovers(connection)
    if known.phase is Phase.ACCEPTING:
        let_go(connection, step)
        return
    journal.set_phase(connection, Phase.UNDOING)
    _drop_restored(connection, step)
    _move_back(connection)
    journal.drop(connection)


def _drop_restored(connection: Connection, step: Step) -> None:
    """Whatever is ours and not in the inventory: made by the restore, or by an app that was started meanwhile."""
    old = _inventory(connection)

    def restored() -> list[SchemaObject]:
        found = objects_in(connection, "public")
        return [one for one in found if one.ours and not one.internal and (one.class_id, one.object_id) not in old]

    drop_all(connection, restored, step)
    for schema in journal.schemas(connection):
        _drop_schema(connection, schema.name, step)
    for (extension,) in connection.execute(
        f"SELECT extname FROM pg_extension WHERE pg_has_role(extowner, 'USAGE') AND {_NEW}", ["pg_extension"]
    ).fetchall():
        connection.execute(f"DROP EXTENSION IF EXISTS {quoted(extension)} CASCADE")
    large_objects.drop_restored(connection)


_NEW = f'oid NOT IN (SELECT objid FROM "{PARKED}"."{journal.INVENTORY}" WHERE classid = to_regclass(%s))'


def _inventory(connection: Connection) -> set[tuple[int, int]]:
    rows = connection.execute(
        f'SELECT classid, objid FROM "{PARKED}"."{journal.INVENTORY}" '
        "WHERE classid <> 'pg_largeobject_metadata'::regclass"
    )
    return {(row[0], row[1]) for row in rows}


def _drop_schema(connection: Connection, name: str, step: Step) -> None:
    """A schema that the restore made; an old one that was not set aside yet stays."""
    made = connection.execute(
        f"SELECT 1 FROM pg_namespace WHERE nspname = %s AND {_NEW}",
        [name, "pg_namespace"],
    ).fetchone()
    if made:
        _drop_with_content(connection, name, step)


def _drop_with_content(connection: Connection, name: str, step: Step) -> None:
    drop_all(connection, lambda: [one for one in objects_in(connection, name) if not one.internal], step)
    connection.execute(f"DROP SCHEMA IF EXISTS {quoted(name)} CASCADE")


def _move_back(connection: Connection) -> None:
    size = max(lock_slots(connection) // 3, 50)
    run_in_batches(connection, [one.moving_to("public") for one in _parked_objects(connection)], size)
    for schema in journal.schemas(connection):
        if schema.parked_as and _schema_exists(connection, schema.parked_as):
            connection.execute(f"ALTER SCHEMA {quoted(schema.parked_as)} RENAME TO {quoted(schema.name)}")
    large_objects.bring_back(connection)


def _parked_objects(connection: Connection) -> list[SchemaObject]:
    own = {f"{quoted(PARKED)}.{quoted(table)}" for table in journal.TABLES}
    return [one for one in objects_in(connection, PARKED) if one.identity not in own]


def _schema_exists(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [name]).fetchone() is not None


# ----------------------------------------------------------------------------------------------------------- let it go


def commit_to_new_content(connection: Connection) -> None:
    """The point of no return, one committed row: before it `put_back` leads to the old content, after it to the new.

    Raises DatabaseError when the restore is not complete, or when another run has undone it.
    """
    known = journal.read(connection)
    if known is None or known.phase not in (Phase.RESTORED, Phase.ACCEPTING):
        raise DatabaseError(
            "the restored content cannot be accepted",
            evidence=f"the journal says {known.phase if known else 'that no restore is under way'}",
            hint="Another run may have put the old content back: run the restore again.",
        )
    journal.set_phase(connection, Phase.ACCEPTING)


def let_go(connection: Connection, step: Step) -> None:
    """Drop the old content, which nobody needs from `commit_to_new_content` on. May be repeated."""
    if not journal.exists(connection):
        return
    for schema in journal.schemas(connection):
        if schema.parked_as:
            _drop_with_content(connection, schema.parked_as, step)
    drop_all(connection, lambda: [one for one in _parked_objects(connection) if not one.internal], step)
    journal.drop(connection)


# ------------------------------------------------------------------------------------------------------------ leftovers


def end_leftovers(connection: Connection) -> None:
    """End sessions of a pg_restore of ours whose run is dead: it could commit into what is being put back.

    Only to be called while no other restore can be running.
    """
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND usename = current_user AND application_name = %s",
        [RESTORING_APPLICATION],
    ).fetchall():
        if time.monotonic() > deadline:
            raise DatabaseError(
                "a session of an earlier restore does not end",
                hint="Look for it in pg_stat_activity, and run the command again when it is gone.",
            )
        time.sleep(0.1)
