-- Constants without a type beside values that have one; reals beside other numbers; times beside intervals; arrays as groups.

-- v_untyped_in
SELECT id, num IN (1.5, 'NaN') AS c1, wide IN ('0.001', 'NaN', k) AS c2, m IN (2, '3.50', n) AS c3, b IN ('t', b) AS c4, t IN ('2026-01-01 00:01:00', t) AS c5, '3' IN (k, n) AS c6, '1.5' NOT IN (num, m) AS c7 FROM a;

-- v_untyped_between
SELECT id, num BETWEEN '-1' AND 'NaN' AS c1, '3' BETWEEN k AND m AS c2, num NOT BETWEEN '1' AND 2 AS c3, d BETWEEN '0' AND n AS c4 FROM a;

-- v_untyped_null
SELECT id, num + NULL AS c1, NULL * wide AS c2, m - NULL AS c3 FROM a;

-- v_untyped_values
SELECT a.id, v.x, v.j, v.n FROM a JOIN (VALUES (1, '2026-01-01'::date, '{"a": 1}'::jsonb, 'NaN'::numeric), ('2', '2026-01-02', '[]', '1.25'), (3, NULL, NULL, 7)) v(k, x, j, n) USING (k);

-- v_untyped_lag
SELECT id, lag(num, 1, '0') OVER (ORDER BY id) AS c1, lead(m, 1, '1.555') OVER (ORDER BY id) AS c2, lag(t, '1', '2020-01-01') OVER (ORDER BY id) AS c3, ntile('2') OVER (ORDER BY id) AS c4 FROM a;

-- v_untyped_aggregates
SELECT k, bool_and('t') AS c1, percentile_cont('0.5') WITHIN GROUP (ORDER BY n) AS c2, percentile_disc('0.25') WITHIN GROUP (ORDER BY m) AS c3 FROM a GROUP BY k;

-- v_real_compared
SELECT id, n * 16777217 = 16777216::real AS c1, n IN (SELECT w::real FROM b) AS c2, n::real IN (1, 2.5) AS c3 FROM a;

-- v_time_interval
SELECT id, t::time < make_interval(secs => n) AS c1, t::time = make_interval(secs => k) AS c2, t::time BETWEEN INTERVAL '1 s' AND make_interval(secs => 60) AS c3, make_interval(secs => n) IN (t::time) AS c4, nullif(t::time, make_interval(secs => n)) AS c5, make_interval(secs => n) IN (SELECT t::time FROM a) AS c6 FROM a;

-- v_time_sums
SELECT k, sum(t::time) AS c1, avg(t::time) AS c2, sum(t::time) FILTER (WHERE b) AS c3 FROM a GROUP BY k;

-- v_time_window
SELECT id, sum(t::time) OVER (PARTITION BY k ORDER BY id) AS c1, avg(t::time) OVER (PARTITION BY k) AS c2 FROM a;

-- v_span_percentiles
SELECT k, percentile_cont(0.5) WITHIN GROUP (ORDER BY t - TIMESTAMP '2026-01-01') AS c1, percentile_cont(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY make_interval(months => n::int)) AS c2, percentile_cont(0.3) WITHIN GROUP (ORDER BY t::time) AS c3, percentile_disc(0.5) WITHIN GROUP (ORDER BY make_interval(days => n::int)) AS c4, percentile_disc(0.5) WITHIN GROUP (ORDER BY t::time DESC) AS c5 FROM a GROUP BY k;

-- v_items_groups
SELECT ARRAY[num] AS x, count(*) AS c, sum(n) AS total FROM a GROUP BY 1;

-- v_items_distinct
SELECT DISTINCT ARRAY[to_jsonb(k), to_jsonb(b)] AS x, ARRAY[make_interval(days => n::int)] AS y FROM a;

-- v_items_except
SELECT ARRAY[num, m] AS x FROM a WHERE b EXCEPT SELECT ARRAY[num, m] FROM a WHERE k > 1;

-- v_items_sets
SELECT ARRAY[num] AS x, k, count(*) AS c, grouping(k) AS g FROM a GROUP BY GROUPING SETS ((ARRAY[num]), (k), ());

-- v_case_functions
SELECT id, jsonb_typeof(CASE WHEN b THEN to_jsonb(k) END) AS c1, jsonb_array_length(CASE WHEN k > 1 THEN jsonb_build_array(n, s) ELSE '[]' END) AS c2 FROM a;

-- v_case_elements
SELECT a.id, x FROM a, jsonb_array_elements(CASE WHEN b THEN jsonb_build_array(n, s) ELSE '[1, 2]' END) x;

-- v_any_values
SELECT id, k = ANY (VALUES (1), (3)) AS c1, n <> ALL (VALUES (2), (5)) AS c2 FROM a;

-- v_sets_without_aggregates
SELECT id, (SELECT count(*) FROM (SELECT 1 FROM b WHERE b.id = a.id GROUP BY GROUPING SETS ((k), ())) y) AS c FROM a;
