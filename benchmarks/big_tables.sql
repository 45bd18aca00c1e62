-- Tables of a believable shop, with the columns and indexes that the runtime makes. {orders} and {contacts} are numbers
-- of rows; every order has four lines. Parts between the marks run in sessions of their own.
-- part
CREATE TABLE "sales$orderline" (
  "id" bigint NOT NULL, "article" varchar(200), "quantity" integer, "price" numeric(28,8), "amount" numeric(28,8),
  "discounted" boolean, "state" varchar(9), "remark" varchar(400), "createddate" timestamp, "changeddate" timestamp,
  "system$owner" bigint, "system$changedby" bigint);
INSERT INTO "sales$orderline"
SELECT (101::bigint << 48) + g * 128 + (h & 127), w[1 + (h & 63)] || ' ' || w[1 + (h >> 6 & 63)] || ' ' || (h >> 3 & 4095),
  1 + (h >> 9 & 15), (h >> 5 & 65535) / 100.0, (1 + (h >> 9 & 15)) * (h >> 5 & 65535) / 100.0,
  h & 7 = 0, (ARRAY['Open', 'Delivered', 'Cancelled', 'Invoiced'])[1 + (h >> 11 & 3)],
  CASE WHEN h & 3 = 0 THEN w[1 + (h >> 12 & 63)] || ' ' || w[1 + (h >> 18 & 63)] || ' ' || w[1 + (h >> 20 & 63)] END,
  timestamp '2021-01-01' + g * interval '19 seconds', timestamp '2021-01-01' + (g + (h & 4095)) * interval '19 seconds',
  (3::bigint << 48) + (h & 255) * 128, (3::bigint << 48) + (h >> 8 & 255) * 128
FROM (SELECT g, hashint8(g)::bigint & 2147483647 AS h FROM generate_series(1, 4 * {orders}) AS g) AS numbers, words;
ALTER TABLE "sales$orderline" ADD PRIMARY KEY ("id");
CREATE INDEX "idx_sales$orderline_article_asc" ON "sales$orderline" ("article", "id");
-- part
CREATE TABLE "sales$order" (
  "id" bigint NOT NULL, "number" bigint, "reference" varchar(200), "customer" varchar(200), "state" varchar(9),
  "street" varchar(200), "city" varchar(100), "total" numeric(28,8), "paid" boolean, "ordered" timestamp,
  "delivered" timestamp, "note" varchar(1000), "createddate" timestamp, "changeddate" timestamp, "system$owner" bigint);
INSERT INTO "sales$order"
SELECT (102::bigint << 48) + g * 128 + (h & 127), g, 'ORD-' || h || '-' || (h % 97),
  initcap(w[1 + (h & 63)]) || ' ' || initcap(w[1 + (h >> 6 & 63)]), (ARRAY['Open', 'Delivered', 'Cancelled'])[1 + h % 3],
  initcap(w[1 + (h >> 7 & 63)]) || ' street ' || (h & 255), initcap(w[1 + (h >> 13 & 63)]), (h >> 2 & 1048575) / 100.0,
  h & 1 = 0, timestamp '2021-01-01' + g * interval '76 seconds',
  CASE WHEN h & 3 > 0 THEN timestamp '2021-01-03' + g * interval '76 seconds' END,
  w[1 + (h >> 1 & 63)] || ' ' || w[1 + (h >> 4 & 63)] || ' ' || w[1 + (h >> 8 & 63)] || ' ' || w[1 + (h >> 10 & 63)]
    || ' ' || w[1 + (h >> 14 & 63)] || ' ' || w[1 + (h >> 17 & 63)] || ' ' || w[1 + (h >> 19 & 63)],
  timestamp '2021-01-01' + g * interval '76 seconds', timestamp '2021-01-02' + g * interval '76 seconds',
  (3::bigint << 48) + (h & 255) * 128
FROM (SELECT g, hashint8(g * 7)::bigint & 2147483647 AS h FROM generate_series(1, {orders}) AS g) AS numbers, words;
ALTER TABLE "sales$order" ADD PRIMARY KEY ("id");
CREATE INDEX "idx_sales$order_number_asc" ON "sales$order" ("number", "id");
CREATE INDEX "idx_sales$order_system$owner" ON "sales$order" ("system$owner", "id");
CREATE TABLE "sales$orderline_order" ("sales$orderlineid" bigint NOT NULL, "sales$orderid" bigint NOT NULL);
INSERT INTO "sales$orderline_order"
SELECT (101::bigint << 48) + g * 128 + (hashint8(g) & 127), (102::bigint << 48) + (g / 4) * 128
FROM generate_series(1, 4 * {orders}) AS g;
ALTER TABLE "sales$orderline_order" ADD PRIMARY KEY ("sales$orderlineid");
CREATE INDEX "idx_sales$orderline_order" ON "sales$orderline_order" ("sales$orderid", "sales$orderlineid");
CREATE TABLE "sales$contact" (
  "id" bigint NOT NULL, "firstname" varchar(100), "lastname" varchar(100), "email" varchar(200), "phone" varchar(30),
  "biography" text, "token" varchar(64), "active" boolean, "changeddate" timestamp);
INSERT INTO "sales$contact"
SELECT (103::bigint << 48) + g * 128 + (h & 127), initcap(w[1 + (h & 63)]), initcap(w[1 + (h >> 6 & 63)]),
  w[1 + (h & 63)] || '.' || w[1 + (h >> 6 & 63)] || g || '@example.com', '+31 ' || h,
  repeat(w[1 + (h >> 8 & 63)] || ' ' || w[1 + (h >> 14 & 63)] || ' ', 1 + (h & 7)::int), md5(g::text), h & 1 = 0,
  timestamp '2021-01-01' + g * interval '90 seconds'
FROM (SELECT g, hashint8(g * 13)::bigint & 2147483647 AS h FROM generate_series(1, {contacts}) AS g) AS numbers, words;
ALTER TABLE "sales$contact" ADD PRIMARY KEY ("id");
CREATE INDEX "idx_sales$contact_email_asc" ON "sales$contact" ("email", "id");
