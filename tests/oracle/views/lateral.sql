-- LATERAL.

-- la_plain
SELECT a.id, x.w FROM a, LATERAL (SELECT w FROM b WHERE b.k = a.k) x;

-- la_left
SELECT a.id, x.w, x.c FROM a LEFT JOIN LATERAL (SELECT w, 1 AS c FROM b WHERE b.k = a.k AND b.w > a.n) x ON true;

-- la_limit
SELECT a.id, x.bid, x.w FROM a, LATERAL (SELECT id AS bid, w FROM b WHERE b.k = a.k ORDER BY w DESC NULLS LAST, id LIMIT 2) x;

-- la_limit_left
SELECT a.id, x.bid FROM a LEFT JOIN LATERAL (SELECT id AS bid FROM b WHERE b.k = a.k ORDER BY id DESC LIMIT 1) x ON true;

-- la_limit_offset
SELECT a.id, x.bid FROM a CROSS JOIN LATERAL (SELECT id AS bid FROM b WHERE b.k = a.k ORDER BY id LIMIT 2 OFFSET 1) x;

-- la_limit_non_equi
SELECT a.id, x.v FROM a, LATERAL (SELECT v FROM c WHERE c.v > a.n ORDER BY v LIMIT 2) x;

-- la_limit_by_outer
SELECT a.id, x.bid FROM a, LATERAL (SELECT id AS bid FROM b WHERE b.k = a.k ORDER BY abs(b.w - a.n), id LIMIT 1) x;

-- la_aggregate
SELECT a.id, x.n, x.total FROM a, LATERAL (SELECT count(*) AS n, sum(w) AS total FROM b WHERE b.k = a.k) x;

-- la_aggregate_where
SELECT a.id, x.n FROM a, LATERAL (SELECT count(*) AS n FROM b WHERE b.k = a.k) x WHERE x.n <> 1;

-- la_aggregate_having
SELECT a.id, x.n FROM a, LATERAL (SELECT count(*) AS n FROM b WHERE b.k = a.k HAVING count(*) > 1) x;

-- la_aggregate_left
SELECT a.id, x.n FROM a LEFT JOIN LATERAL (SELECT count(*) AS n FROM b WHERE b.k = a.k) x ON x.n > 1;

-- la_group
SELECT a.id, x.s, x.n FROM a, LATERAL (SELECT s, count(*) AS n FROM b WHERE b.k = a.k GROUP BY s) x;

-- la_two
SELECT a.id, x.w, y.v FROM a, LATERAL (SELECT max(w) AS w FROM b WHERE b.k = a.k) x, LATERAL (SELECT v FROM c WHERE c.k = x.w ORDER BY v LIMIT 1) y;

-- la_computed
SELECT a.id, x.y, z.q FROM a, LATERAL (SELECT a.n * 2 AS y) x, LATERAL (SELECT x.y + 1 AS q) z;

-- la_values
SELECT a.id, x.v FROM a, LATERAL (VALUES (a.n), (a.k::bigint), (7)) x(v);

-- la_union
SELECT a.id, x.y FROM a, LATERAL (SELECT w AS y FROM b WHERE b.k = a.k UNION ALL SELECT a.n) x;

-- la_distinct
SELECT a.id, x.s FROM a, LATERAL (SELECT DISTINCT s FROM b WHERE b.w < a.n) x;

-- la_exists_inside
SELECT a.id, x.bid FROM a, LATERAL (SELECT id AS bid FROM b WHERE b.k = a.k AND EXISTS (SELECT 1 FROM c WHERE c.k = b.k AND c.v > a.n)) x;

-- la_window
SELECT a.id, x.bid, x.r FROM a, LATERAL (SELECT id AS bid, row_number() OVER (ORDER BY id) AS r FROM b WHERE b.k = a.k) x WHERE x.r <= 2;

-- la_bag
SELECT c.k, c.v, x.v AS xv FROM c, LATERAL (SELECT d.v FROM c d WHERE d.k = c.v ORDER BY d.v LIMIT 3) x;

-- la_where_before_function
SELECT a.id, g FROM a LEFT JOIN LATERAL generate_series(1, 6 / a.n) AS g ON g > 1 WHERE a.n <> 0;
