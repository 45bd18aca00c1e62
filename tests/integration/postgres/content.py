"""The whole content of a database as plain values, to be compared before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mxpc.demo
from mxpc.demo.postgres import connect, load_sql_file
from mxpc.model import DatabaseSettings

MINI_MENDIX = Path(mxpc.demo.__file__).parent / "mini-mendix.sql"

_OTHER = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"

_QUERIES = {
    "schemas": f"""SELECT n.nspname, n.nspowner::regrole::text, n.nspacl::text, obj_description(n.oid, 'pg_namespace')
        FROM pg_namespace n WHERE {_OTHER}""",
    "relations": f"""SELECT n.nspname, c.relname, c.relkind, c.relowner::regrole::text, c.relpersistence,
        pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid, 'pg_class'),
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OTHER}""",
    "columns": f"""SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE {_OTHER} AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": f"""SELECT n.nspname, c.conname, c.conrelid::regclass::text, pg_get_constraintdef(c.oid)
        FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace WHERE {_OTHER}""",
    "indexes": "SELECT schemaname, indexname, indexdef FROM pg_indexes WHERE schemaname NOT LIKE 'pg\\_%'",
    "sequences": """SELECT schemaname, sequencename, last_value, start_value, increment_by, max_value, cycle
        FROM pg_sequences""",
    "functions": f"""SELECT n.nspname, p.oid::regprocedure::text, p.prosrc, p.prokind, p.proowner::regrole::text
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OTHER}""",
    "types": f"""SELECT n.nspname, t.typname, t.typtype, t.typowner::regrole::text,
        (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {_OTHER}""",
    "others": f"""SELECT n.nspname, o.kind, o.name FROM (
          SELECT 'operator' AS kind, oprname::text AS name, oprnamespace AS namespace FROM pg_operator
          UNION ALL SELECT 'collation', collname, collnamespace FROM pg_collation
          UNION ALL SELECT 'conversion', conname, connamespace FROM pg_conversion
          UNION ALL SELECT 'operator class', opcname, opcnamespace FROM pg_opclass
          UNION ALL SELECT 'operator family', opfname, opfnamespace FROM pg_opfamily
          UNION ALL SELECT 'dictionary', dictname, dictnamespace FROM pg_ts_dict
          UNION ALL SELECT 'configuration', cfgname, cfgnamespace FROM pg_ts_config
          UNION ALL SELECT 'statistics', stxname, stxnamespace FROM pg_statistic_ext) o
        JOIN pg_namespace n ON n.oid = o.namespace WHERE {_OTHER}""",
    "triggers": """SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal""",
    "rules": "SELECT schemaname, tablename, rulename, definition FROM pg_rules WHERE schemaname NOT LIKE 'pg\\_%'",
    "policies": "SELECT schemaname, tablename, policyname, cmd, qual FROM pg_policies",
    "extensions": "SELECT extname, extversion, extnamespace::regnamespace::text FROM pg_extension",
    "large objects": "SELECT oid::text, md5(lo_get(oid)) FROM pg_largeobject_metadata",
}

_TABLES = f"""SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND {_OTHER}"""


def content(settings: DatabaseSettings) -> dict[str, Any]:
    """Everything that a restore must bring back, whatever its internal numbers are."""
    with connect(settings) as connection:
        found: dict[str, Any] = {
            # The catalogue's texts depend on the search path, which the role could have set.
            name: sorted(map(repr, connection.execute(query).fetchall()))
            for name, query in _QUERIES.items()
        }
        for (table,) in connection.execute(_TABLES).fetchall():
            found[f"rows of {table}"] = connection.execute(
                f"SELECT count(*), sum(('x' || left(md5(t::text), 15))::bit(60)::bigint) FROM {table} t"
            ).fetchall()
        return found


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What differs, short enough to read in a failed assertion."""
    names = sorted(one.keys() | other.keys())
    return [
        _difference(name, one.get(name, []), other.get(name, [])) for name in names if one.get(name) != other.get(name)
    ]


def _difference(name: str, one: list[Any], other: list[Any]) -> str:
    gone = [item for item in one if item not in other][:3]
    new = [item for item in other if item not in one][:3]
    return f"{name}: gone {gone}, new {new}"


def load_mini_mendix(settings: DatabaseSettings) -> None:
    """The sample app, as the app's own role creates it."""
    load_sql_file(MINI_MENDIX, settings)


def run(settings: DatabaseSettings, *statements: str) -> list[tuple[Any, ...]]:
    """Statements of the app's role; rows of the last one."""
    with connect(settings) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []
