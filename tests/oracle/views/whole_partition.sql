-- Aggregates over whole partitions: the rows joined with their groups; shares of partitions that stay as large and of others.

-- wp_some
SELECT id, max(n) OVER (PARTITION BY k) AS a, min(s) OVER (PARTITION BY k) AS b, count(*) OVER (PARTITION BY k) AS c, count(n) FILTER (WHERE b) OVER (PARTITION BY k) AS d FROM a;

-- wp_all
SELECT id, max(s) OVER () AS a, count(NULL::int) OVER () AS f, sum(num) OVER () AS b, avg(m) OVER () AS c, bool_or(b) OVER () AS d, count(1) OVER () AS e FROM a;

-- wp_peers
SELECT id, sum(n) OVER (PARTITION BY k ORDER BY k) AS a, max(m) OVER (PARTITION BY k ORDER BY k RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS b, sum(m) OVER (PARTITION BY k ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS c FROM a WHERE k IS NOT NULL;

-- wp_beside
SELECT id, row_number() OVER w AS a, max(n) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS b, lag(n) OVER w AS c, sum(n) OVER w AS d, avg(n) OVER (PARTITION BY k) AS e FROM a WINDOW w AS (PARTITION BY k ORDER BY id);

-- wp_keys
SELECT k, v, count(*) OVER (PARTITION BY k, v) AS a, sum(v) OVER (PARTITION BY k % 2) AS b, max(v) OVER (PARTITION BY v % 3, k) AS c FROM c;

-- wp_join
SELECT x.id, max(y.v) OVER (PARTITION BY x.k) AS a, count(y.v) OVER (PARTITION BY x.s) AS b FROM a x LEFT JOIN c y ON y.k = x.k;

-- wp_groups
SELECT k, sum(n) AS s, max(sum(n)) OVER (PARTITION BY k % 2) AS a, sum(count(*)) OVER () AS b FROM a GROUP BY k;

-- wp_union
SELECT k, max(t) OVER (PARTITION BY k) AS a FROM (SELECT k, n AS t FROM a UNION ALL SELECT k, v FROM c) x;

-- wp_stacked
SELECT id, a, max(a) OVER (PARTITION BY k) AS b FROM (SELECT id, k, min(n) OVER (PARTITION BY s) AS a FROM a) x;

-- wp_distinct
SELECT DISTINCT k, sum(n) OVER (PARTITION BY k) AS a, avg(num) OVER (PARTITION BY k) AS b FROM a WHERE num <> 'NaN';

-- wp_top
SELECT id, n FROM (SELECT id, n, max(n) OVER (PARTITION BY k) AS top, count(*) OVER () AS c FROM a) x WHERE n = top AND c > 2;

-- wp_correlated
SELECT k, (SELECT max(m) FROM (SELECT max(n) OVER (PARTITION BY s) AS m FROM a WHERE a.k = c.k) x) AS a FROM c;

-- wp_shares
SELECT id, percent_rank() OVER (PARTITION BY k ORDER BY n, id) AS a, cume_dist() OVER (PARTITION BY k ORDER BY n) AS b, ntile(3) OVER (PARTITION BY k ORDER BY id) AS c, ntile(2) OVER (ORDER BY id DESC) AS d, percent_rank() OVER (ORDER BY n) AS e FROM a;

-- wp_shares_beside
SELECT id, cume_dist() OVER w AS a, row_number() OVER w AS b, lag(n) OVER w AS c, max(n) OVER w AS d, ntile(4) OVER w AS e FROM a WINDOW w AS (ORDER BY id);
