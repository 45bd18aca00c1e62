-- One of everything that a role without further rights can make in a database that it owns.
-- A line `-- from N` begins a section for servers of PostgreSQL N and newer; tests/integration/torture/database.py
-- runs each section as one transaction, and adds what is too long to be written here.

-- from 12
CREATE SCHEMA "Zweites Schema";
COMMENT ON SCHEMA "Zweites Schema" IS E'with a ''quote'', a "double" one, a \\ and\na second line';

-- types
CREATE TYPE mood AS ENUM ('good', 'it''s "bad"', 'ugly, (really)', 'Ünïcode');
COMMENT ON TYPE mood IS 'how it goes';
CREATE TYPE "Zweites Schema"."ENUM" AS ENUM ('', ' ', 'a', 'A');
CREATE TYPE pair AS (a int, "B b" text, moods mood[]);
COMMENT ON TYPE pair IS 'two and an array';
COMMENT ON COLUMN pair."B b" IS 'of a composite type';
CREATE TYPE nested AS (one pair, many pair[]);
CREATE DOMAIN positive AS int DEFAULT 7 CHECK (VALUE > 0);
CREATE DOMAIN small_positive AS positive CONSTRAINT "is small" CHECK (VALUE < 100) NOT NULL;
CREATE DOMAIN email AS text COLLATE "C" CHECK (VALUE ~ '^[^@]+@[^@]+$');
CREATE DOMAIN pair_domain AS pair CHECK ((VALUE).a IS NOT NULL);
CREATE DOMAIN matrix AS float8[] CHECK (array_ndims(VALUE) = 2);
COMMENT ON DOMAIN positive IS 'above zero';
COMMENT ON CONSTRAINT "is small" ON DOMAIN small_positive IS 'of a domain';
-- The constructors of a range type belong to the superuser: a target with one in public cannot be set aside.
CREATE TYPE "Zweites Schema".float_span AS RANGE (subtype = float8, subtype_diff = float8mi);
COMMENT ON TYPE "Zweites Schema".float_span IS 'a range';
CREATE TYPE "Zweites Schema".text_span AS RANGE (subtype = text, collation = "C");
CREATE COLLATION "my ""C""" FROM "C";
COMMENT ON COLLATION "my ""C""" IS 'bytes';
CREATE COLLATION posix_again (lc_collate = 'POSIX', lc_ctype = 'POSIX');

