-- Parts that are used several times are computed once.

-- v_shared_self_join
WITH x AS (SELECT k, sum(n) AS total, count(*) AS c FROM a GROUP BY k) SELECT p.k, q.total FROM x p JOIN x q ON p.k = q.c;

-- v_shared_union
WITH x AS (SELECT k, sum(n) AS total, count(*) AS c FROM a GROUP BY k) SELECT k FROM x WHERE total > 3 UNION ALL SELECT k FROM x WHERE c > 1;

-- v_shared_max
WITH x AS (SELECT k, count(*) AS c FROM a GROUP BY k) SELECT k FROM x WHERE c = (SELECT max(c) FROM x);

-- v_shared_materialized
WITH x AS MATERIALIZED (SELECT k, s, n FROM a WHERE n > 0), y AS NOT MATERIALIZED (SELECT k, count(*) AS c FROM x GROUP BY k) SELECT x.k, x.s, y.c FROM x JOIN y ON y.k = x.k;

-- v_shared_diamond
WITH base AS (SELECT a.k, a.n, b.w FROM a JOIN b ON a.k = b.k), l AS (SELECT k, sum(n) AS n FROM base GROUP BY k), r AS (SELECT k, max(w) AS w FROM base GROUP BY k) SELECT l.k, l.n, r.w FROM l JOIN r ON l.k = r.k;

-- v_shared_nested
WITH x AS (SELECT k, count(*) AS c FROM a GROUP BY k), y AS (SELECT p.k, q.c FROM x p JOIN x q ON p.k = q.k) SELECT k, c FROM y UNION ALL SELECT k, c FROM y UNION ALL SELECT k, c FROM x;

-- v_shared_distinct
WITH x AS (SELECT DISTINCT k, s FROM a) SELECT x.k, count(*) AS n FROM x JOIN x y ON x.s = y.s GROUP BY x.k;

-- v_shared_set
WITH x AS (SELECT k FROM a EXCEPT ALL SELECT k FROM b) SELECT k FROM x WHERE k > 1 UNION ALL SELECT k FROM x WHERE k <= 1 OR k IS NULL;

-- v_shared_top
WITH x AS (SELECT id, k, n FROM a ORDER BY n DESC NULLS LAST, id LIMIT 6) SELECT p.id, q.id AS other FROM x p JOIN x q ON p.k = q.k AND p.id < q.id;

-- v_shared_in
WITH x AS (SELECT k, count(*) AS c FROM b GROUP BY k) SELECT id FROM a WHERE k IN (SELECT k FROM x WHERE c > 1) OR n IN (SELECT c FROM x);

-- v_shared_except
WITH x AS (SELECT k, s, count(*) AS c FROM a GROUP BY k, s) SELECT k FROM x EXCEPT SELECT k FROM x WHERE c > 1;

-- v_shared_repeated_text
SELECT p.k, q.c FROM (SELECT k, count(*) AS c FROM a GROUP BY k) p JOIN (SELECT k, count(*) AS c FROM a GROUP BY k) q ON p.k = q.c;

-- v_shared_outer
WITH x AS (SELECT k, count(*) AS c FROM a GROUP BY k) SELECT p.k, q.c FROM x p LEFT JOIN x q ON q.c = p.k;

-- v_shared_window
WITH x AS (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY n, id) AS r FROM a) SELECT p.id, q.id AS next FROM x p JOIN x q ON p.k = q.k AND q.r = p.r + 1;

-- v_shared_linear
WITH x AS (SELECT id, k, upper(s) AS u FROM a WHERE n > 0) SELECT p.id, q.u FROM x p JOIN x q ON p.k = q.k;
