-- GROUPING SETS, ROLLUP, CUBE, GROUPING(); expressions, ordinals and aliases in GROUP BY.

-- gs_rollup
SELECT k, s, count(*) AS c, sum(n) AS total FROM a GROUP BY ROLLUP (k, s);

-- gs_cube
SELECT k, b, count(*) AS c, max(n) AS top FROM a GROUP BY CUBE (k, b);

-- gs_sets
SELECT k, s, b, count(*) AS c FROM a GROUP BY GROUPING SETS ((k, s), (b), ());

-- gs_grouping
SELECT k, s, GROUPING(k) AS gk, GROUPING(s) AS gs, GROUPING(k, s) AS g, GROUPING(s, k) AS gr, count(*) AS c FROM a GROUP BY ROLLUP (k, s);

-- gs_grouping_cube
SELECT k, s, b, GROUPING(k, s, b) AS g, GROUPING(b, k) AS g2, sum(n) AS total FROM a GROUP BY CUBE (k, s, b);

-- gs_duplicates
SELECT k, count(*) AS c FROM a GROUP BY GROUPING SETS ((k), (k), (), ());

-- gs_mixed
SELECT k, s, b, count(*) AS c FROM a GROUP BY k, ROLLUP (s, b);

-- gs_several
SELECT k, s, b, count(*) AS c, GROUPING(k, s, b) AS g FROM a GROUP BY GROUPING SETS ((k), ()), GROUPING SETS ((s), (b));

-- gs_nested
SELECT k, s, b, count(*) AS c FROM a GROUP BY GROUPING SETS (ROLLUP (k, s), CUBE (b));

-- gs_empty_only
SELECT count(*) AS c, sum(n) AS total FROM a GROUP BY GROUPING SETS (());

-- gs_empty_input
SELECT k, count(*) AS c, sum(n) AS total, GROUPING(k) AS g FROM a WHERE n > 1000 GROUP BY ROLLUP (k);

-- gs_empty_twice
SELECT k, count(*) AS c FROM a WHERE n > 8 GROUP BY GROUPING SETS ((k), (), ());

-- gs_key_is_argument
SELECT k, sum(k) AS total, count(k) AS c, min(k) AS low FROM a GROUP BY ROLLUP (k);

-- gs_composite
SELECT k, s, b, count(*) AS c FROM a GROUP BY ROLLUP ((k, s), b);

-- gs_composite_cube
SELECT k, s, b, count(*) AS c FROM a GROUP BY CUBE ((k, s), b);

-- gs_having
SELECT k, s, count(*) AS c FROM a GROUP BY ROLLUP (k, s) HAVING count(*) > 2;

-- gs_having_grouping
SELECT k, s, count(*) AS c FROM a GROUP BY CUBE (k, s) HAVING GROUPING(k) = 1 OR GROUPING(s) = 0;

-- gs_having_key
SELECT k, s, count(*) AS c FROM a GROUP BY ROLLUP (k, s) HAVING k IS NULL;

-- gs_filter_above
SELECT k, c FROM (SELECT k, s, count(*) AS c FROM a GROUP BY ROLLUP (k, s)) x WHERE k = 1 AND c > 1;

-- gs_distinct
SELECT k, s, count(DISTINCT n) AS d, sum(DISTINCT n) AS sd, count(*) AS c FROM a GROUP BY ROLLUP (k, s);

-- gs_ordered
SELECT k, b, string_agg(s, ',' ORDER BY id) AS x, percentile_disc(0.5) WITHIN GROUP (ORDER BY n) AS p, array_agg(n ORDER BY id) AS y FROM a GROUP BY CUBE (k, b);

-- gs_variance
SELECT k, var_pop(n) AS avg_v, bool_and(b) AS x, bit_or(n) AS y FROM a GROUP BY ROLLUP (k);

-- gs_expression
SELECT n % 3 AS r, k IS NULL AS no_k, count(*) AS c FROM a GROUP BY ROLLUP (n % 3, k IS NULL);

-- gs_join
SELECT b.s, a.k, count(*) AS c, sum(a.n) AS total FROM a JOIN b ON a.k = b.k GROUP BY ROLLUP (b.s, a.k);

-- gs_filter
SELECT k, count(*) FILTER (WHERE b) AS c, sum(n) FILTER (WHERE s = 'ab') AS x FROM a GROUP BY ROLLUP (k);

-- gs_bag
SELECT k, v, count(*) AS c FROM c GROUP BY CUBE (k, v);

-- gs_no_calls
SELECT k, s FROM a GROUP BY ROLLUP (k, s);

-- gs_grouping_plain
SELECT k, GROUPING(k) AS g, count(*) AS c FROM a GROUP BY k;

-- gs_case
SELECT CASE WHEN GROUPING(k) = 1 THEN 'all' ELSE coalesce(k::text, '?') END AS label, count(*) AS c FROM a GROUP BY ROLLUP (k);

-- gb_ordinal
SELECT n % 4 AS r, s, count(*) AS c FROM a GROUP BY 1, 2;

-- gb_alias
SELECT length(s) AS len, b AS flag, count(*) AS c FROM a GROUP BY len, flag;

-- gb_expression_of_key
SELECT k + 1 AS next, k * 10 AS ten, count(*) AS c FROM a GROUP BY k;

-- gb_constant
SELECT 1 AS one, count(*) AS c FROM a GROUP BY 1;

-- gb_having_false
SELECT count(*) AS c FROM a HAVING count(*) > 1000000;

-- gb_having_only
SELECT 1 AS one FROM a HAVING sum(n) > 10;

-- gb_keys_twice
SELECT k, k AS again, count(*) AS c FROM a GROUP BY k, k;

-- gb_no_columns
SELECT count(*) AS c FROM a GROUP BY k, s;

-- gb_nothing
SELECT count(*) AS c, sum(n) AS total FROM a WHERE n > 3 GROUP BY ();

-- gb_parentheses
SELECT k, s, count(*) AS c FROM a GROUP BY (k, s), ();
