-- View queries over jsonb. `-- name` starts each.
-- v_jsonb_parts
SELECT id, j -> 'k' AS k, j ->> 's' AS s, j #>> '{l,0}' AS first, (j -> 'l' ->> 1)::int AS second, j ? 'k' AS has,
       j @> '{"k": 2}' AS two, jsonb_typeof(j -> 'n') AS kind, j['l'][0] AS sub
FROM (SELECT id, jsonb_build_object('k', k, 's', s, 'n', n, 'l', ARRAY[k, w]) AS j FROM (SELECT a.id, a.k, a.s, a.n, 7 AS w FROM a) x) y;
-- v_jsonb_edit
SELECT id, jsonb_set(j, '{k}', '"x"') AS put, j - 's' AS less, j || '{"z": [1, {"y": null}]}' AS more, j #- '{l,0}' AS cut,
       jsonb_strip_nulls(j) AS stripped, jsonb_insert(j, '{l,0}', 'true') AS inserted, jsonb_pretty(j -> 'l') AS pretty
FROM (SELECT id, jsonb_build_object('k', k, 's', s, 'l', ARRAY[k, 3]) AS j FROM a) y;
-- v_jsonb_group
SELECT min(id) AS id, count(*) AS n
FROM (SELECT id, CASE WHEN id % 2 = 0 THEN to_jsonb(k) ELSE to_jsonb(k::numeric(10,2)) END AS j FROM a) x GROUP BY j;
-- v_jsonb_group_shown
SELECT j, count(*) AS n, sum(id) AS ids FROM (SELECT id, jsonb_build_object('k', k, 's', s) AS j FROM a) x GROUP BY j;
-- v_jsonb_distinct
SELECT DISTINCT jsonb_build_array(k, s) AS j, b FROM a;
-- v_jsonb_join
SELECT x.id, y.id AS other FROM (SELECT id, to_jsonb(k) AS j FROM a) x JOIN (SELECT id, to_jsonb(k::numeric(8,1)) AS j FROM b) y ON x.j = y.j;
-- v_jsonb_filter
SELECT id, to_jsonb(m) < to_jsonb(n) AS less, to_jsonb(k) IN ('1.0', '2') AS one FROM a WHERE to_jsonb(k) <> '3.000' OR s = 'x';
-- v_jsonb_top
SELECT id, to_jsonb(k) AS j FROM a ORDER BY to_jsonb(k) DESC NULLS LAST, id LIMIT 5;
-- v_jsonb_choice
SELECT id, coalesce(j, '{"none": true}') AS j, nullif(j, '1.0') AS rest, CASE WHEN b THEN j ELSE '[]' END AS c
FROM (SELECT id, b, to_jsonb(k) AS j FROM a) x;
-- v_jsonb_count_distinct
SELECT b, count(DISTINCT to_jsonb(m)) AS n FROM a GROUP BY b;
-- v_jsonb_path
SELECT id, jsonb_path_query_array(j, '$.l[*] ? (@ > 1)') AS big, j @? '$.k ? (@ == 2)' AS two, j @@ '$.n > 10' AS large,
       jsonb_path_query_first(j, '$.l[last]') AS last
FROM (SELECT id, jsonb_build_object('k', k, 'n', n, 'l', ARRAY[k, 3]) AS j FROM a) y;
-- v_json_text
SELECT id, json_build_object('k', k, 's', s, 't', t) AS j, to_json(s) AS js, to_jsonb(t) AS jt, row_number AS r
FROM (SELECT id, k, s, t, 1 AS row_number FROM a) x;
