-- Numerics of any size: NaN, more than 38 digits, each value with its own digits after the point.

-- v_numeric_map
SELECT id, num, wide, num + m AS a1, num - wide AS a2, num * num AS a3, wide * 2 AS a4, num + n AS a5, m * m * m * m AS a6, -num AS a7, abs(wide) AS a8 FROM a;

-- v_numeric_quotient
SELECT id, m / nullif(n, 0) AS q1, num / nullif(m, 0) AS q2, n / 3.0 AS q3, wide / 7 AS q4, num % 3 AS q5, mod(m, 2) AS q6, div(wide, 3) AS q7 FROM a;

-- v_numeric_sums
SELECT k, sum(num) AS s1, sum(wide) AS s2, sum(m) AS s3, sum(n) AS s4, sum(num) FILTER (WHERE b) AS s5, sum(DISTINCT num) AS s6, sum(DISTINCT wide) AS s7, sum(m * m) AS s8 FROM a GROUP BY k;

-- v_numeric_averages
SELECT k, avg(num) AS a1, avg(wide) AS a2, avg(m) AS a3, avg(n) AS a4, avg(k) AS a5, avg(num) FILTER (WHERE num <> 'NaN') AS a6, avg(DISTINCT m) AS a7 FROM a GROUP BY k;

-- v_numeric_deviations
SELECT s, var_pop(num) AS v1, var_samp(wide) AS v2, stddev(m) AS v3, stddev_pop(n) AS v4, variance(k) AS v5, stddev_samp(num) FILTER (WHERE abs(num) < 100) AS v6 FROM a GROUP BY s;

-- v_numeric_extremes
SELECT k, min(num) AS e1, max(num) AS e2, min(wide) AS e3, max(wide) AS e4, max(m / 3) AS e5, count(DISTINCT num) AS e6, count(num) AS e7 FROM a GROUP BY k;

-- v_numeric_groups
SELECT num, count(*) AS c, sum(n) AS s, avg(m) AS a FROM a GROUP BY num;

-- v_numeric_groups_wide
SELECT wide, b, count(*) AS c FROM a GROUP BY wide, b HAVING sum(num) > 1;

-- v_numeric_distinct
SELECT DISTINCT num, b FROM a;

-- v_numeric_rollup
SELECT num, k, count(*) AS c, grouping(num) AS g, sum(wide) AS s FROM a GROUP BY ROLLUP (num, k);

-- v_numeric_join
SELECT x.id, y.id AS other, x.num FROM a x JOIN a y ON x.num = y.num AND x.k = y.k;

-- v_numeric_join_mixed
SELECT a.id, c.v, a.num FROM a JOIN c ON a.num = c.v;

-- v_numeric_left_join
SELECT a.id, b.id AS other FROM a LEFT JOIN b ON a.num = b.w AND a.k = b.k;

-- v_numeric_semi
SELECT id, num FROM a WHERE num IN (SELECT v FROM c) OR wide IN (SELECT w FROM b);

-- v_numeric_compare
SELECT id, num > m AS c1, num <= n AS c2, wide = 1.5 AS c3, num BETWEEN 0 AND 2.25 AS c4, num IN (1, 1.50, 3) AS c5, num < d AS c6, num = 'NaN' AS c7, wide <> num AS c8 FROM a;

-- v_numeric_choices
SELECT id, coalesce(num, 0) AS c1, coalesce(m, 0) AS c2, coalesce(m, num) AS c3, CASE WHEN b THEN m ELSE n END AS c4, CASE WHEN b THEN num ELSE 0.000 END AS c5, nullif(num, 1.5) AS c6, greatest(num, m) > 1 AS c7, least(m, 0) AS c8 FROM a;

-- v_numeric_union
SELECT m AS x, id FROM a UNION ALL SELECT n, id FROM a UNION ALL SELECT num, id FROM a UNION ALL SELECT NULL, id FROM b;

-- v_numeric_except
SELECT num FROM a EXCEPT SELECT v::numeric FROM c WHERE v > 2;

