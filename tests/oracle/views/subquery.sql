-- Subqueries in WHERE, SELECT, HAVING, ON and inside calls.

-- sq_in
SELECT id FROM a WHERE k IN (SELECT k FROM b);

-- sq_in_bag
SELECT k, v FROM c WHERE v IN (SELECT k FROM c);

-- sq_not_in
SELECT id, k FROM a WHERE k NOT IN (SELECT k FROM b);

-- sq_not_in_no_nulls
SELECT id, k FROM a WHERE k NOT IN (SELECT k FROM b WHERE k IS NOT NULL AND w > 2);

-- sq_not_in_keys
SELECT id FROM a WHERE id NOT IN (SELECT id FROM b);

-- sq_not_in_bag
SELECT k, v FROM c WHERE v NOT IN (SELECT w FROM b WHERE w > 1);

-- sq_not_in_correlated
SELECT id, n FROM a WHERE n NOT IN (SELECT w FROM b WHERE b.k = a.k);

-- sq_not_in_constant
SELECT id FROM a WHERE 3 NOT IN (SELECT w FROM b WHERE b.k = a.k);

-- sq_not_in_constant_plain
SELECT id FROM a WHERE 3 NOT IN (SELECT w FROM b);

-- sq_not_in_null
SELECT id FROM a WHERE NULL NOT IN (SELECT w FROM b WHERE w > 4);

-- sq_in_values
SELECT id, k IN (SELECT k FROM b) AS i, k NOT IN (SELECT k FROM b WHERE w > 3) AS n FROM a;

-- sq_in_value_correlated
SELECT id, n IN (SELECT w FROM b WHERE b.k = a.k) AS i FROM a;

-- sq_in_or
SELECT id FROM a WHERE n > 7 OR k IN (SELECT k FROM b WHERE w > 2);

-- sq_not_in_or
SELECT id FROM a WHERE n > 7 OR k NOT IN (SELECT k FROM b WHERE w > 2);

-- sq_in_is_null
SELECT id FROM a WHERE (k IN (SELECT k FROM b WHERE s = 'ab')) IS NULL;

-- sq_in_type
SELECT id FROM a WHERE n IN (SELECT k + 1 FROM b);

-- sq_in_residual
SELECT id FROM a WHERE k IN (SELECT k FROM b WHERE b.w < a.n);

-- sq_exists
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k);

-- sq_not_exists
SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k);

-- sq_exists_residual
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.w > a.n);

-- sq_not_exists_residual
SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.w > a.n AND b.s = 'ab');

-- sq_exists_non_equi
SELECT k, v FROM c WHERE EXISTS (SELECT 1 FROM b WHERE b.w > c.v);

-- sq_not_exists_non_equi
SELECT k, v FROM c WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.w > c.v);

-- sq_exists_plain
SELECT id FROM b WHERE EXISTS (SELECT 1 FROM c WHERE v > 5);

-- sq_not_exists_plain
SELECT id FROM b WHERE NOT EXISTS (SELECT 1 FROM c WHERE v > 5);

-- sq_exists_or
SELECT id FROM a WHERE n = 1 OR EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.w > 1) OR NOT EXISTS (SELECT 1 FROM c WHERE c.v = a.n);

-- sq_exists_value
SELECT id, EXISTS (SELECT 1 FROM b WHERE b.k = a.k) AS e, NOT EXISTS (SELECT 1 FROM c WHERE c.k = a.k AND c.v > a.n) AS x FROM a;

-- sq_exists_case
SELECT id, CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.w < a.n) THEN 'yes' WHEN k IS NULL THEN 'null' ELSE 'no' END AS c FROM a;

-- sq_exists_outer_only
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM c WHERE a.n > 4);

-- sq_exists_aggregate
SELECT id FROM a WHERE EXISTS (SELECT k FROM b WHERE b.k = a.k GROUP BY k HAVING count(*) > 1);

-- sq_exists_nested
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND EXISTS (SELECT 1 FROM c WHERE c.k = b.w AND c.v > a.n));

-- sq_exists_join
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b JOIN c ON c.k = b.k WHERE b.s = a.s AND c.v < a.n);

-- sq_any
SELECT id FROM a WHERE n > ANY (SELECT w FROM b WHERE b.k = a.k);

-- sq_all
SELECT id FROM a WHERE n > ALL (SELECT w FROM b WHERE b.k = a.k);

-- sq_all_plain
SELECT id FROM a WHERE n >= ALL (SELECT v FROM c WHERE v < 4);

-- sq_any_equal
SELECT id FROM a WHERE k = ANY (SELECT k FROM b WHERE w > 3);

-- sq_all_not_equal
SELECT id FROM a WHERE k <> ALL (SELECT k FROM b WHERE w > 3);

