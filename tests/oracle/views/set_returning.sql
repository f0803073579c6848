-- Functions that answer rows, in FROM and in SELECT lists.

-- v_series_from
SELECT a.id, g FROM a, generate_series(1, 3) g;

-- v_series_columns
SELECT a.id, g.i FROM a, generate_series(a.k, a.n) AS g (i);

-- v_series_lateral
SELECT a.id, g.i FROM a CROSS JOIN LATERAL generate_series(a.k, 4) AS g (i) WHERE g.i > 1;

-- v_series_step
SELECT a.id, g FROM a JOIN LATERAL generate_series(a.n, 0, -2) g ON g <> 4;

-- v_series_left
SELECT a.id, g.i FROM a LEFT JOIN LATERAL generate_series(1, a.k) AS g (i) ON true;

-- v_series_left_ordinality
SELECT a.id, g.i, g.o FROM a LEFT JOIN LATERAL generate_series(3, a.k) WITH ORDINALITY AS g (i, o) ON true;

-- v_series_ordinality
SELECT a.id, g.* FROM a, generate_series(a.k, 6, 2) WITH ORDINALITY AS g;

-- v_series_list
SELECT id, generate_series(1, k) AS i FROM a;

-- v_series_list_two
SELECT id, generate_series(1, k) AS i, generate_series(k, 3) AS j FROM a;

-- v_series_list_expression
SELECT id, generate_series(0, k) * 10 + id AS i FROM a WHERE n > 2;

-- v_series_list_group
SELECT k, generate_series(1, count(*)) AS i FROM a GROUP BY k;

-- v_series_grouped
SELECT i, count(*) AS c, sum(n) AS total FROM (SELECT n, generate_series(0, k) AS i FROM a) x GROUP BY i;

-- v_series_group_by
SELECT g.i, count(a.id) AS c FROM a, generate_series(1, a.k) AS g (i) GROUP BY g.i;

-- v_series_time
SELECT a.id, g FROM a, generate_series(a.t, a.t + INTERVAL '3 minutes', INTERVAL '90 seconds') g;

-- v_series_bigint
SELECT a.id, g FROM a, generate_series(a.n, a.n + 2) g;

-- v_series_numeric
SELECT a.id, g * 2 AS g FROM a, generate_series(0.00, a.m, 2.50) g;

-- v_series_join
SELECT g.i, b.id FROM generate_series(0, 5) AS g (i) JOIN b ON b.k = g.i;

-- v_unnest_array
SELECT a.id, u FROM a, unnest(ARRAY[a.k, 10, NULL]) u;

-- v_unnest_two
SELECT a.id, x, y FROM a, unnest(ARRAY[a.k, 1], ARRAY[a.s, 'q', 'r']) AS u (x, y);

-- v_unnest_two_ordinality
SELECT a.id, u.* FROM a, unnest(ARRAY[a.n], ARRAY['p', a.s]) WITH ORDINALITY AS u (x, y, o);

-- v_unnest_list
SELECT id, unnest(ARRAY[s, 'x']) AS e FROM a;

-- v_unnest_string
SELECT a.id, u FROM a, unnest(string_to_array(a.s, ' ')) u;

-- v_unnest_left
SELECT a.id, u FROM a LEFT JOIN LATERAL unnest(string_to_array(a.s, 'b')) u ON true;

-- v_unnest_chain
SELECT a.id, x, y FROM a, unnest(ARRAY[a.k, a.k + 1]) x, generate_series(1, x) y;

-- v_unnest_subquery
SELECT a.id, q.e FROM a, LATERAL (SELECT u * 2 AS e FROM unnest(ARRAY[a.k, 5]) u WHERE u > 1) q;

-- v_unnest_join
SELECT a.id, b.id AS bid FROM a, unnest(ARRAY[a.k, a.k + 1]) u JOIN b ON true WHERE b.k = u;

-- v_unnest_lateral_join
SELECT a.id, q.bid FROM a, LATERAL (SELECT b.id AS bid FROM unnest(ARRAY[a.k, 2]) u JOIN b ON b.k = u) q;

-- v_lateral_computed
SELECT a.id, q.x FROM a, LATERAL (SELECT a.k + 1 AS x) q WHERE q.x > 2;

