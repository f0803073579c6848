Infinite times, and times of less precision.

-- i_group
SELECT d, count(*) AS n, max(ts) AS hi, min(tz) AS lo FROM e GROUP BY d
-- i_shift
SELECT id, d + 1 AS d, ts + interval '1 day' AS ts, tz - interval '1 month' AS tz, iv * 2 AS iv FROM e
-- i_convert
SELECT id, d::timestamp AS a, ts::date AS b, tz::timestamp AS c, ts::time AS t, isfinite(d) AS f, isfinite(ts) AS g FROM e
-- i_part
SELECT id, date_part('year', ts) AS y, date_part('hour', ts) AS h, date_trunc('hour', ts) AS u, to_char(ts, 'YYYY-MM') AS c FROM e
-- i_filter
SELECT id FROM e WHERE ts < 'infinity' AND tz > '-infinity' AND d <> '2024-03-01'
-- i_mixed
SELECT a.id, b.id AS other FROM e a JOIN e b ON a.d = b.ts
-- i_join
SELECT e.id, f.ts FROM e JOIN f ON e.ts = f.ts
-- i_interval
SELECT justify_interval(min(iv)) AS iv, count(*) AS n FROM e GROUP BY iv
-- i_json
SELECT id, to_jsonb(d) AS d, to_jsonb(ts) AS ts, to_jsonb(tz) AS tz FROM e
-- i_window
SELECT id, rank() OVER (ORDER BY ts DESC NULLS LAST) AS r, max(d) OVER (PARTITION BY k) AS x FROM e
-- i_top
SELECT ts, id FROM e ORDER BY ts DESC NULLS LAST, id LIMIT 4
