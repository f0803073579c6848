-- WITH RECURSIVE: closures over cyclic graphs, paths of bounded length, derivations that are counted.

-- v_rec_reach
WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT c.v::integer FROM r JOIN c ON c.k = r.n) SELECT n FROM r;

-- v_rec_closure
WITH RECURSIVE r (x, y) AS (SELECT k, v FROM c UNION SELECT r.x, c.v FROM r JOIN c ON c.k = r.y) SELECT x, y FROM r;

-- v_rec_closure_left
WITH RECURSIVE r (x, y) AS (SELECT k::bigint, v FROM c UNION SELECT c.k::bigint, r.y FROM c JOIN r ON c.v = r.x) SELECT x, y FROM r;

-- v_rec_from_table
WITH RECURSIVE r (id, k) AS (SELECT id, k FROM a WHERE b UNION SELECT r.id, c.v::integer FROM r, c WHERE c.k = r.k) SELECT id, k FROM r;

-- v_rec_paths
WITH RECURSIVE p (x, y, d) AS (SELECT k, v, 1 FROM c UNION ALL SELECT p.x, c.v, p.d + 1 FROM p JOIN c ON c.k = p.y WHERE p.d < 3) SELECT x, y, d FROM p;

-- v_rec_path_counts
WITH RECURSIVE p (x, y, d) AS (SELECT k, v, 1 FROM c UNION ALL SELECT p.x, c.v, p.d + 1 FROM p JOIN c ON c.k = p.y WHERE p.d < 3) SELECT x, d, count(*) AS n FROM p GROUP BY x, d;

-- v_rec_dag
WITH RECURSIVE r (x, y) AS (SELECT k, v FROM c WHERE k < v UNION ALL SELECT r.x, c.v FROM r JOIN c ON c.k = r.y AND c.k < c.v) SELECT x, y FROM r;

-- v_rec_series
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 20) SELECT n FROM t;

-- v_rec_series_join
WITH RECURSIVE t (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM t WHERE n < 6) SELECT t.n, a.id FROM t JOIN a ON a.k = t.n;

-- v_rec_per_row
WITH RECURSIVE t (id, n, m) AS (SELECT id, k, n FROM a UNION ALL SELECT id, n + 1, m - 1 FROM t WHERE m > 0 AND n < 5) SELECT id, n, m FROM t;

-- v_rec_multi_edge
WITH RECURSIVE r (x) AS (SELECT k FROM b WHERE w > 2 UNION SELECT y FROM (SELECT k AS x, v::integer AS y FROM c UNION ALL SELECT k, w::integer FROM b) e JOIN r USING (x)) SELECT x FROM r;

-- v_rec_aggregated_base
WITH RECURSIVE e AS (SELECT k, max(v) AS v FROM c GROUP BY k), r (x, y) AS (SELECT k, v FROM e UNION SELECT r.x, e.v FROM r JOIN e ON e.k = r.y) SELECT x, y FROM r;

-- v_rec_exists
WITH RECURSIVE r (n) AS (SELECT k FROM a WHERE n > 3 UNION SELECT c.v::integer FROM r JOIN c ON c.k = r.n WHERE EXISTS (SELECT 1 FROM b WHERE b.k = c.v)) SELECT n FROM r;

-- v_rec_not_exists
WITH RECURSIVE r (n) AS (SELECT k FROM a WHERE n > 3 UNION SELECT c.v::integer FROM r JOIN c ON c.k = r.n WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = c.v)) SELECT n FROM r;

-- v_rec_left_join
WITH RECURSIVE r (n) AS (SELECT k FROM b UNION SELECT c.v::integer FROM r LEFT JOIN c ON c.k = r.n) SELECT n FROM r;

-- v_rec_distinct_term
WITH RECURSIVE r (n) AS (SELECT k FROM b WHERE w > 0 UNION SELECT DISTINCT c.v::integer FROM r JOIN c ON c.k = r.n) SELECT n FROM r;

-- v_rec_unnest
WITH RECURSIVE r (n) AS (SELECT k FROM b WHERE w > 0 UNION SELECT u FROM r, unnest(ARRAY[r.n + 2, r.n - 3]) u WHERE u BETWEEN -2 AND 6) SELECT n FROM r;

-- v_rec_twice
WITH RECURSIVE r (x, y) AS (SELECT k, v FROM c UNION SELECT r.x, c.v FROM r JOIN c ON c.k = r.y) SELECT p.x, q.y FROM r p JOIN r q ON p.y = q.x;

-- v_rec_cycle_members
WITH RECURSIVE r (x, y) AS (SELECT k, v FROM c UNION SELECT r.x, c.v FROM r JOIN c ON c.k = r.y) SELECT DISTINCT x FROM r WHERE x = y;

-- v_rec_outside
WITH RECURSIVE r (n) AS (SELECT 0 UNION SELECT c.v::integer FROM r JOIN c ON c.k = r.n) SELECT a.id FROM a WHERE a.k NOT IN (SELECT n FROM r WHERE n IS NOT NULL) AND a.k IS NOT NULL;

-- v_rec_two
WITH RECURSIVE r (n) AS (SELECT 1 UNION SELECT c.v::integer FROM r JOIN c ON c.k = r.n), q (n) AS (SELECT n FROM r UNION SELECT b.w::integer FROM q JOIN b ON b.k = q.n) SELECT n FROM q;

-- v_rec_text
WITH RECURSIVE t (s, d) AS (SELECT s, 0 FROM b WHERE s <> '' UNION ALL SELECT t.s || 'x', d + 1 FROM t WHERE d < 2) SELECT s, d FROM t;

-- v_rec_limited
WITH RECURSIVE r (x, y) AS (SELECT k, v FROM c UNION SELECT r.x, c.v FROM r JOIN c ON c.k = r.y) SELECT x, y FROM r ORDER BY x DESC NULLS LAST, y DESC NULLS LAST LIMIT 5;