-- v_lateral_computed_left
SELECT a.id, q.x FROM a LEFT JOIN LATERAL (SELECT coalesce(a.k, 0) AS x) q ON true;

-- v_subscripts
SELECT a.id, g FROM a, generate_subscripts(ARRAY[a.k, a.k, 3], 1) g;

-- v_string_to_table
SELECT a.id, p FROM a, string_to_table(a.s, ' ') p;

-- v_string_to_table_letters
SELECT id, string_to_table(s, NULL, 'z') AS p FROM a;

-- v_json_elements
SELECT a.id, e FROM a, jsonb_array_elements(('[' || coalesce(a.k, 7)::text || ', {"x": "' || coalesce(a.s, '-') || '"}]')::jsonb) e;

-- v_json_elements_member
SELECT a.id, e->>'x' AS x, e.value->'y' AS y FROM a, jsonb_array_elements(('[{"x": ' || a.k::text || ', "y": [1, null]}]')::jsonb) AS e;

-- v_json_elements_text
SELECT a.id, e FROM a, jsonb_array_elements_text(('["' || a.s || '", null, 3]')::jsonb) e;

-- v_json_each
SELECT a.id, e.key, e.value FROM a, jsonb_each(('{"k": ' || a.k::text || ', "s": "' || a.s || '"}')::jsonb) e;

-- v_json_each_text
SELECT a.id, key, value FROM a, jsonb_each_text(('{"k": ' || a.k::text || ', "n": null}')::jsonb);

-- v_json_keys
SELECT a.id, jsonb_object_keys(('{"' || a.s || '": 1, "z": 2}')::jsonb) AS key FROM a;

-- v_json_recordset
SELECT a.id, r.x, r.y FROM a, jsonb_to_recordset(('[{"x": ' || a.k::text || ', "y": "p"}, {"y": "q", "z": 1}]')::jsonb) AS r (x integer, y text);

-- v_json_record
SELECT a.id, r.x, r.y FROM a, jsonb_to_record(('{"x": ' || a.n::text || ', "y": {"z": 1}}')::jsonb) AS r (x bigint, y jsonb);

-- v_unnest_distinct
SELECT DISTINCT u FROM a, unnest(ARRAY[a.k, a.k + 1]) u;

-- v_unnest_set
SELECT u FROM a, unnest(ARRAY[a.k, 1]) u EXCEPT ALL SELECT k FROM b;

-- v_unnest_top
SELECT id, u FROM a, unnest(ARRAY[a.k, a.n]) u ORDER BY u DESC NULLS LAST, id LIMIT 4;

-- v_unnest_former_key
SELECT k, count(*) AS c FROM (SELECT k, unnest(ARRAY[count(*), 7, 8]) AS u FROM a GROUP BY k) x GROUP BY k;

-- v_unnest_former_key_join
SELECT b.id, x.u FROM b JOIN (SELECT k, unnest(ARRAY[count(*), 7]) AS u FROM a GROUP BY k) x ON x.k = b.k;

-- v_unnest_former_key_both
SELECT k, u, count(*) AS c FROM (SELECT k, unnest(ARRAY[k, 1, 1]) AS u FROM a GROUP BY k) x GROUP BY k, u;

-- v_unnest_former_key_distinct
SELECT x.k FROM (SELECT DISTINCT k FROM a) x, generate_series(1, 2) g WHERE x.k > g;

-- v_unnest_former_key_list
SELECT k, generate_series(1, 2) AS g FROM (SELECT DISTINCT k FROM a) x;

-- v_rows_from
SELECT a.id, r.* FROM a CROSS JOIN LATERAL ROWS FROM (generate_series(1, a.k), unnest(ARRAY[a.s, 'x'])) AS r (i, s);

-- v_rows_from_ordinality
SELECT a.id, r.* FROM a CROSS JOIN ROWS FROM (generate_series(a.k, 2), generate_series(0, 1)) WITH ORDINALITY AS r (i, j, o);

-- v_regexp_split
SELECT a.id, p FROM a, regexp_split_to_table(a.s, ' +|b') p;

-- v_regexp_matches
SELECT a.id, g[1] AS x FROM a, regexp_matches(a.s, '[a-z]', 'g') g;

-- v_unnest_nested
SELECT id, unnest(ARRAY[ARRAY[k, 1], ARRAY[k + 1, NULL]]) AS u FROM a;
