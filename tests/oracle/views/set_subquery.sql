-- Functions that answer rows, and set operations, inside of subqueries that depend on the row outside.

-- v_unnest_scalar
SELECT id, (SELECT sum(u) FROM unnest(ARRAY[a.k, 2]) u) AS total FROM a;

-- v_unnest_count
SELECT id, (SELECT count(*) FROM generate_series(1, a.k) g WHERE g <> 2) AS n FROM a;

-- v_unnest_exists
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM unnest(ARRAY[a.k, a.n]) u WHERE u > 4);

-- v_unnest_not_exists
SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM generate_series(a.k, 3) g JOIN b ON b.k = g);

-- v_unnest_in
SELECT id FROM a WHERE 2 IN (SELECT u FROM unnest(ARRAY[a.k, a.k + 1]) u);

-- v_unnest_array_agg_lateral
SELECT a.id, q.top FROM a, LATERAL (SELECT max(u) AS top FROM unnest(ARRAY[a.k, a.n, 1]) u) q;

-- v_unnest_left_on
SELECT a.id, u FROM a LEFT JOIN LATERAL unnest(ARRAY[a.k, a.n]) u ON u > 3;

-- v_unnest_left_coalesce
SELECT a.id, q.e FROM a LEFT JOIN LATERAL (SELECT coalesce(g, 0) + 1 AS e FROM generate_series(1, a.k) g) q ON true;

-- v_unnest_left_join_twice
SELECT a.id, x, y FROM a LEFT JOIN LATERAL generate_series(1, a.k) x ON true LEFT JOIN LATERAL generate_series(x, 2) y ON true;

-- v_set_exists
SELECT id FROM a WHERE EXISTS (SELECT b.s FROM b WHERE b.k = a.k EXCEPT SELECT a.s);

-- v_set_in
SELECT id FROM a WHERE k IN (SELECT k FROM b EXCEPT ALL SELECT k FROM c);

-- v_set_lateral
SELECT a.id, q.k FROM a, LATERAL (SELECT k FROM b WHERE b.s = a.s INTERSECT ALL SELECT k FROM c WHERE c.v > a.k) q;

-- v_set_scalar
SELECT id, (SELECT count(*) FROM (SELECT w FROM b WHERE b.k = a.k EXCEPT SELECT v FROM c) x) AS n FROM a;

-- v_series_cross
SELECT a.id, g FROM a CROSS JOIN generate_series(1, 3) g;

-- v_values_lateral
SELECT a.id, q.x FROM a, LATERAL (VALUES (a.k), (a.k + 1), (7)) q (x) WHERE q.x > 2;
