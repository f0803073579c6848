-- GROUP BY, DISTINCT.

-- v_group
SELECT k, count(*) AS n_all, count(n) AS n_n, sum(n) AS total, min(n) AS low, max(n) AS high, avg(n) AS avg_n FROM a GROUP BY k;

-- v_types
SELECT s, b, sum(m) AS sum_m, min(t) AS first_t, max(s) AS max_s, min(d) AS min_d, avg(m) AS avg_m, count(DISTINCT s) AS ds FROM a GROUP BY s, b;

-- v_global
SELECT count(*) AS n, sum(n) AS total, min(s) AS low, max(m) AS high FROM a;

-- v_global_where
SELECT count(*) AS n, sum(w) AS total FROM b WHERE w > 100;

-- v_having
SELECT k, sum(n) AS total FROM a GROUP BY k HAVING count(*) > 2 AND sum(n) > 3;

-- v_expr_key
SELECT n % 3 AS r, k IS NULL AS no_k, count(*) AS c FROM a GROUP BY n % 3, k IS NULL;

-- v_filter_agg
SELECT k, count(*) FILTER (WHERE b) AS yes, sum(n) FILTER (WHERE s = 'ab') AS ab FROM a GROUP BY k;

-- v_union_distinct
SELECT k, s FROM a UNION SELECT k, s FROM b;

-- v_distinct
SELECT DISTINCT k, s FROM a;

-- v_bag_group
SELECT v, count(*) AS c FROM c GROUP BY v;

-- v_agg_agg
SELECT c, count(*) AS groups FROM (SELECT k, count(*) AS c FROM a GROUP BY k) x GROUP BY c;

-- v_window
SELECT date_trunc('minute', t) AS minute, count(*) AS c, sum(n) AS total FROM a WHERE t IS NOT NULL GROUP BY date_trunc('minute', t);

-- ag_filter_guards
SELECT k, count(*) AS c, sum(100 / n) FILTER (WHERE n <> 0) AS q, array_agg(100 / n ORDER BY id) FILTER (WHERE n <> 0 AND 100 / n > 2) AS a,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY 100 / n) FILTER (WHERE n <> 0) AS p, string_agg(DISTINCT (100 / n)::text, ',' ORDER BY (100 / n)::text) FILTER (WHERE n <> 0) AS t
FROM a GROUP BY k;

-- ag_filter_guards_window
SELECT id, sum(100 / n) FILTER (WHERE n <> 0) OVER (PARTITION BY k ORDER BY id) AS q FROM a;

-- ag_filter_guards_join
SELECT x.id, sum(100 / y.w) FILTER (WHERE y.w <> 0) AS q, jsonb_object_agg(y.s, y.id ORDER BY y.id) FILTER (WHERE y.s IS NOT NULL) AS o FROM a x LEFT JOIN b y ON y.k = x.k GROUP BY x.id;

-- ag_avg_of_no_interval
SELECT k, avg(CASE WHEN n > 2 THEN make_interval(mins => n::integer) END) AS i FROM a GROUP BY k;
