char(n), varchar(n), domains.

-- c_group
SELECT c, count(*) AS n, min(c) AS lo, max(v) AS hi FROM e GROUP BY c
-- c_distinct
SELECT DISTINCT c, v FROM e
-- c_join
SELECT e.id, f.c FROM e JOIN f ON e.c = f.c
-- c_join_text
SELECT a.id, b.id AS other FROM e a JOIN e b ON a.c = b.s
-- c_join_varchar
SELECT a.id, b.id AS other FROM e a JOIN e b ON a.c = b.v
-- c_filter
SELECT id, c FROM e WHERE c = 'a' OR c > 'ab ' OR c LIKE 'ab  '
-- c_in
SELECT id FROM e WHERE c IN ('a', 'Zz') OR c BETWEEN 'ab' AND 'ab  '
-- c_text
SELECT id, c || '|' AS a, concat(c, '|') AS b, length(c) AS l, octet_length(c) AS o, upper(c) AS u, to_jsonb(c) AS j, c::text || '|' AS t, c::char(2) AS s FROM e
-- c_case
SELECT id, coalesce(c, 'zz') AS a, CASE WHEN k > 1 THEN c ELSE 'q' END AS b, nullif(c, 'a') AS n, coalesce(c, s) || '|' AS t FROM e
-- c_window
SELECT id, count(*) OVER (PARTITION BY c) AS n, lag(c) OVER (ORDER BY id) AS l FROM e
-- c_order
SELECT c, id FROM e ORDER BY c DESC NULLS LAST, id LIMIT 4
-- c_in_rows
SELECT id FROM e WHERE c IN (SELECT c FROM f)
-- c_list
SELECT k, string_agg(c, ',' ORDER BY id) AS s, array_agg(c ORDER BY id) AS a FROM e GROUP BY k
-- c_domain
SELECT q, count(*) AS n, max(q + 1) AS more FROM e GROUP BY q
-- c_domain_cast
SELECT id, (k + 1)::small AS s FROM e
