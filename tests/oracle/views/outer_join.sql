-- Outer joins, cross joins, joins without an equality.

-- oj_left
SELECT a.id, b.id AS bid, b.s FROM a LEFT JOIN b ON a.k = b.k;

-- oj_right
SELECT a.id, b.id AS bid, b.w + 1 AS w1 FROM a RIGHT JOIN b ON a.k = b.k;

-- oj_full
SELECT a.id, b.id AS bid, a.k AS ak, b.k AS bk FROM a FULL JOIN b ON a.k = b.k;

-- oj_left_residual
SELECT a.id, b.id AS bid, a.n, b.w FROM a LEFT JOIN b ON a.k = b.k AND a.n > b.w;

-- oj_right_residual
SELECT a.id, b.id AS bid FROM a RIGHT JOIN b ON a.k = b.k AND a.n > b.w AND a.s <> b.s;

-- oj_full_residual
SELECT a.id, b.id AS bid FROM a FULL JOIN b ON a.k = b.k AND a.n > b.w;

-- oj_left_only
SELECT a.id, b.id AS bid FROM a LEFT JOIN b ON a.k = b.k AND a.n > 3;

-- oj_bags
SELECT c.k, c.v, d.v AS dv FROM c LEFT JOIN c d ON c.v = d.k;

-- oj_bags_full
SELECT c.k, c.v, d.k AS dk, d.v AS dv FROM c FULL JOIN c d ON c.v = d.k AND c.k < d.v;

-- oj_self
SELECT x.id, y.id AS other FROM a x LEFT JOIN a y ON x.id = y.id;

-- oj_self_null_row
SELECT count(*) AS nulls FROM a x LEFT JOIN a y ON x.id = y.id WHERE y.id IS NULL;

-- oj_parent
SELECT x.id, y.id AS next FROM a x LEFT JOIN a y ON y.id = x.id + 1 AND y.n IS NOT DISTINCT FROM x.n;

-- oj_cross
SELECT b.id, c.k, c.v FROM b CROSS JOIN c;

-- oj_non_equi
SELECT b.id, c.v FROM b JOIN c ON b.w < c.v;

-- oj_left_non_equi
SELECT b.id, c.v FROM b LEFT JOIN c ON b.w < c.v;

-- oj_right_non_equi
SELECT b.id, c.v FROM b RIGHT JOIN c ON b.w < c.v;

-- oj_using
SELECT k, a.id, b.id AS bid FROM a LEFT JOIN b USING (k);

-- oj_using_full
SELECT k, a.id, b.id AS bid FROM a FULL JOIN b USING (k);

-- oj_natural
SELECT k, w, v, id FROM b NATURAL JOIN c;

-- oj_natural_left
SELECT k, s, v FROM b NATURAL LEFT JOIN c;

-- oj_not_distinct
SELECT a.id, b.id AS bid FROM a JOIN b ON a.k IS NOT DISTINCT FROM b.k;

-- oj_not_distinct_left
SELECT a.id, b.id AS bid FROM a LEFT JOIN b ON a.k IS NOT DISTINCT FROM b.k AND a.s IS NOT DISTINCT FROM b.s;

-- oj_not_distinct_mixed
SELECT a.id, b.id AS bid FROM a JOIN b ON a.s IS NOT DISTINCT FROM b.s WHERE a.k = b.k;

-- oj_not_distinct_mixed_full
SELECT a.id, b.id AS bid FROM a FULL JOIN b ON a.s IS NOT DISTINCT FROM b.s AND a.k = b.k;

-- oj_three
SELECT a.id, b.id AS bid, c.v FROM a LEFT JOIN b ON a.k = b.k LEFT JOIN c ON c.k = b.w;

-- oj_three_mixed
SELECT a.id, b.id AS bid, c.v FROM a LEFT JOIN b ON a.k = b.k JOIN c ON c.k = a.n;

-- oj_nested
SELECT a.id, x.bid, x.v FROM a LEFT JOIN (SELECT b.id AS bid, b.k, c.v FROM b JOIN c ON b.w = c.k) x ON x.k = a.k;

