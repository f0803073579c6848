-- View queries over dates, times and intervals. `-- name` starts each.
-- v_interval_group
SELECT min(id) AS id, count(*) AS n FROM (SELECT id, CASE WHEN id % 2 = 0 THEN make_interval(days => k) ELSE make_interval(hours => k * 24) END AS i FROM a) x GROUP BY i;
-- v_interval_shown
SELECT i, count(*) AS n, max(id) AS id FROM (SELECT id, make_interval(days => k * 30) AS i FROM a) x GROUP BY i;
-- v_interval_extremes
SELECT b, min(make_interval(days => k * 30)) AS least, max(make_interval(months => k, secs => id)) AS most, count(DISTINCT make_interval(days => k)) AS n FROM a GROUP BY b;
-- v_interval_distinct
SELECT DISTINCT make_interval(hours => k) AS i FROM a;
-- v_interval_join
SELECT x.id, y.id AS other FROM a x JOIN b y ON make_interval(days => x.k) = make_interval(hours => y.k * 24);
-- v_interval_filter
SELECT id, age(t, TIMESTAMP '2024-01-31') AS age FROM a WHERE t - TIMESTAMP '2024-01-01' > INTERVAL '24:00' OR make_interval(days => k) = '48:00';
-- v_interval_top
SELECT id FROM a ORDER BY make_interval(months => k) DESC NULLS LAST, id LIMIT 4;
-- v_time_of_day
SELECT id, t::time AS clock, t::time + INTERVAL '5 hours' AS later, extract(hour FROM t::time) AS hour, t::date + t::time AS whole FROM a;
-- v_time_group
SELECT date_trunc('hour', t)::time AS hour, count(*) AS n, min(t::time) AS first, max(t::time) AS last FROM a GROUP BY 1;
-- v_calendar
SELECT id, t + INTERVAL '1 month' AS month, t - INTERVAL '1 year 1 day' AS year, justify_interval(t - TIMESTAMP '2024-02-29') AS since,
       make_date(2024, 1 + abs(k) % 12, 1) AS made, to_char(t, 'FMDay, DD Mon YYYY HH24:MI') AS shown, to_date(to_char(t, 'YYYYDDD'), 'YYYYDDD') AS back,
       (t, INTERVAL '1 day') OVERLAPS (TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-02') AS meets
FROM a;
-- v_zones
SELECT id, t AT TIME ZONE 'America/New_York' AS instant, t AT TIME ZONE 'America/New_York' AT TIME ZONE 'Asia/Tokyo' AS tokyo,
       (t AT TIME ZONE 'Europe/Berlin') + INTERVAL '1 day' AS next, date_trunc('day', t AT TIME ZONE 'UTC', 'Australia/Sydney') AS day
FROM a;
