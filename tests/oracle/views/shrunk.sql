-- Queries that random cases found wrong once, made small.

-- shrunk_shared_changed
WITH w AS (SELECT k, count(*) AS n FROM a GROUP BY k)
SELECT x.k, y.k AS y, y.n FROM w AS x JOIN b ON NULL::boolean FULL JOIN w AS y ON y.k = x.k;

-- shrunk_never_below_rollup
SELECT id FROM b WHERE DATE '2026-01-01' = ANY (SELECT NULL::date FROM (SELECT k, count(*) FROM a GROUP BY ROLLUP (k)) AS x);

-- shrunk_never_beside_rollup
SELECT * FROM (SELECT k, count(*) AS n FROM a GROUP BY ROLLUP (k)) AS x WHERE NULL::boolean AND k IS NULL;

-- shrunk_never_joined
SELECT b.id, x.n FROM b LEFT JOIN (SELECT k, count(*) AS n FROM a GROUP BY CUBE (k)) AS x ON x.k = b.k AND b.w > NULL;

-- shrunk_row_item_names
SELECT id, upper(s) AS s, generate_series(1, least(k, 3)) AS n FROM b;

-- shrunk_row_item_swapped
SELECT k + 1 AS w, w AS k, unnest(ARRAY[k, w]) AS s FROM b;

-- shrunk_rollup_of_casts
SELECT (k)::bigint AS k, (s || 'x') AS s, count(*) AS n FROM a GROUP BY ROLLUP ((k)::bigint, (s || 'x'));

-- shrunk_sets_of_casts
SELECT (k)::bigint AS k, count(*) AS n FROM a GROUP BY GROUPING SETS ((k)::bigint, ((k)::bigint, b), CUBE (b), ());

-- shrunk_cross_joined
SELECT b.id, x.n FROM b CROSS JOIN (SELECT sum(v) AS n FROM c) AS x;

-- shrunk_all_of_arrays
SELECT id FROM b WHERE ARRAY[1, NULL] <= ALL (SELECT ARRAY[c.k, b.k] FROM c);

-- shrunk_any_of_jsonb
SELECT id FROM b WHERE to_jsonb(k) < ANY (SELECT to_jsonb(v) FROM c);

-- shrunk_any_of_no_rows
SELECT x.k FROM (VALUES (1, ARRAY[1, 2]), (2, NULL)) AS x(k, list) WHERE x.k > 5 AND x.k = ANY (x.list);

-- shrunk_grouping_of_intervals
SELECT x.d, b.k, GROUPING(x.d, b.k) AS g, max(x.d) AS m FROM b JOIN (VALUES (1, INTERVAL '1 hour'), (2, INTERVAL '90 minutes')) AS x(k, d) ON x.k = b.k GROUP BY ROLLUP (x.d, b.k);

-- shrunk_never_joined_type
SELECT b.id, x.j FROM b JOIN (SELECT p.id, to_jsonb(p.k) AS k, to_jsonb(q.s) AS j FROM b AS q RIGHT JOIN b AS p ON NULL::boolean) AS x ON x.k = to_jsonb(b.k) AND x.j IS NULL;

-- shrunk_row_item_renamed
SELECT s AS k, (k)::bigint AS n, generate_series(1, 2) AS g FROM b;

-- shrunk_no_rows_type
SELECT b.id, (SELECT to_jsonb(c.k) FROM c WHERE NULL::boolean ORDER BY 1 LIMIT 1) AS j FROM b WHERE (to_jsonb(b.k) > (SELECT to_jsonb(c.k) FROM c WHERE NULL::boolean ORDER BY 1 LIMIT 1)) IS NULL;

-- shrunk_row_items_of_join
SELECT b.s AS k, 1 AS one, string_to_table('b a', ' ') AS s FROM b JOIN c USING (k);

-- shrunk_greatest_array
SELECT k, max(ARRAY[n, d::bigint]) AS greatest, min(ARRAY[n, d::bigint]) AS least FROM a GROUP BY k;

-- shrunk_merged_not_outer
SELECT a.id, (SELECT max(k) FROM b JOIN c USING (k)) AS m, y.k AS inner_k, y.n FROM a JOIN LATERAL (SELECT k, count(*) AS n FROM b JOIN c USING (k) GROUP BY k HAVING max(k) > 0) AS y ON y.k = a.n;

-- shrunk_in_case
SELECT id, k NOT IN (7, (CASE w WHEN 1 THEN k WHEN 2 THEN 7 END)) AS x, 4 IN (0, (CASE k WHEN 1 THEN w ELSE NULL END), w) AS y FROM b WHERE 4 NOT IN (0, (CASE k WHEN 1 THEN k WHEN 2 THEN 7 END));

-- shrunk_array_of_merged
SELECT count(*) FILTER (WHERE b.w = ANY ('{}'::integer[] || k)) AS n FROM b LEFT JOIN c USING (k);

-- shrunk_in_merged_name
SELECT bool_and(k NOT IN (0, w)) AS b FROM b;

-- shrunk_cube_of_arrays
SELECT (CASE WHEN ARRAY[k] < ARRAY[1, 2] THEN 1 ELSE w END) AS w, grouping((CASE WHEN ARRAY[k] < ARRAY[1, 2] THEN 1 ELSE w END)) AS g, count(*) AS n FROM b GROUP BY CUBE ((CASE WHEN ARRAY[k] < ARRAY[1, 2] THEN 1 ELSE w END), to_jsonb(s) > '"a"');

-- shrunk_lateral_jsonb
SELECT x.j, y.i FROM (SELECT k, to_jsonb(s) AS j FROM b) x LEFT JOIN LATERAL (SELECT x.j AS i FROM c WHERE c.k = x.k) y ON y.i >= x.j;

-- shrunk_constant_member
SELECT a.id, l.w FROM a CROSS JOIN LATERAL (SELECT b.w FROM b WHERE b.w > 2 OR 'ab' IN (SELECT c.s FROM b AS c WHERE a.k = 2)) AS l;

-- shrunk_scalar_jsonb
SELECT id, (SELECT to_jsonb(a.s) WHERE a.k > 1) = to_jsonb(a.s) AS e FROM a;

-- shrunk_left_function_in_lateral
SELECT a.id, l.v, l.g FROM a CROSS JOIN LATERAL (SELECT a.n AS v, g FROM c LEFT JOIN generate_series(least(c.k, 3), 2) AS g ON true WHERE c.v = a.k) AS l;

-- shrunk_left_function_in_left_lateral
SELECT a.id, l.v, l.g FROM a LEFT JOIN LATERAL (SELECT 1 AS v, g FROM (SELECT 1) q LEFT JOIN generate_series(a.k, 2) AS g ON true) AS l ON true;

-- shrunk_scalar_not_distinct
SELECT id, (SELECT max(c.v) FROM c WHERE c.k = b.k) IS NOT DISTINCT FROM w AS e FROM b;
