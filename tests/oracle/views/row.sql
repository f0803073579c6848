-- View queries over rows. `-- name` starts each.
-- v_rows_made
SELECT id, ROW(k, s, NULL, m, t) AS r, (n, b) AS pair, ROW(id) AS one, ROW(ROW(k, s), b) AS nested FROM a;
-- v_rows_whole
SELECT a, b.id AS other, b FROM a LEFT JOIN b ON a.k = b.k;
-- v_rows_json
SELECT id, row_to_json(a) AS j, to_jsonb(a) AS jb, row_to_json(ROW(k, s)) AS r, jsonb_build_object('row', a) AS o FROM a;
-- v_rows_json_agg
SELECT k, json_agg(a ORDER BY id) AS j, jsonb_agg(a ORDER BY id DESC) AS jb, array_agg(ROW(id, s) ORDER BY id) AS rows FROM a GROUP BY k;
-- v_rows_json_agg_all
SELECT json_agg(x ORDER BY x.id) AS j, count(x) AS n FROM (SELECT id, k, s FROM b) x;
-- v_rows_json_nested
SELECT a.id, json_agg(b ORDER BY b.id) AS bs, count(b) AS n FROM a LEFT JOIN b ON a.k = b.k GROUP BY a.id;
-- v_rows_cte
WITH w AS (SELECT k, count(*) AS n FROM a GROUP BY k) SELECT jsonb_agg(w ORDER BY w.k) AS j FROM w;
-- v_rows_null_tests
SELECT a.id, b.id AS other, b IS NULL AS gone, b IS NOT NULL AS whole, ROW(a.k, a.s) IS NULL AS none, ROW(a.k, a.s) IS NOT NULL AS both
FROM a LEFT JOIN b ON a.k = b.k;
-- v_rows_null_filter
SELECT b FROM b WHERE b IS NOT NULL;
-- v_rows_null_fields
SELECT id, r IS NULL AS gone, r IS NOT NULL AS whole FROM (SELECT id, ROW(k, s) AS r FROM a) x;
-- v_rows_field
SELECT id, (r).f1 AS k, (r).f2 || '!' AS s, (a).m FROM (SELECT id, ROW(k, s) AS r, a FROM a) x;
-- v_rows_star
SELECT (x.r).*, x.id FROM (SELECT id, ROW(k, s) AS r FROM a) x;
-- v_rows_star_whole
SELECT *, (b).s AS again, row_to_json(b) AS j FROM b;
-- v_rows_spread
SELECT ROW(b.*, 7) AS r, ROW((b).*) AS same FROM b;
-- v_rows_group
SELECT ROW(k, b) AS r, count(*) AS n, sum(id) AS ids FROM a GROUP BY ROW(k, b);
-- v_rows_group_column
SELECT r, count(*) AS n FROM (SELECT ROW(k, s) AS r FROM a) x GROUP BY r HAVING count(*) > 1;
-- v_rows_group_whole
SELECT x, count(*) AS n FROM (SELECT k, b FROM a) x GROUP BY x;
-- v_rows_group_float
SELECT count(*) AS n, sum(id) AS ids FROM (SELECT id, ROW(CASE WHEN d = 0 AND id % 2 = 0 THEN -d ELSE d END, k) AS r FROM a) x GROUP BY r;
-- v_rows_group_jsonb
SELECT count(*) AS n, min(id) AS first
FROM (SELECT id, ROW(CASE WHEN id % 2 = 0 THEN to_jsonb(k) ELSE to_jsonb(k::numeric(10,2)) END, b) AS r FROM a) x GROUP BY r;
-- v_rows_distinct
SELECT DISTINCT ROW(k, b) AS r FROM a;
-- v_rows_count_distinct
SELECT b, count(DISTINCT (k, s)) AS pairs, count(DISTINCT ROW(d)) AS n FROM a GROUP BY b;
-- v_rows_union
SELECT ROW(k, s) AS r FROM a UNION SELECT ROW(k, s) FROM b;
-- v_rows_except
SELECT ROW(k, s) AS r FROM a EXCEPT SELECT ROW(k, s) FROM b;
-- v_rows_join
SELECT x.id, y.id AS other FROM (SELECT id, ROW(k, s) AS r FROM a) x JOIN (SELECT id, ROW(k, s) AS r FROM b) y ON x.r = y.r;
-- v_rows_join_parts
SELECT a.id, b.id AS other FROM a JOIN b ON (a.k, a.s) = (b.k, b.s);
-- v_rows_left_join
SELECT x.id, y.r FROM (SELECT id, ROW(k, s) AS r FROM a) x LEFT JOIN (SELECT ROW(k, s) AS r FROM b) y ON x.r = y.r;
-- v_rows_compare
SELECT id, (k, s) < (2, 'b') AS less, (k, s) = (1, 'ab') AS same, (k, n) >= (2, 3) AS most, (k, n) BETWEEN (1, 2) AND (3, 4) AS inside FROM a;
-- v_rows_compare_values
SELECT x.id, x.r < y.r AS less, x.r = y.r AS same, x.r IS DISTINCT FROM y.r AS other
FROM (SELECT id, ROW(k, s) AS r FROM a) x, (SELECT ROW(k, s) AS r FROM b WHERE id % 4 = 1) y;
-- v_rows_in
SELECT id, (k, s) IN ((1, 'ab'), (2, NULL)) AS listed FROM a WHERE (k, s) IN (SELECT k, s FROM b) OR k = 1;
-- v_rows_any
SELECT id, ROW(k, s) = ANY (ARRAY[ROW(1, 'ab'::text), ROW(2, NULL::text)]) AS found FROM a;
-- v_rows_array
SELECT id, ARRAY[ROW(k, s), ROW(NULL::integer, 'x')] AS rows, (ARRAY[ROW(k, s), ROW(NULL::integer, 'x')])[1] AS first FROM a;
-- v_rows_top
SELECT id, ROW(k, s) AS r FROM a ORDER BY ROW(k, s) DESC, id LIMIT 5;
-- v_rows_distinct_on
SELECT DISTINCT ON ((k, b)) id, k, b FROM a ORDER BY (k, b), id DESC;
-- v_rows_window
SELECT id, row_number() OVER (PARTITION BY ROW(k, b) ORDER BY id) AS n, lag(ROW(k, s)) OVER (ORDER BY id) AS before,
       rank() OVER (ORDER BY ROW(k, s)) AS place
FROM a;
-- v_rows_choice
SELECT id, coalesce(CASE WHEN b THEN ROW(k, s) END, ROW(0, 'none')) AS r, CASE WHEN b THEN a END AS w FROM a;
-- v_rows_text
SELECT id, a::text AS t, ROW(s, s)::text AS quoted FROM a;
-- v_rows_subquery
SELECT a.id, (SELECT b FROM b WHERE b.id = a.id) AS r, (SELECT json_agg(b ORDER BY b.id) FROM b WHERE b.k = a.k) AS bs FROM a;
-- v_rows_of_join
SELECT row_to_json(x) AS j FROM (SELECT a.id, b AS inside FROM a JOIN b ON a.id = b.id) x;
-- v_rows_exists
SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE ROW(b.k, b.s) IS NOT NULL AND b.k = (a).k);
