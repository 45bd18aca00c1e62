"""Two witnesses of equal content: fingerprints of rows and catalogues, and what pg_dump says of the definitions."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxpc.demo.digest import Digest, database_digest
from mxpc.demo.digest import differences as digest_differences
from mxpc.demo.postgres import connect
from mxpc.model import DatabaseSettings
from servers import MAJORS, WITH_CLIENTS, postgres_bin
from surroundings import clean_environment

_NOISE = re.compile(r"^(--|\\(un)?restrict |SET |SELECT pg_catalog\.set_config\()", re.MULTILINE)

# What neither pg_dump --schema-only nor the demo's digest tells.
_MORE = {
    "casts": """SELECT castsource::regtype || ' ' || casttarget::regtype, concat(castcontext, castmethod)
        FROM pg_cast WHERE oid >= 16384""",
    "large object owners": "SELECT oid::text, lomowner::regrole = current_user::regrole FROM pg_largeobject_metadata",
    "owners": """SELECT relname, relowner::regrole = current_user::regrole FROM pg_class
        WHERE relnamespace = 'public'::regnamespace""",
    "public": """SELECT nspname, concat_ws(' ', nspowner::regrole, nspacl, obj_description(oid, 'pg_namespace'))
        FROM pg_namespace WHERE nspname = 'public'""",
    "parked": "SELECT nspname, 'parked' FROM pg_namespace WHERE nspname LIKE 'mxpc%'",
}


@dataclass(frozen=True)
class Witnessed:
    """Everything that a restore has to bring back, whatever its internal numbers are."""

    digest: Digest
    definitions: frozenset[str]

    def changes(self, after: Witnessed) -> list[str]:
        """One line for each difference; none when both are equal."""
        return [
            *digest_differences(self.digest, after.digest),
            *(f"definition gone: {one}" for one in sorted(self.definitions - after.definitions)),
            *(f"definition new: {one}" for one in sorted(after.definitions - self.definitions)),
        ]


def witnessed(settings: DatabaseSettings, home: Path) -> Witnessed:
    """Takes both witnesses. Databases of different roles and of different majors cannot be compared by it."""
    with connect(settings) as connection:
        major = connection.info.server_version // 10000
        more = {name: {str(key): str(value) for key, value in connection.execute(query.encode())}
                for name, query in _MORE.items()}  # fmt: skip
    return Witnessed(
        {**database_digest(settings), **_without(more, settings.user)}, _definitions(settings, major, home)
    )


def _without(found: dict[str, dict[str, Any]], user: str) -> Digest:
    """The role's name differs from database to database."""
    return {
        kind: {key: str(value).replace(user, "OWNER") for key, value in pairs.items()} for kind, pairs in found.items()
    }


def _definitions(settings: DatabaseSettings, major: int, home: Path) -> frozenset[str]:
    """pg_dump's statements, in whatever order."""
    bin_dir = postgres_bin(major if major in WITH_CLIENTS else min(one for one in MAJORS if one in WITH_CLIENTS))
    ended = subprocess.run(
        [bin_dir / "pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--enable-row-security"],
        env=clean_environment(
            home,
            PGHOST=settings.host,
            PGPORT=str(settings.port),
            PGUSER=settings.user,
            PGDATABASE=settings.name,
            PGPASSWORD=settings.password or "",
            PGCLIENTENCODING="UTF8",
        ),
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    blocks = re.split(r"\n\n+", ended.stdout.decode())
    return frozenset(block.strip() for block in blocks if block.strip() and not _NOISE.match(block.strip()))