-- sq_any_values
SELECT id, n < ANY (SELECT v FROM c) AS x, n <= ALL (SELECT v FROM c WHERE c.k = a.k) AS y FROM a;

-- sq_scalar
SELECT id, (SELECT max(w) FROM b) AS m FROM a;

-- sq_scalar_where
SELECT id, n FROM a WHERE n > (SELECT avg(w) FROM b);

-- sq_scalar_correlated
SELECT id, (SELECT max(w) FROM b WHERE b.k = a.k) AS m, (SELECT count(*) FROM b WHERE b.k = a.k) AS c FROM a;

-- sq_scalar_expression
SELECT id, (SELECT coalesce(sum(w), -1) + count(*) FROM b WHERE b.k = a.k AND b.s = a.s) * 2 AS m FROM a;

-- sq_scalar_having
SELECT id, (SELECT sum(w) FROM b WHERE b.k = a.k HAVING count(*) > 1) AS m FROM a;

-- sq_scalar_non_equi
SELECT id, (SELECT count(*) FROM c WHERE c.v < a.n) AS below FROM a;

-- sq_scalar_outer_value
SELECT id, (SELECT sum(c.v + a.n) FROM c WHERE c.k = a.k) AS m FROM a;

-- sq_scalar_key
SELECT id, (SELECT s FROM b WHERE b.id = a.n) AS s FROM a;

-- sq_scalar_limit
SELECT id, (SELECT w FROM b WHERE b.k = a.k ORDER BY w DESC NULLS LAST, id LIMIT 1) AS top FROM a;

-- sq_scalar_limit_plain
SELECT id, (SELECT w FROM b ORDER BY w NULLS LAST, id LIMIT 1) AS low FROM a;

-- sq_scalar_where_correlated
SELECT id FROM a WHERE n > (SELECT avg(x.n) FROM a x WHERE x.k = a.k);

-- sq_scalar_or
SELECT id FROM a WHERE k IS NULL OR n = (SELECT max(w) FROM b WHERE b.k = a.k) OR n < (SELECT min(v) FROM c);

-- sq_scalar_case
SELECT id, CASE WHEN n > 3 THEN (SELECT count(*) FROM b WHERE b.k = a.k) ELSE (SELECT min(v) FROM c WHERE c.k = a.k) END AS x FROM a;

-- sq_scalar_nested
SELECT id, (SELECT max(w) FROM b WHERE b.k = a.k AND b.w < (SELECT max(v) FROM c WHERE c.k = b.k)) AS m FROM a;

-- sq_scalar_nested_two_levels
SELECT id, (SELECT count(*) FROM b WHERE b.k = a.k AND b.w > (SELECT count(*) FROM c WHERE c.v = a.n)) AS m FROM a;

-- sq_scalar_in_aggregate
SELECT k, sum((SELECT max(w) FROM b WHERE b.k = a.k)) AS m, count(*) FILTER (WHERE EXISTS (SELECT 1 FROM c WHERE c.v = a.n)) AS n FROM a GROUP BY k;

-- sq_scalar_as_group
SELECT (SELECT count(*) FROM b WHERE b.k = a.k) AS bs, count(*) AS n FROM a GROUP BY 1;

-- sq_scalar_having_plain
SELECT k, count(*) AS n FROM a GROUP BY k HAVING count(*) > (SELECT count(*) FROM b) / 3;

-- sq_scalar_having_correlated
SELECT k, sum(n) AS total FROM a GROUP BY k HAVING sum(n) > (SELECT sum(w) FROM b WHERE b.k = a.k);

-- sq_select_over_group
SELECT k, count(*) AS n, (SELECT max(w) FROM b WHERE b.k = a.k) AS w FROM a GROUP BY k;

-- sq_on
SELECT a.id, b.id AS bid FROM a JOIN b ON a.k = b.k AND a.n > (SELECT min(v) FROM c WHERE c.k = b.k);

-- sq_on_left
SELECT a.id, b.id AS bid FROM a LEFT JOIN b ON a.k = b.k AND b.w > (SELECT min(v) FROM c);

-- sq_on_left_sides
SELECT a.id, b.id AS bid FROM a LEFT JOIN b ON a.k = b.k AND EXISTS (SELECT 1 FROM c WHERE c.k = b.w) AND a.n NOT IN (SELECT v FROM c WHERE v > 3);

-- sq_without_from
SELECT (SELECT count(*) FROM a) AS a, (SELECT sum(w) FROM b) AS b, EXISTS (SELECT 1 FROM c) AS c;

-- sq_union
SELECT id, (SELECT sum(x) FROM (SELECT w AS x FROM b WHERE b.k = a.k UNION ALL SELECT v FROM c WHERE c.k = a.k) u) AS m FROM a;

