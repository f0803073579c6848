-- Names and joins that the planner finds in more than one place.

-- pl_distinct_on_merged
SELECT DISTINCT ON (k) k, a.id, b.s FROM a JOIN b USING (k) ORDER BY k, a.id, b.id;

-- pl_distinct_on_full
SELECT DISTINCT ON (k, a.s) k, a.s, b.id AS bid FROM a FULL JOIN b USING (k) ORDER BY k, a.s, b.id DESC, a.id;

-- pl_distinct_on_not_shown
SELECT DISTINCT ON (k + 1) a.id, b.id AS bid FROM a LEFT JOIN b USING (k) ORDER BY k + 1, a.id, b.id;

-- pl_distinct_on_output
SELECT DISTINCT ON (k) a.n AS k, b.id AS bid FROM a JOIN b USING (k) ORDER BY k, b.id, a.id;

-- pl_distinct_on_natural
SELECT DISTINCT ON (k) k, v, id FROM c NATURAL JOIN b ORDER BY k, v, id;

-- pl_set_beside_merged
SELECT k, a.id, generate_series(1, w) AS i FROM a JOIN b USING (k);

-- pl_set_of_merged
SELECT k + 1 AS k1, unnest(ARRAY[k, b.w]) AS x FROM a FULL JOIN b USING (k) WHERE k IS NOT NULL;

-- pl_sets_in_exists
SELECT a.id FROM a WHERE EXISTS (SELECT k, s FROM b WHERE b.k = a.k GROUP BY ROLLUP (k, s) HAVING count(*) > 2);

-- pl_sets_in_exists_always
SELECT a.id FROM a WHERE NOT EXISTS (SELECT count(*) FROM b WHERE b.k = a.k GROUP BY GROUPING SETS ((s), ()) HAVING count(*) = 0);

-- pl_sets_scalar
SELECT a.id, (SELECT sum(x.n) FROM (SELECT s, w, count(*) AS n FROM b WHERE b.k = a.k GROUP BY CUBE (s, w)) x) AS n FROM a;

-- pl_sets_grouping
SELECT a.id, x.s, x.n, x.g FROM a, LATERAL (SELECT s, count(*) AS n, GROUPING(s, w) AS g FROM b WHERE b.k = a.k GROUP BY GROUPING SETS ((s, w), (s), (), ())) x;

-- pl_sets_of_outer
SELECT a.id, x.e, x.n FROM a, LATERAL (SELECT b.w + a.n AS e, count(*) AS n FROM b WHERE b.w < a.k GROUP BY ROLLUP (b.w + a.n)) x;

-- pl_sets_in
SELECT a.id FROM a WHERE a.n IN (SELECT count(*) FROM b WHERE b.k = a.k GROUP BY ROLLUP (s));

-- pl_right_in_exists
SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM c RIGHT JOIN b ON c.k = b.k AND c.v > a.n WHERE b.k = a.k AND c.v IS NULL);

-- pl_right_scalar
SELECT a.id, (SELECT count(c.v) + count(*) * 100 FROM c RIGHT JOIN b ON c.k = b.w AND c.v < a.n WHERE b.k >= a.k) AS n FROM a;

-- pl_right_inner_side
SELECT a.id, x.n FROM a, LATERAL (SELECT count(*) AS n FROM (SELECT * FROM c WHERE c.k = a.k) c RIGHT JOIN b ON b.w = c.v) x;

-- pl_full_scalar
SELECT a.id, (SELECT count(c.v) + count(b.id) * 100 + count(*) * 10000 FROM c FULL JOIN b ON c.k = b.k AND c.v < a.n) AS n FROM a;

-- pl_full_both_sides
SELECT a.id, x.v, x.bid FROM a, LATERAL (
    SELECT c.v, b.id AS bid FROM (SELECT * FROM c WHERE c.k = a.k) c FULL JOIN (SELECT * FROM b WHERE b.k = a.k + 1) b ON c.v = b.w
) x;

-- pl_full_merged
SELECT a.id, (SELECT max(k) FROM (SELECT * FROM c WHERE c.v <= a.n) c FULL JOIN (SELECT * FROM b WHERE b.w > a.n) b USING (k)) AS top FROM a;

-- pl_full_exists
SELECT a.id FROM a WHERE NOT EXISTS (SELECT 1 FROM c FULL JOIN b ON c.k = b.k AND b.w = a.k WHERE c.v = a.n OR b.id = a.id);

-- pl_row_and_column
SELECT b::text AS whole, (SELECT max(b) FROM (SELECT c.v AS b FROM c WHERE c.k = b.k) x) AS m FROM b;

-- pl_column_and_row
SELECT (SELECT count(b) FROM (VALUES (1), (NULL)) AS x(b)) AS two, count(b) AS n FROM b;

-- pl_outer_column_before_row
SELECT x.c, (SELECT count(*) FROM c WHERE c.k = x.c) AS n, (SELECT sum(c + c.v) FROM c WHERE c.v > x.c) AS m FROM (SELECT DISTINCT k AS c FROM b) x;

-- pl_row_in_one_side
SELECT c::text AS t FROM c UNION ALL SELECT c::text FROM (SELECT v FROM c) AS u(c);