-- functions
CREATE FUNCTION plus_one(a int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 3
  AS $$SELECT a + 1$$;
COMMENT ON FUNCTION plus_one(int) IS 'a function''s comment';
CREATE FUNCTION "Fünc""tion"(VARIADIC parts text[]) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog SET work_mem = '1MB' AS $body$
BEGIN
  -- $$ in here, and a backslash \ and a 'quote'
  RETURN array_to_string(parts, $$, $$);
END $body$;
CREATE FUNCTION rows_of(n int, OUT a int, OUT b text) RETURNS SETOF record LANGUAGE sql ROWS 3
  AS 'SELECT i, i::text FROM generate_series(1, n) i';
CREATE FUNCTION a_table(n int) RETURNS TABLE (x int, y mood) LANGUAGE plpgsql AS 'BEGIN RETURN; END';
CREATE FUNCTION anything(anyelement, anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE do_it(INOUT a int) LANGUAGE plpgsql AS 'BEGIN a := a + 1; END';
COMMENT ON PROCEDURE do_it(int) IS 'of a procedure';
CREATE FUNCTION broken_later() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT x FROM no_such_table); END';
CREATE AGGREGATE my_sum(int) (sfunc = int4pl, stype = int, initcond = '0', msfunc = int4pl, minvfunc = int4mi,
  mstype = int, minitcond = '0', combinefunc = int4pl, parallel = safe);
CREATE AGGREGATE my_count(*) (sfunc = int8inc, stype = int8, initcond = '0');
CREATE AGGREGATE my_ordered(ORDER BY int) (sfunc = int4pl, stype = int, initcond = '0');
COMMENT ON AGGREGATE my_sum(int) IS 'of an aggregate';
CREATE FUNCTION pair_less(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a < ($2).a';
CREATE FUNCTION pair_more(pair, pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a > ($2).a';
CREATE OPERATOR <<< (leftarg = pair, rightarg = pair, function = pair_less, commutator = >>>);
CREATE OPERATOR >>> (leftarg = pair, rightarg = pair, function = pair_more, commutator = <<<, restrict = scalargtsel);
COMMENT ON OPERATOR <<< (pair, pair) IS 'of an operator';
CREATE FUNCTION pair_to_text(pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ($1)."B b"';
CREATE CAST (pair AS text) WITH FUNCTION pair_to_text(pair) AS ASSIGNMENT;
COMMENT ON CAST (pair AS text) IS 'of a cast';
CREATE CAST (nested AS json) WITH INOUT;
CREATE CONVERSION my_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION my_conversion IS 'of a conversion';
CREATE TEXT SEARCH DICTIONARY my_german (TEMPLATE = snowball, language = german);
CREATE TEXT SEARCH CONFIGURATION my_search (COPY = pg_catalog.german);
ALTER TEXT SEARCH CONFIGURATION my_search ALTER MAPPING FOR asciiword, word WITH my_german, simple;
COMMENT ON TEXT SEARCH CONFIGURATION my_search IS 'of a configuration';
COMMENT ON TEXT SEARCH DICTIONARY my_german IS 'of a dictionary';

-- sequences: owned, not owned, at odd places
CREATE SEQUENCE free_sequence AS smallint INCREMENT -3 MINVALUE -100 MAXVALUE 100 START 50 CACHE 5 CYCLE;
COMMENT ON SEQUENCE free_sequence IS 'belongs to nothing';
SELECT nextval('free_sequence'), nextval('free_sequence');
CREATE SEQUENCE never_called START 1000;
CREATE SEQUENCE set_by_hand;
SELECT setval('set_by_hand', 9223372036854775806);
CREATE SEQUENCE "Zweites Schema".shared;

-- identity, generated, serial, owned sequences, checks
CREATE TABLE identities (
  id bigint GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 10) PRIMARY KEY,
  other int GENERATED BY DEFAULT AS IDENTITY,
  serial_one serial, serial_two bigserial,
  shared bigint DEFAULT nextval('"Zweites Schema".shared'),
  width int NOT NULL DEFAULT 2 CONSTRAINT "wide ""enough""" CHECK (width > 0),
  doubled int GENERATED ALWAYS AS (width * 2 + plus_one(0)) STORED,
  price numeric(10, 2) DEFAULT 9.99, stamp timestamptz(3) DEFAULT '2020-02-29 12:00:00+00',
  feeling mood DEFAULT 'good', at positive, few small_positive DEFAULT 5,
  UNIQUE (serial_one, width) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE identities IS 'Kundinnen & "Kunden" ①';
COMMENT ON COLUMN identities.doubled IS 'generated';
COMMENT ON CONSTRAINT "wide ""enough""" ON identities IS 'of a check';
COMMENT ON SEQUENCE identities_serial_one_seq IS 'of an owned sequence';
INSERT INTO identities (width) SELECT n FROM generate_series(1, 500) n;
DELETE FROM identities WHERE id % 30 = 0;
ALTER TABLE identities DROP COLUMN other;
CREATE SEQUENCE owned_later OWNED BY identities.width;
ALTER TABLE identities ADD CONSTRAINT "not checked yet" CHECK (width < 1000) NOT VALID;
ALTER TABLE identities ALTER COLUMN width SET STATISTICS 500, ALTER COLUMN price SET (n_distinct = 5);

-- composite, domain, array and range values
CREATE TABLE composites (
  id int PRIMARY KEY, one pair, many pair[], deep nested, checked pair_domain, mail email, numbers matrix,
  moods mood[], span "Zweites Schema".float_span, words "Zweites Schema".text_span, days daterange[],
  strange "Zweites Schema"."ENUM"
);
INSERT INTO composites VALUES
  (1, ROW(1, 'it''s, "so" \ ', ARRAY['good', 'ugly, (really)']::mood[]), ARRAY[ROW(2, NULL, NULL)::pair, NULL],
   ROW(ROW(3, '', '{}'), '{}'), ROW(4, 'x', NULL), 'a@b', '{{1,NaN},{Infinity,-0}}', '{good,NULL}',
   '[-Infinity,Infinity)', '("a,b","c""d"]', ARRAY['[2020-01-01,infinity)'::daterange, 'empty'], ' '),
  (2, NULL, NULL, NULL, ROW(0, NULL, NULL), NULL, NULL, NULL, 'empty', '(,)', NULL, '');

-- names
CREATE TABLE "ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖx" (
  "日本語日本語日本語日本語日本語日本語日本語" int PRIMARY KEY,
  "quoted ""name"" 'both' %s $1 \ {0} ;--" text DEFAULT 'a ''b'' \ c',
  "select" int, "Table" int, " leading and trailing " int, "1" int, "😀" text);
INSERT INTO "ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖx" VALUES (1, DEFAULT, 2, 3, 4, 5, '😀 \. \N'), (2, '\.', 0, 0, 0, 0, E'\\N');
COMMENT ON COLUMN "ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖx"."😀" IS '😀';
CREATE INDEX "índex ""of"" ЖЖ; DROP TABLE x" ON "ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖx" ("select" DESC NULLS LAST, lower("😀"));
CREATE TABLE U&"line\000Abreak\0009tab" (a int, U&"b\000D\000A" text);
INSERT INTO U&"line\000Abreak\0009tab" VALUES (1, E'\n'), (2, E'\\.\n'), (3, E'\r\n\t\b\f\v\\n');
CREATE TABLE "public" (a int);
CREATE TABLE "Zweites Schema"."ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖx" (a text);
INSERT INTO "Zweites Schema"."ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖx" VALUES ('\.'), (''), (NULL), (E'\n\n'), ('\N');
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
CREATE UNLOGGED TABLE unlogged (a int);
INSERT INTO unlogged VALUES (1);
CREATE TABLE of_type OF pair (PRIMARY KEY (a), "B b" WITH OPTIONS DEFAULT 'b');
INSERT INTO of_type VALUES (1, 'x', '{}');
CREATE TABLE empty_table (LIKE identities INCLUDING ALL);

-- partitions
CREATE TABLE events (id bigint, at date NOT NULL, kind text DEFAULT 'k', UNIQUE (id, at, kind)) PARTITION BY RANGE (at);
COMMENT ON TABLE events IS 'partitioned';
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_2021 PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY LIST (kind);
CREATE TABLE events_2021_a PARTITION OF events_2021 FOR VALUES IN ('a', NULL);
CREATE TABLE events_2021_rest PARTITION OF events_2021 DEFAULT;
CREATE TABLE "Zweites Schema".events_old (kind text DEFAULT 'old', extra int, at date NOT NULL, id bigint NOT NULL);
ALTER TABLE "Zweites Schema".events_old DROP COLUMN extra;
ALTER TABLE events ATTACH PARTITION "Zweites Schema".events_old FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
ALTER TABLE events_rest ALTER COLUMN kind SET DEFAULT 'rest', ADD CHECK (id > 0);
CREATE INDEX events_kind ON events (kind, lower(kind));
COMMENT ON INDEX events_kind IS 'of a partitioned index';
INSERT INTO events SELECT n, '2019-06-01'::date + n * 2, (ARRAY['a', 'b', NULL])[n % 3 + 1] FROM generate_series(1, 900) n;
CREATE TABLE hashed (id int PRIMARY KEY, v text) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT n, md5(n::text) FROM generate_series(1, 100) n;
CREATE TABLE by_enum (feeling mood, n int) PARTITION BY LIST (feeling);
CREATE TABLE by_enum_good PARTITION OF by_enum FOR VALUES IN ('good');
CREATE TABLE by_expression (t text) PARTITION BY RANGE (lower(t) COLLATE "C");
CREATE TABLE by_expression_1 PARTITION OF by_expression FOR VALUES FROM ('a') TO (MAXVALUE);
INSERT INTO by_expression VALUES ('B'), ('z');
CREATE TABLE no_partitions (a int) PARTITION BY LIST (a);
CREATE TABLE points_to_hashed (id int REFERENCES hashed ON DELETE CASCADE);
INSERT INTO points_to_hashed SELECT n FROM generate_series(1, 20) n;

-- inheritance
CREATE TABLE animal (id serial PRIMARY KEY, name text NOT NULL CHECK (name <> ''));
CREATE TABLE winged (span float8 DEFAULT 1.5);
CREATE TABLE bird (song text, name text DEFAULT 'bird') INHERITS (animal, winged);
CREATE TABLE owl () INHERITS (bird);
ALTER TABLE owl NO INHERIT bird, ADD COLUMN eyes int;
ALTER TABLE owl INHERIT bird;
INSERT INTO animal (name) VALUES ('a'), ('b');
INSERT INTO bird (song) VALUES ('la'), (NULL), ('lo');
INSERT INTO owl (eyes) VALUES (2);

-- foreign keys that point at each other, at themselves, and across schemas
CREATE TABLE husband (id int PRIMARY KEY, wife int NOT NULL);
CREATE TABLE wife (id int PRIMARY KEY, husband int NOT NULL REFERENCES husband DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE husband ADD CONSTRAINT "to wife" FOREIGN KEY (wife) REFERENCES wife DEFERRABLE INITIALLY DEFERRED;
WITH wives AS (INSERT INTO wife SELECT n, 101 - n FROM generate_series(1, 100) n)
  INSERT INTO husband SELECT n, 101 - n FROM generate_series(1, 100) n;
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree ON DELETE CASCADE ON UPDATE SET NULL);
INSERT INTO tree SELECT n, nullif(n - 1, 0) FROM generate_series(1, 50) n ORDER BY 1;
CREATE TABLE "Zweites Schema".child (id int PRIMARY KEY, tree int REFERENCES public.tree, back int);
ALTER TABLE tree ADD COLUMN child int REFERENCES "Zweites Schema".child DEFERRABLE;
INSERT INTO "Zweites Schema".child VALUES (1, 1, 2), (2, 50, 1);
UPDATE tree SET child = 2 WHERE id = 7;
CREATE TABLE two_keys (a int, b int, PRIMARY KEY (a, b));
INSERT INTO two_keys VALUES (1, 2);
CREATE TABLE full_match (a int, b int, FOREIGN KEY (a, b) REFERENCES two_keys MATCH FULL);
INSERT INTO full_match VALUES (1, 2), (NULL, NULL);
CREATE TABLE not_valid (tree int);
INSERT INTO not_valid VALUES (99999);
ALTER TABLE not_valid ADD CONSTRAINT "points nowhere" FOREIGN KEY (tree) REFERENCES tree NOT VALID;

-- exclusion, indexes, cluster, replica identity, storage
CREATE TABLE rooms (room int, during tsrange, EXCLUDE USING gist (during WITH &&) WHERE (room = 1),
  CONSTRAINT "no two" EXCLUDE USING btree (room WITH =) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO rooms VALUES (1, '[2020-01-01,2020-01-02)'), (2, '[2020-01-01,infinity)');
CREATE TABLE indexed (id int NOT NULL, t text COLLATE "my ""C""", a int[], j jsonb, ts tsvector, p point, ip inet)
  WITH (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off);
INSERT INTO indexed SELECT n, 'text ' || n, ARRAY[n, n + 1], jsonb_build_object('n', n, 'deep', ARRAY[n]),
  to_tsvector('simple', 'word' || n), point(n, -n), ('10.0.0.' || n % 250)::inet FROM generate_series(1, 300) n;
CREATE UNIQUE INDEX indexed_id ON indexed (id) INCLUDE (t) WITH (fillfactor = 50);
ALTER TABLE indexed CLUSTER ON indexed_id, REPLICA IDENTITY USING INDEX indexed_id;
CREATE INDEX ON indexed USING gin (a);
CREATE INDEX ON indexed USING gin (j jsonb_path_ops);
CREATE INDEX ON indexed USING gist (ts);
CREATE INDEX ON indexed USING spgist (p);
CREATE INDEX ON indexed USING brin (id) WITH (pages_per_range = 4);
CREATE INDEX ON indexed USING hash (t);
CREATE INDEX indexed_text ON indexed (t text_pattern_ops, (upper(t)) COLLATE "POSIX" DESC NULLS LAST) WHERE id > 5;
ALTER INDEX indexed_text ALTER COLUMN 2 SET STATISTICS 300;
COMMENT ON INDEX indexed_text IS 'of an index';
ALTER TABLE indexed ALTER COLUMN t SET STORAGE EXTERNAL;
ALTER TABLE tree REPLICA IDENTITY FULL;
ALTER TABLE winged REPLICA IDENTITY NOTHING;
CREATE STATISTICS on_indexed (dependencies, ndistinct, mcv) ON id, t FROM indexed;
COMMENT ON STATISTICS on_indexed IS 'of statistics';

-- views on views, materialised views, rules
CREATE VIEW "first view" AS SELECT id, width, doubled, feeling FROM identities WHERE width > 3;
CREATE VIEW second_view (a, b) WITH (security_barrier) AS SELECT id, width FROM "first view" WITH CASCADED CHECK OPTION;
CREATE VIEW third_view WITH (check_option = local) AS SELECT * FROM second_view;
COMMENT ON VIEW third_view IS 'of a view';
COMMENT ON COLUMN third_view.a IS 'of a column of a view';
ALTER VIEW third_view ALTER COLUMN b SET DEFAULT 5;
CREATE RECURSIVE VIEW down (id, depth) AS
  SELECT id, 0 FROM tree WHERE parent IS NULL UNION ALL SELECT t.id, depth + 1 FROM tree t JOIN down ON down.id = t.parent;
CREATE VIEW grouped AS SELECT id, width FROM identities GROUP BY id;
CREATE VIEW whole_row AS SELECT i, (i).feeling AS f, ROW(1, 'x', NULL)::pair AS p FROM identities i;
CREATE MATERIALIZED VIEW counted AS SELECT feeling, count(*) AS n, my_sum(width) AS total FROM identities GROUP BY 1;
CREATE UNIQUE INDEX ON counted (feeling);
COMMENT ON MATERIALIZED VIEW counted IS 'of a materialised view';
CREATE MATERIALIZED VIEW counted_again AS SELECT sum(n) AS s FROM counted;
CREATE MATERIALIZED VIEW with_no_data AS SELECT * FROM indexed WITH NO DATA;
CREATE MATERIALIZED VIEW "Zweites Schema".across AS SELECT count(*) AS n FROM public.down;
CREATE TABLE log (what text, at int DEFAULT 0);
INSERT INTO log VALUES ('before the rules');
CREATE RULE "insert also" AS ON INSERT TO log WHERE new.what = 'twice' DO ALSO
  (INSERT INTO no_columns DEFAULT VALUES; UPDATE log SET at = at + 1);
CREATE RULE nothing AS ON DELETE TO log DO INSTEAD NOTHING;
CREATE RULE view_insert AS ON INSERT TO grouped DO INSTEAD INSERT INTO log VALUES (new.width::text) RETURNING 1::bigint, at;
COMMENT ON RULE nothing ON log IS 'of a rule';
ALTER TABLE log DISABLE RULE "insert also";

-- triggers: none of them may fire while the rows come back
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'fired'; END$$;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE FUNCTION doubles() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO public.log VALUES ('doubled'); RETURN NEW; END$$;
CREATE TABLE triggered (id int PRIMARY KEY, v text);
INSERT INTO triggered SELECT n, 'v' FROM generate_series(1, 20) n;
CREATE TRIGGER swallow BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION swallow();
CREATE TRIGGER doubles AFTER INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION doubles();
CREATE TRIGGER "on update" BEFORE UPDATE OF v ON triggered FOR EACH ROW WHEN (old.v IS DISTINCT FROM new.v)
  EXECUTE FUNCTION refuse('argument ''1''', E'2\\');
CREATE TRIGGER statement_wide AFTER DELETE ON triggered REFERENCING OLD TABLE AS gone FOR EACH STATEMENT
  EXECUTE FUNCTION refuse();
CREATE TRIGGER truncated BEFORE TRUNCATE ON triggered EXECUTE FUNCTION refuse();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR UPDATE ON triggered FROM identities DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE triggered DISABLE TRIGGER truncated, ENABLE ALWAYS TRIGGER doubles, ENABLE REPLICA TRIGGER statement_wide;
COMMENT ON TRIGGER swallow ON triggered IS 'of a trigger';
CREATE TRIGGER on_view INSTEAD OF INSERT ON second_view FOR EACH ROW EXECUTE FUNCTION swallow();
CREATE TRIGGER on_partitions AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION doubles();

-- row level security: the owner sees everything, unless it is forced (which the owner's own backup then refuses)
CREATE TABLE secured (id int, who text);
INSERT INTO secured SELECT n, 'nobody' FROM generate_series(1, 30) n;
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY "only mine" ON secured AS RESTRICTIVE FOR SELECT USING (who = current_user);
CREATE POLICY changes ON secured FOR UPDATE TO PUBLIC USING (id > 5) WITH CHECK (id < 100);
COMMENT ON POLICY "only mine" ON secured IS 'of a policy';
CREATE TABLE policy_without_security (id int);
CREATE POLICY waiting ON policy_without_security USING (EXISTS (SELECT FROM secured s WHERE s.id = policy_without_security.id));
INSERT INTO policy_without_security VALUES (1);

-- checks and keys that only hold in the right order of things
CREATE FUNCTION known_tree(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 > 0';
CREATE TABLE checked_by_function (tree int CHECK (known_tree(tree)));
INSERT INTO checked_by_function VALUES (1), (2);
CREATE INDEX by_function ON checked_by_function (plus_one(tree));

-- values at the edges of their types
CREATE TABLE edges (id int PRIMARY KEY, f8 float8, f4 float4, n numeric, i8 bigint, d date, ts timestamp, tz timestamptz,
  iv interval, t text, b bytea, j json, jb jsonb, x xml, bits varbit, m money, u uuid, c char(5), arr text[]);
INSERT INTO edges (id, f8, f4, n, i8, d, ts, tz, iv, t, b) VALUES
  (1, 'NaN', 'NaN', 'NaN', -9223372036854775808, 'infinity', 'infinity', 'infinity', '178000000 years', '', ''),
  (2, 'Infinity', 'Infinity', 0.00000000000000000001, 9223372036854775807, '-infinity', '-infinity', '-infinity',
   '-1 mon +1 day -00:00:00.000001', E'\\N', '\x00ff0a0d5c'),
  (3, '-Infinity', '-Infinity', -12345678901234567890123456789.123456789, 0, '4713-01-01 BC', '4713-01-01 00:00:00 BC',
   '294276-12-31 23:59:59.999999+00', '00:00:00', E'\\.', '\x5c2e0a'),
  (4, '-0', '1e-37', 1e300, 1, '5874897-12-31', '0001-01-01 BC', '2020-03-29 02:30:00+02', '1.5 hours', E'\x01\x7f\t\n\r', NULL),
  (5, 4.9e-324, 3.4028235e38, 0, 1, NULL, NULL, NULL, NULL, NULL, NULL),
  (6, 0.1, 0.1, 0.10, 1, 'epoch', 'epoch', 'epoch', '1 day', repeat('é', 3000), decode(repeat('00ff', 3000), 'hex'));
INSERT INTO edges (id, j, jb, bits, m, u, c, arr) VALUES
  (7, '{"a": 1, "a":  2, "u": "\u00e9"}', '{"n": 1.0000000000000000000001, "s": "\\\"\n"}', B'', -1.5, '00000000-0000-0000-0000-000000000000', 'ab', '{NULL,"NULL","","{}"}'),
  (8, 'null', 'null', B'1010101', 92233720368547758.07, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '',
   '[-1:0][2:3]={{a,b},{c,d}}');

-- large objects, outside of every schema
SELECT lo_from_bytea(700001, 'a large object'), lo_from_bytea(700002, ''), lo_from_bytea(700003, decode(repeat('00ff5c0a', 50000), 'hex'));
COMMENT ON LARGE OBJECT 700001 IS 'of a large object';

-- grants and default privileges are not part of a backup: they must not disturb it
GRANT SELECT ON identities TO PUBLIC;
REVOKE EXECUTE ON FUNCTION plus_one(int) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;

-- from 13
ALTER TABLE events_2020 DISABLE TRIGGER on_partitions;
ALTER TABLE identities ALTER COLUMN doubled SET STATISTICS 10;
CREATE TRIGGER before_row_of_partition BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION swallow();
ALTER VIEW second_view RENAME COLUMN b TO bb;

-- from 14
CREATE FUNCTION with_body(a int, b mood DEFAULT 'good') RETURNS bigint LANGUAGE sql STABLE
  RETURN (SELECT count(*) FROM identities WHERE feeling = b AND width > a);
CREATE FUNCTION with_atomic_body(INOUT a int) LANGUAGE sql BEGIN ATOMIC SELECT plus_one(a); SELECT max(width) FROM "first view"; END;
CREATE PROCEDURE procedure_with_body(x text) LANGUAGE sql BEGIN ATOMIC INSERT INTO log VALUES (x, with_body(1)::int); END;
CREATE PROCEDURE with_out(OUT a int, b text) LANGUAGE plpgsql AS 'BEGIN a := 1; END';
CREATE VIEW on_body AS SELECT with_body(2) AS n;
CREATE TABLE body_default (a bigint DEFAULT with_body(5));
CREATE STATISTICS on_expression ON (lower(t)), (id % 10) FROM indexed;
CREATE TABLE compressed (t text COMPRESSION pglz);
CREATE TABLE multiranges (a int4multirange, b "Zweites Schema".float_span_multirange);
INSERT INTO multiranges VALUES ('{[1,3),[7,9)}', '{[-Infinity,0),[1,2]}'), ('{}', '{(,)}');
INSERT INTO edges (id, n) VALUES (14, 'Infinity'), (15, '-Infinity');
CREATE VIEW searched AS WITH RECURSIVE r(id, parent) AS
  (SELECT id, parent FROM tree WHERE parent IS NULL UNION ALL SELECT t.id, t.parent FROM tree t, r WHERE t.parent = r.id)
  SEARCH DEPTH FIRST BY id SET o CYCLE id SET is_cycle USING path SELECT id, is_cycle FROM r ORDER BY o;

-- from 15
CREATE UNIQUE INDEX nulls_are_equal ON composites (strange) NULLS NOT DISTINCT;
CREATE VIEW as_invoker WITH (security_invoker = true) AS SELECT * FROM secured;
CREATE TABLE set_some (a int, b int, c int REFERENCES tree ON DELETE SET NULL (c));
CREATE TABLE numeric_scales (a numeric(3, -2), b numeric(2, 5));
INSERT INTO numeric_scales VALUES (12345, 0.00012);

-- from 16
CREATE TABLE stored_how (a text STORAGE PLAIN, b text STORAGE EXTERNAL);
CREATE VIEW json_here AS SELECT json_array(1, 'a' NULL ON NULL) AS a, '{"a": 1}' IS JSON OBJECT AS b, JSON_OBJECT('k': 1) AS o;

-- from 17
CREATE TABLE partitioned_identity (id int GENERATED ALWAYS AS IDENTITY, k int) PARTITION BY LIST (k);
CREATE TABLE partitioned_identity_1 PARTITION OF partitioned_identity FOR VALUES IN (1);
INSERT INTO partitioned_identity (k) VALUES (1), (1);
CREATE VIEW json_table_view AS SELECT * FROM JSON_TABLE('[{"a": 1}]'::jsonb, '$[*]' COLUMNS (a int PATH '$.a'));
INSERT INTO edges (id, iv) VALUES (17, 'infinity'), (18, '-infinity');

-- from 18
CREATE TABLE virtually (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL);
INSERT INTO virtually (a) VALUES (1), (2);
CREATE TABLE named_not_null (a int CONSTRAINT "must be there" NOT NULL, b int, c int NOT NULL NO INHERIT);
ALTER TABLE named_not_null ADD CONSTRAINT later NOT NULL b NOT VALID;
COMMENT ON CONSTRAINT "must be there" ON named_not_null IS 'of a not-null constraint';
CREATE TABLE not_enforced (a int, CHECK (a > 0) NOT ENFORCED, t int REFERENCES tree NOT ENFORCED);
INSERT INTO not_enforced VALUES (-1, 12345);
CREATE TABLE temporal (during daterange, v text, PRIMARY KEY (during, v), UNIQUE (during));
CREATE FUNCTION old_and_new() RETURNS int LANGUAGE sql BEGIN ATOMIC
  UPDATE tree SET parent = parent RETURNING new.id; END;
