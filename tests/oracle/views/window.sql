-- Window functions. Orders are total wherever PostgreSQL's answer would depend on its plan.

-- wf_numbers
SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY n, id) AS a, rank() OVER (PARTITION BY k ORDER BY n) AS b, dense_rank() OVER (PARTITION BY k ORDER BY n) AS c FROM a;

-- wf_shares
SELECT id, percent_rank() OVER (PARTITION BY k ORDER BY n) AS p, cume_dist() OVER (PARTITION BY k ORDER BY n) AS c FROM a;

-- wf_ntile
SELECT id, ntile(3) OVER (ORDER BY n, id) AS three, ntile(2) OVER (PARTITION BY k ORDER BY id) AS two, ntile(100) OVER (ORDER BY id) AS many FROM a;

-- wf_lag
SELECT id, lag(n) OVER (ORDER BY id) AS a, lead(n) OVER (ORDER BY id) AS b, lag(n, 2) OVER (PARTITION BY k ORDER BY id) AS c, lead(n, 2, -99) OVER (PARTITION BY k ORDER BY id) AS d FROM a;

-- wf_lag_any
SELECT id, lag(s, 1, 'none') OVER (ORDER BY id) AS a, lag(t, 3) OVER (PARTITION BY b ORDER BY id DESC) AS b, lead(d, 1, 0.5) OVER (ORDER BY id) AS c, lag(m, 0) OVER (ORDER BY id) AS d FROM a;

-- wf_lag_column
SELECT id, lag(n, k, n + 100) OVER (ORDER BY id) AS a, lead(n, -1) OVER (ORDER BY id) AS b, lag(n, NULL) OVER (ORDER BY id) AS c, lead(n, k) OVER (PARTITION BY b ORDER BY id) AS d FROM a;

-- wf_lag_only
SELECT k, id, n - lag(n) OVER (PARTITION BY k ORDER BY id) AS step FROM a;

-- wf_ends
SELECT id, first_value(n) OVER (PARTITION BY k ORDER BY id) AS a, last_value(n) OVER (PARTITION BY k ORDER BY id) AS b, nth_value(s, 2) OVER (PARTITION BY k ORDER BY id) AS c FROM a;

-- wf_running
SELECT id, sum(n) OVER (ORDER BY id) AS a, count(*) OVER (PARTITION BY k ORDER BY id) AS b, count(s) OVER (PARTITION BY k ORDER BY id) AS c, avg(n) OVER (PARTITION BY k ORDER BY id) AS avg_n, min(n) OVER (PARTITION BY k ORDER BY id) AS d, max(s) OVER (PARTITION BY k ORDER BY id) AS e FROM a;

-- wf_whole
SELECT id, sum(n) OVER () AS a, sum(n) OVER (PARTITION BY k) AS b, count(*) OVER () AS c, max(m) OVER (PARTITION BY b) AS d, min(t) OVER (PARTITION BY s) AS e FROM a;

-- wf_types
SELECT id, sum(k) OVER (ORDER BY id) AS b, sum(m) OVER (PARTITION BY k ORDER BY id) AS c, sum(d) OVER (PARTITION BY k ORDER BY id) AS e, avg(d) OVER (PARTITION BY k ORDER BY id) AS avg_d, avg(m) OVER (PARTITION BY k) AS avg_m, avg(k) OVER (ORDER BY id) AS avg_k FROM a;

-- wf_small
SELECT id, sum(w) OVER (ORDER BY id) AS a, avg(w) OVER (PARTITION BY k) AS avg_w, min(w) OVER (PARTITION BY k ORDER BY id) AS b, lag(w, 1, 7::smallint) OVER (ORDER BY id) AS c FROM b;

-- wf_ties
SELECT id, sum(n) OVER (PARTITION BY k ORDER BY n) AS a, count(*) OVER (ORDER BY n) AS b, count(*) OVER (ORDER BY s DESC NULLS LAST) AS c, max(n) OVER (ORDER BY b) AS d FROM a;

-- wf_bool
SELECT id, bool_and(b) OVER (PARTITION BY k ORDER BY id) AS a, bool_or(b) OVER (PARTITION BY k ORDER BY id) AS o, bool_and(b) OVER (PARTITION BY s) AS p FROM a;

