"""What would be dropped along with the old content although the restore does not bring it again."""

from __future__ import annotations

from collections.abc import Collection

from mxpc.adapters.postgres.connection import Connection
from mxpc.adapters.postgres.objects import SchemaObject

# Each dependent is traced to the relation, routine or type that a user knows: a view hangs on a table by its rule, a
# foreign key by its constraint. Row and array types of a moved object, and the columns of a type, count as the object.
_DEPENDENTS = """
WITH moved AS (
    SELECT * FROM unnest(%(classes)s::oid[], %(objects)s::oid[]) AS o (classid, objid)
), known AS (
    SELECT classid, objid FROM moved
    UNION SELECT 'pg_type'::regclass, t.oid FROM pg_type t JOIN moved m ON m.objid = t.typrelid
          WHERE m.classid = 'pg_class'::regclass
    UNION SELECT 'pg_class'::regclass, t.typrelid FROM pg_type t
          JOIN moved m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid WHERE t.typrelid <> 0
    UNION SELECT 'pg_type'::regclass, t.typarray FROM pg_type t
          JOIN moved m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid WHERE t.typarray <> 0
), hanging AS (
    SELECT DISTINCT CASE d.classid
        WHEN 'pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_rewrite WHERE oid = d.objid)
        WHEN 'pg_constraint'::regclass THEN (
            SELECT CASE conrelid WHEN 0 THEN contypid ELSE conrelid END FROM pg_constraint WHERE oid = d.objid)
        WHEN 'pg_attrdef'::regclass THEN (SELECT adrelid FROM pg_attrdef WHERE oid = d.objid)
        WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = d.objid)
        WHEN 'pg_policy'::regclass THEN (SELECT polrelid FROM pg_policy WHERE oid = d.objid)
        ELSE d.objid END AS objid,
        CASE WHEN d.classid IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass,
            'pg_publication_rel'::regclass) THEN d.classid
        -- A domain's check has no relation.
        WHEN d.classid = 'pg_constraint'::regclass AND EXISTS (
            SELECT FROM pg_constraint WHERE oid = d.objid AND conrelid = 0) THEN 'pg_type'::regclass
        ELSE 'pg_class'::regclass END AS classid
    FROM pg_depend d JOIN known k ON d.refclassid = k.classid AND d.refobjid = k.objid
    WHERE d.deptype IN ('n', 'a') AND d.classid IN ('pg_rewrite'::regclass, 'pg_constraint'::regclass,
        'pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_class'::regclass,
        'pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass, 'pg_publication_rel'::regclass)
)
SELECT i.type || ' ' || i.identity FROM hanging h, pg_identify_object(h.classid::oid, h.objid, 0) i
WHERE i.identity IS NOT NULL AND NOT EXISTS (SELECT FROM known k WHERE k.classid = h.classid AND k.objid = h.objid)
  AND i.type NOT IN ('index', 'toast table') AND coalesce(i.schema, '') <> ALL (%(schemas)s)
  AND NOT (i.type = 'sequence' AND EXISTS (SELECT FROM pg_depend d WHERE d.objid = h.objid AND d.refobjsubid > 0))
  AND coalesce(i.schema, '') NOT LIKE 'pg\\_temp%%'
ORDER BY 1
"""


def dependents_outside(connection: Connection, moving: Collection[SchemaObject], schemas: Collection[str]) -> list[str]:
    """Objects that depend on `moving` and are neither among them nor in one of the schemas that are set aside too."""
    parameters = {
        "classes": [one.class_id for one in moving],
        "objects": [one.object_id for one in moving],
        # pg_identify_object gives the schema quoted where it needs to be.
        "schemas": [row[0] for row in connection.execute("SELECT quote_ident(unnest(%s::text[]))", [list(schemas)])],
    }
    return [row[0] for row in connection.execute(_DEPENDENTS, parameters)]