-- v_numeric_intersect
SELECT num FROM a WHERE b INTERSECT SELECT num FROM a WHERE NOT b;

-- v_numeric_functions
SELECT id, round(num, 1) AS f1, round(wide) AS f2, trunc(num, 2) AS f3, ceil(wide) AS f4, floor(num) AS f5, sqrt(abs(wide)) AS f6, power(m, 2) AS f7, ln(m + 1) AS f8, exp(m / 10) AS f9, sign(num) AS g1, scale(num) AS g2, trim_scale(wide) AS g3, round(m, 5) AS g4, round(n, 1) AS g5 FROM a;

-- v_numeric_casts
SELECT id, num::text AS c1, m::numeric AS c2, m::numeric(12,4) AS c3, d::numeric AS c4, n::numeric(40,3) AS c5, num::double precision AS c6, (m::text)::numeric AS c7, (m / 3)::numeric(10,4) AS c8, m::integer AS c9 FROM a;

-- v_numeric_window
SELECT id, sum(num) OVER (PARTITION BY k ORDER BY id) AS w1, avg(m) OVER (PARTITION BY k ORDER BY id) AS w2, rank() OVER (ORDER BY num) AS w3, sum(wide) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS w4, max(num) OVER (PARTITION BY b) AS w5, lag(m, 1, 0) OVER (ORDER BY id) AS w6, lead(num) OVER (PARTITION BY k ORDER BY id) AS w7 FROM a;

-- v_numeric_range
SELECT id, count(*) OVER (ORDER BY num RANGE BETWEEN 0.5 PRECEDING AND 1 FOLLOWING) AS w1, count(*) OVER (ORDER BY wide DESC RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS w2 FROM a;

-- v_numeric_top
SELECT id, num FROM a ORDER BY num DESC NULLS LAST, id LIMIT 5;

-- v_numeric_distinct_on
SELECT DISTINCT ON (k) k, num, id FROM a ORDER BY k, num, id;

-- v_numeric_ordered
SELECT k, array_agg(num ORDER BY num, id) AS o1, string_agg(wide::text, ',' ORDER BY wide, id) AS o2, jsonb_agg(num ORDER BY id) AS o3, percentile_disc(0.5) WITHIN GROUP (ORDER BY num) AS o4, array_agg(DISTINCT num) AS o5, mode() WITHIN GROUP (ORDER BY wide) AS o6 FROM a GROUP BY k;

-- v_numeric_nested
SELECT k, sum(share) AS total, max(share) AS top FROM (SELECT k, num / nullif(sum(m) OVER (PARTITION BY k), 0) AS share FROM a WHERE num <> 'NaN') x GROUP BY k;

-- v_numeric_values
SELECT a.id, v.x, v.x * a.m AS y FROM a JOIN (VALUES (1, 1.5), (2, 2.25), (3, 3), (4, NULL)) v(k, x) ON a.k = v.k;

-- v_numeric_literals
SELECT id, 123456789012345678901234567890123456789012345678901234567890.5 + n AS l1, 1e40 * m AS l2, 1e-20 + m AS l3, 0.1 * num AS l4 FROM a;

-- v_numeric_scalar
SELECT id, num - (SELECT avg(m) FROM a) AS x FROM a WHERE m > (SELECT avg(m) FROM a);

-- v_numeric_stacked_input
SELECT k, sum(m) / nullif(count(*), 0) AS mean, sum(n) * 1.10 AS more, round(avg(m), 2) AS rounded FROM a GROUP BY k;

-- numeric_range_peers
SELECT id, count(*) OVER (ORDER BY x RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS c, sum(id) OVER (ORDER BY x DESC RANGE BETWEEN 0.50 PRECEDING AND 1.5 FOLLOWING EXCLUDE GROUP) AS s FROM (SELECT id, CASE WHEN id % 2 = 0 THEN k::numeric ELSE k * 1.00 END AS x FROM a) y;