-- sq_distinct
SELECT id, (SELECT count(*) FROM (SELECT DISTINCT w FROM b WHERE b.k = a.k) u) AS m FROM a;

-- sq_group_inside
SELECT id, (SELECT max(n) FROM (SELECT s, count(*) AS n FROM b WHERE b.k = a.k GROUP BY s) u) AS m FROM a;

-- sq_left_join_inside
SELECT id, (SELECT count(c.v) FROM b LEFT JOIN c ON c.k = b.w WHERE b.k = a.k) AS m FROM a;

-- sq_in_of_aggregate
SELECT id FROM a WHERE n IN (SELECT max(w) FROM b WHERE b.k = a.k);

-- sq_in_of_groups
SELECT id FROM a WHERE n IN (SELECT count(*) FROM b GROUP BY k);

-- sq_of_view_shape
SELECT x.k, x.n FROM (SELECT k, count(*) AS n FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k) GROUP BY k) x WHERE x.n > (SELECT count(*) FROM c) / 4;

-- sq_scalar_over_bag
SELECT k, v, (SELECT count(*) FROM c d WHERE d.k = c.v) AS n FROM c;

-- sq_coerced
SELECT id, (SELECT max(v) FROM c WHERE c.v = a.k) AS m, (SELECT count(*) FROM b WHERE b.w = a.n) AS x FROM a;

-- sq_row_in
SELECT id FROM a WHERE (k, s) IN (SELECT k, s FROM b);

-- sq_row_not_in
SELECT id FROM a WHERE (k, s) NOT IN (SELECT k, s FROM b WHERE w > 1);

-- sq_row_in_value
SELECT id, (k, s) IN (SELECT b.k, s FROM b WHERE b.w < a.n) AS i, (n, k) NOT IN (SELECT v, k FROM c) AS j FROM a;

-- sq_row_in_mixed
SELECT id FROM a WHERE n > 0 AND (k + 1, n) IN (SELECT k, v FROM c UNION SELECT w, id FROM b) AND id > 2;

-- sq_set_operation
SELECT id, (SELECT count(*) FROM (SELECT w FROM b WHERE b.k = a.k EXCEPT SELECT v FROM c WHERE c.k = a.k) x) AS n FROM a;

-- sq_all_set_operation
SELECT id FROM a WHERE n > ALL (SELECT w FROM b WHERE b.k = a.k EXCEPT ALL SELECT v FROM c WHERE c.v = a.n);

-- sq_float_keys
SELECT id, d IN (SELECT w FROM b) AS i, m > ANY (SELECT w FROM b WHERE b.k = a.k) AS j, (SELECT count(*) FROM a y WHERE y.d = a.d) AS n FROM a;

-- sq_cte
WITH q AS (SELECT k, count(*) AS n FROM b GROUP BY k) SELECT id, (SELECT n FROM q WHERE q.k = a.k) AS n, k IN (SELECT k FROM q WHERE n > 1) AS i FROM a;

-- sq_outer_only_value
SELECT id, (SELECT 1) AS one, (SELECT a.n) AS n, (SELECT a.n WHERE a.n > 2) AS m, EXISTS (SELECT 1 WHERE a.n > 3) AS e FROM a;

-- sq_distinct_values
SELECT DISTINCT (SELECT max(w) FROM b WHERE b.k = a.k) AS m FROM a;

-- sq_between
SELECT id FROM a WHERE k BETWEEN (SELECT min(w) FROM b) AND (SELECT max(w) FROM b WHERE b.k = a.k);

-- sq_single_of_text
SELECT id, coalesce((SELECT s FROM b WHERE b.id = a.id), 'none') AS z, nullif((SELECT count(*) FROM b WHERE b.k = a.k), 0) AS y FROM a;

-- sq_case_guards_member
SELECT id, CASE WHEN n <> 0 THEN 12 / n IN (SELECT w FROM b) WHEN k > 1 THEN 12 / (n + 1) = ANY (SELECT k FROM b) END AS e FROM a;

-- sq_case_guards_correlated
SELECT id, CASE WHEN n <> 0 THEN (SELECT count(*) FROM b WHERE b.w < 10 / a.n) ELSE -1 END AS c, CASE WHEN n = 0 THEN NULL ELSE EXISTS (SELECT 1 FROM b WHERE b.k = 10 / a.n) END AS e FROM a;

-- sq_coalesce_guards
SELECT id, coalesce(n, (SELECT count(*) / (a.k - a.k) FROM b WHERE b.w < 10 / (a.k - a.k))) AS c FROM a WHERE n IS NOT NULL;

-- sq_filter_guards
SELECT k, sum((SELECT max(10 / a.n + b.w) FROM b WHERE b.k = a.k)) FILTER (WHERE n <> 0) AS s FROM a GROUP BY k;