-- oj_full_three
SELECT a.id, b.id AS bid, c.k AS ck, c.v FROM a FULL JOIN b ON a.k = b.k FULL JOIN c ON c.k = coalesce(a.k, b.k);

-- oj_anti
SELECT a.id FROM a LEFT JOIN b ON a.k = b.k WHERE b.id IS NULL;

-- oj_aggregate
SELECT a.k, count(*) AS n, count(b.id) AS m, sum(b.w) AS w FROM a LEFT JOIN b ON a.k = b.k AND b.w > a.n GROUP BY a.k;

-- oj_over_aggregates
SELECT x.k, x.n, y.w FROM (SELECT k, count(*) AS n FROM a GROUP BY k) x LEFT JOIN (SELECT k, max(w) AS w FROM b GROUP BY k) y ON x.k = y.k;

-- oj_full_aggregates
SELECT coalesce(x.k, y.k) AS k, x.n, y.w FROM (SELECT k, count(*) AS n FROM a GROUP BY k) x FULL JOIN (SELECT k, max(w) AS w FROM b GROUP BY k) y ON x.k = y.k;

-- oj_true
SELECT b.id, x.n FROM b LEFT JOIN (SELECT count(*) AS n FROM c WHERE v > 3) x ON true;

-- oj_filter_above
SELECT a.id, b.w FROM a LEFT JOIN b ON a.k = b.k WHERE coalesce(b.w, 0) >= 0 AND (b.id IS NULL OR a.n > 2);

-- oj_using_right
SELECT k, a.id, b.id AS bid FROM a RIGHT JOIN b USING (k);

-- oj_using_star
SELECT * FROM b x LEFT JOIN c a USING (k) WHERE k IS NOT NULL;

-- oj_using_star_right
SELECT * FROM b RIGHT JOIN c USING (k);

-- oj_using_star_full
SELECT * FROM b FULL JOIN c USING (k);

-- oj_using_two
SELECT k, s, x.id, y.id AS yid FROM b x FULL JOIN b y USING (s, k);

-- oj_using_chain
SELECT k, b.id, c.v, d.v AS dv FROM b LEFT JOIN c USING (k) FULL JOIN c d USING (k);

-- oj_using_chain_star
SELECT * FROM (SELECT k, v AS v1 FROM c) c FULL JOIN (SELECT k, v AS v2 FROM c) d USING (k) JOIN (SELECT k, v AS v3 FROM c) b USING (k);

-- oj_using_then_on
SELECT k, b.id, a.id AS aid FROM b FULL JOIN c USING (k) LEFT JOIN (SELECT id, n FROM a) a ON a.id = b.id AND a.n > k;

-- oj_on_then_using
SELECT v, b.id, d.k AS dk FROM b JOIN c ON b.k = c.k FULL JOIN c d USING (v);

-- oj_using_alias
SELECT x.k, x.v, x.id FROM (b FULL JOIN c USING (k)) AS x WHERE x.k > 1 OR x.k IS NULL;

-- oj_using_where
SELECT k, count(*) AS n FROM a FULL JOIN b USING (k) WHERE k > 0 GROUP BY k HAVING count(*) > 1;

-- oj_using_qualified
SELECT a.k AS ak, b.k AS bk, k FROM a FULL JOIN b USING (k);

-- oj_using_group
SELECT b.k, count(*) AS n FROM b JOIN c USING (k) GROUP BY k;

-- oj_natural_full
SELECT * FROM (SELECT k, w FROM b) x NATURAL FULL JOIN c;

-- oj_natural_star
SELECT * FROM (SELECT id, k, s FROM a) x NATURAL JOIN (SELECT s, k, w FROM b) y;

-- oj_natural_nothing
SELECT * FROM (SELECT id FROM b) x NATURAL JOIN c;

-- oj_using_nested
SELECT * FROM c JOIN (b JOIN (SELECT k, n FROM a) q USING (k)) USING (k);

-- oj_using_in_subquery
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b JOIN c USING (k) WHERE b.k = a.k AND v > a.n);