-- wf_lists
SELECT id, string_agg(s, ',') OVER (PARTITION BY k ORDER BY id) AS a, array_agg(n) OVER (PARTITION BY k ORDER BY id) AS b, string_agg(s, '') OVER (ORDER BY id ROWS 2 PRECEDING) AS c, array_agg(s) OVER (PARTITION BY b ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS d FROM a;

-- wf_filter
SELECT id, count(*) FILTER (WHERE n > 3) OVER (PARTITION BY k ORDER BY id) AS a, sum(n) FILTER (WHERE b) OVER (ORDER BY id) AS c, max(n) FILTER (WHERE s = 'ab') OVER (PARTITION BY k) AS d, string_agg(s, '-') FILTER (WHERE n IS NOT NULL) OVER (PARTITION BY k ORDER BY id) AS e, avg(n) FILTER (WHERE n < 5) OVER (PARTITION BY k ORDER BY id) AS avg_f FROM a;

-- wf_named
SELECT id, sum(n) OVER w AS a, rank() OVER w AS b, count(*) OVER (w ROWS 1 PRECEDING) AS c, sum(n) OVER (p ORDER BY id DESC) AS d FROM a WINDOW p AS (PARTITION BY k), w AS (p ORDER BY id);

-- wf_over_aggregate
SELECT k, count(*) AS c, sum(count(*)) OVER () AS a, rank() OVER (ORDER BY count(*) DESC) AS r, sum(sum(n)) OVER (ORDER BY k NULLS FIRST) AS s FROM a GROUP BY k;

-- wf_share_of_total
SELECT k, s, count(*) AS c, count(*) * 100 / sum(count(*)) OVER (PARTITION BY k) > 30 AS big FROM a GROUP BY k, s;

-- wf_over_join
SELECT a.id, b.id AS other, row_number() OVER (PARTITION BY a.id ORDER BY b.id) AS r, sum(b.w) OVER (PARTITION BY b.k ORDER BY a.id, b.id) AS s FROM a JOIN b ON a.k = b.k;

-- wf_in_subquery
SELECT k, max(r) AS m, sum(s) AS t FROM (SELECT k, row_number() OVER (PARTITION BY k ORDER BY id) AS r, sum(n) OVER (PARTITION BY k ORDER BY id) AS s FROM a) x GROUP BY k;

-- wf_filtered_after
SELECT id, s FROM (SELECT id, sum(n) OVER (PARTITION BY k ORDER BY id) AS s FROM a) x WHERE s > 4;

-- wf_filtered_by_key
SELECT id, s FROM (SELECT id, k, sum(n) OVER (PARTITION BY k ORDER BY id) AS s FROM a) x WHERE k = 1 OR k IS NULL;

-- wf_of_window
SELECT id, sum(r) OVER (ORDER BY id) AS total, lag(r) OVER (ORDER BY id) AS before FROM (SELECT id, row_number() OVER (PARTITION BY k ORDER BY n, id) AS r FROM a) x;

-- wf_expressions
SELECT id, sum(n * 2 + k) OVER (PARTITION BY k % 2 ORDER BY abs(n), id) AS a, lag(upper(s)) OVER (PARTITION BY coalesce(k, -1) ORDER BY id) AS b, first_value(n + 1) OVER (ORDER BY -id) AS c FROM a;

-- wf_distinct
SELECT DISTINCT k, count(*) OVER (PARTITION BY k) AS c, max(n) OVER (PARTITION BY k) AS m FROM a;

-- wf_duplicates
SELECT k, v, count(*) OVER (PARTITION BY k) AS a, rank() OVER (ORDER BY v) AS b, sum(v) OVER (PARTITION BY k ORDER BY v) AS c FROM c;

-- wf_union
SELECT id, row_number() OVER (ORDER BY id) AS r FROM a UNION ALL SELECT id, count(*) OVER (PARTITION BY k) FROM b;

-- wf_qualified
SELECT id, k, n FROM (SELECT *, max(n) OVER (PARTITION BY k) AS top FROM a) x WHERE n = top;

-- wf_gaps
SELECT k, min(id) AS first, max(id) AS last, count(*) AS c FROM (SELECT k, id, id - row_number() OVER (PARTITION BY k ORDER BY id) AS island FROM a) x GROUP BY k, island;

-- wf_sessions
SELECT s, session, count(*) AS c, min(t) AS t FROM (SELECT s, t, sum(starts) OVER (PARTITION BY s ORDER BY t, id) AS session FROM (SELECT id, s, t, CASE WHEN t - lag(t) OVER (PARTITION BY s ORDER BY t, id) <= INTERVAL '40 seconds' THEN 0 ELSE 1 END AS starts FROM a WHERE t IS NOT NULL) x) y GROUP BY s, session;

-- wf_times
SELECT id, t - lag(t) OVER (PARTITION BY k ORDER BY t, id) AS gap, first_value(t) OVER (PARTITION BY k ORDER BY t, id) AS f, max(t) OVER (ORDER BY id) AS m FROM a;

-- wf_constants
SELECT id, count(1) OVER (PARTITION BY 1 ORDER BY id) AS a, sum(1) OVER (ORDER BY id) AS b, row_number() OVER (PARTITION BY k, k ORDER BY id, id) AS c, rank() OVER () AS d, rank() OVER (ORDER BY 1) AS e FROM a;

-- wf_cte
WITH g AS (SELECT k, date_trunc('minute', t) AS minute, sum(n) AS total FROM a GROUP BY 1, 2) SELECT k, minute, total, total - lag(total) OVER (PARTITION BY k ORDER BY minute) AS change, sum(total) OVER (PARTITION BY k ORDER BY minute) AS sofar FROM g;
