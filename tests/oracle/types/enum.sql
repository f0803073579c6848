Enums.

-- t_group
SELECT m, count(*) AS c, min(n) AS lo, max(n) AS hi, count(DISTINCT n) AS d FROM e GROUP BY m
-- t_distinct
SELECT DISTINCT m, n FROM e
-- t_join
SELECT e.id, f.m, f.c FROM e JOIN f ON e.m = f.m
-- t_left
SELECT e.id, f.m FROM e LEFT JOIN f ON e.m = f.m AND e.k = f.k
-- t_filter
SELECT id, m FROM e WHERE m > 'sad' AND n IN ('ok', 'happy')
-- t_case
SELECT id, CASE WHEN m > n THEN m ELSE n END AS g, CASE m WHEN 'sad' THEN 1 WHEN 'ok' THEN 2 END AS w, coalesce(m, 'sad') AS cm FROM e
-- t_text
SELECT id, m::text AS t, m || '!' AS b, concat(m, n) AS cn, to_jsonb(m) AS j, jsonb_build_object('m', m, 'ms', ms) AS o FROM e
-- t_window
SELECT id, m, row_number() OVER (PARTITION BY k ORDER BY m DESC, id) AS rn, lag(m) OVER (ORDER BY id) AS l, max(m) OVER (PARTITION BY k) AS x FROM e
-- t_top
SELECT m, id FROM e ORDER BY m DESC NULLS LAST, id LIMIT 3
-- t_per_group
SELECT k, m, id FROM (SELECT *, rank() OVER (PARTITION BY k ORDER BY m, id) AS r FROM e) x WHERE r <= 2
-- t_aggregates
SELECT k, array_agg(m ORDER BY m, id) AS a, string_agg(m::text, ',' ORDER BY m DESC, id) AS s, jsonb_object_agg(id, m) AS o FROM e GROUP BY k
-- t_cast
SELECT id, s::mood AS sm FROM e WHERE s IN ('sad', 'ok')
-- t_union
SELECT m FROM e UNION SELECT m FROM f
-- t_except
SELECT m FROM e EXCEPT ALL SELECT m FROM f
-- t_intersect
SELECT m FROM e INTERSECT SELECT m FROM f
-- t_unnest
SELECT x, count(*) AS c FROM e, unnest(ms) x GROUP BY x
-- t_any
SELECT id FROM e WHERE m = ANY(ms)
-- t_arrays
SELECT ms, count(*) AS c, max(ms[1]) AS first FROM e GROUP BY ms
-- t_scalar
SELECT id FROM e WHERE m = (SELECT max(m) FROM f)
-- t_in
SELECT id FROM e WHERE m IN (SELECT m FROM f)
-- t_not_in
SELECT id FROM e WHERE NOT EXISTS (SELECT 1 FROM f WHERE f.m = e.m)
-- t_first
SELECT DISTINCT ON (k) k, m, id FROM e ORDER BY k, m DESC, id
-- t_sets
SELECT m, n, count(*) AS c FROM e GROUP BY GROUPING SETS ((m), (n), ())
-- t_choice
SELECT id, greatest(m, n) AS g, least(m, n, 'happy') AS l, nullif(m, n) AS u, 'ok'::mood AS k FROM e
