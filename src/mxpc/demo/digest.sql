-- What a backup has to bring back, besides rows and positions of sequences: name and fingerprint of each thing.
-- The text after `kind:` is the kind of thing; mxpc.demo.digest runs each query with an empty search path.
-- Members of extensions are left out: they come with the extension.

-- kind: schemas
SELECT n.nspname, '' FROM pg_namespace n WHERE n.nspname !~ '^(pg_|information_schema$)';

-- kind: extensions
SELECT extname, extversion FROM pg_extension;

-- kind: columns
SELECT a.attrelid::regclass || '.' || a.attname,
  concat_ws(' ', row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), format_type(atttypid, atttypmod),
    attnotnull, attidentity, attgenerated, l.collname, pg_get_expr(e.adbin, e.adrelid))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef e ON (e.adrelid, e.adnum) = (a.attrelid, a.attnum)
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE n.nspname !~ '^(pg_|information_schema$)' AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c');

-- kind: constraints
-- From PostgreSQL 18 on NOT NULL is a constraint too (n); the columns tell it already.
SELECT concat_ws('.', n.nspname, coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text), conname),
  pg_get_constraintdef(k.oid) || ' ' || convalidated
FROM pg_constraint k JOIN pg_namespace n ON n.oid = connamespace WHERE n.nspname !~ '^(pg_|information_schema$)' AND contype <> 'n';

-- kind: indexes
SELECT i.indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(i.indexrelid), indisvalid, indisclustered,
  indisreplident)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^(pg_|information_schema$)';

-- kind: views
SELECT c.oid::regclass::text, concat_ws(' ', pg_get_viewdef(c.oid), c.reloptions::text, c.relispopulated)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^(pg_|information_schema$)'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  AND c.relkind IN ('v', 'm');

-- kind: rules
SELECT r.ev_class::regclass || '.' || rulename, pg_get_ruledef(r.oid)
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^(pg_|information_schema$)' AND rulename <> '_RETURN';

-- kind: triggers
SELECT tgrelid::regclass || '.' || tgname, concat_ws(' ', pg_get_triggerdef(t.oid), tgenabled)
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^(pg_|information_schema$)' AND NOT tgisinternal;

-- kind: functions
SELECT p.oid::regprocedure::text, CASE WHEN prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END
FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE n.nspname !~ '^(pg_|information_schema$)'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
 ;

-- kind: types
SELECT t.oid::regtype::text, concat_ws(' ', typtype, typnotnull, typdefault, format_type(typbasetype, typtypmod),
  (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
WHERE n.nspname !~ '^(pg_|information_schema$)'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
  AND typtype IN ('d', 'e', 'r');

-- kind: policies
SELECT polrelid::regclass || '.' || polname, concat_ws(' ', polcmd, polpermissive,
  pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM pg_policy JOIN pg_class c ON c.oid = polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_schema$)';

-- kind: tables
SELECT c.oid::regclass::text, concat_ws(' ', relkind, relpersistence, relrowsecurity, relforcerowsecurity,
  relreplident, pg_get_partkeydef(c.oid), pg_get_expr(relpartbound, c.oid),
  (SELECT string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^(pg_|information_schema$)'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  AND relkind IN ('r', 'p', 'f');

-- kind: statistics
SELECT n.nspname || '.' || stxname, pg_get_statisticsobjdef(s.oid)
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = stxnamespace WHERE n.nspname !~ '^(pg_|information_schema$)';

-- kind: comments
SELECT concat_ws(' ', o.type, o.identity), d.description
FROM pg_description d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o
-- Object ids below 16384 are PostgreSQL's own.
WHERE coalesce(o.schema, o.identity) !~ '^(pg_|information_schema$)' AND (d.objoid >= 16384 OR o.type = 'schema');

-- kind: sequence definitions
SELECT format('%I.%I', schemaname, sequencename),
  concat_ws(' ', data_type, start_value, min_value, max_value, increment_by, cycle, cache_size)
FROM pg_sequences;

-- kind: large objects
SELECT oid::text, md5(lo_get(oid)) FROM pg_largeobject_metadata;
