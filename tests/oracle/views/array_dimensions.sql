-- View queries over arrays of several dimensions. `-- name` starts each.
-- v_grid_parts
SELECT id, m, m[1][2] AS one, m[2] AS none, m[1:1] AS top, m[1:2][2:2] AS part, m[:][2] AS side, m || ARRAY[k, id::int] AS more, ARRAY[k, 0] || m AS before,
       array_dims(m) AS dims, array_ndims(m) AS depth, array_length(m, 2) AS wide, cardinality(m) AS size, trim_array(m, 1) AS shorter
FROM (SELECT id, k, ARRAY[[k, 1], [2, NULL]] AS m FROM a) x;
-- v_grid_group
SELECT m, count(*) AS n, min(id) AS least FROM (SELECT id, CASE WHEN b THEN ARRAY[[k], [1]] WHEN k > 1 THEN ARRAY[[k, 1]] ELSE '{}' END AS m FROM a) x GROUP BY m;
-- v_grid_distinct
SELECT DISTINCT ARRAY[[s, 'x'], [NULL, s]] AS m FROM a;
-- v_grid_join
SELECT x.id, y.id AS other FROM (SELECT id, ARRAY[[k, 1]] AS m FROM a) x JOIN (SELECT id, CASE WHEN w > 3 THEN ARRAY[[k], [1]] ELSE ARRAY[[k, 1]] END AS m FROM b) y ON x.m = y.m;
-- v_grid_top
SELECT id, m FROM (SELECT id, CASE WHEN b THEN ARRAY[[k], [n::int]] ELSE ARRAY[[k, n::int]] END AS m FROM a) x ORDER BY m DESC NULLS LAST, id LIMIT 6;
-- v_grid_compare
SELECT id, m = ARRAY[[1, 2]] AS same, m < ARRAY[[2, 0]] AS less, m > ARRAY[1, 1] AS more, m >= l AS beside, m @> l AS has, l <@ m AS within, m && ARRAY[[5, 1]] AS meets
FROM (SELECT id, ARRAY[[k, 2]] AS m, ARRAY[k] AS l FROM a) x;
-- v_grid_extreme
SELECT k, max(m) AS most, min(m) AS least, count(DISTINCT m) AS n FROM (SELECT k, CASE WHEN b THEN ARRAY[[n], [1]] ELSE ARRAY[[n, 1]] END AS m FROM a) x GROUP BY k;
-- v_grid_agg
SELECT k, array_agg(ARRAY[id, n] ORDER BY id) AS pairs FROM a GROUP BY k;
-- v_grid_agg_total
SELECT array_agg(ARRAY[[id], [k]] ORDER BY id DESC) AS all_of, array_agg(ARRAY[s, s] ORDER BY id) FILTER (WHERE b) AS some FROM a;
-- v_grid_agg_sizes
SELECT k, array_length(array_agg(ARRAY[id, 0] ORDER BY id), 1) AS n, (array_agg(ARRAY[id, 0] ORDER BY id))[1][1] AS first FROM a GROUP BY k;
-- v_grid_unnest
SELECT id, x, o FROM (SELECT id, ARRAY[[k, 1], [NULL, 7]] AS m FROM a) t, unnest(m) WITH ORDINALITY AS u(x, o);
-- v_grid_unnest_list
SELECT id, unnest(ARRAY[[k, 1], [2, 3]]) AS x FROM a;
-- v_grid_subscripts
SELECT id, i, j, m[i][j] AS x FROM (SELECT id, ARRAY[[k, 1, 5], [2, NULL, 6]] AS m FROM a) t, generate_subscripts(m, 1) i, generate_subscripts(m, 2) j;
-- v_grid_any
SELECT id, k = ANY (ARRAY[[1, 2], [NULL, 7]]) AS one, k <> ALL (ARRAY[[1], [2]]) AS none, n > ANY (ARRAY[[k, 3]]) AS some, s = ANY ('{{ab,x},{a,b}}') AS word FROM a;
-- v_grid_text
SELECT id, m::text AS written, m::text[] AS texts, array_to_string(m, ',', '-') AS joined, to_jsonb(m) AS document, array_to_json(m) AS json FROM (SELECT id, ARRAY[[k, 1], [2, NULL]] AS m FROM a) x;
-- v_grid_replace
SELECT id, array_replace(m, 1, 0) AS other, array_fill(k, ARRAY[2, 2]) AS filled, array_cat(m, m) AS twice FROM (SELECT id, k, ARRAY[[k, 1], [2, NULL]] AS m FROM a) x;
-- v_grid_window
SELECT id, array_agg(ARRAY[k, id::int]) OVER (PARTITION BY b ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS pairs, lag(ARRAY[[k]]) OVER (ORDER BY id) AS before FROM a;
-- v_grid_partition
SELECT id, count(*) OVER (PARTITION BY ARRAY[[k, 1]]) AS n, rank() OVER (ORDER BY ARRAY[[k], [CASE WHEN b THEN 1 END]]) AS place FROM a;
-- v_grid_union
SELECT ARRAY[[k, 1]] AS m FROM a UNION SELECT ARRAY[[k], [1]] FROM b;
-- v_grid_except
SELECT ARRAY[[k, 1]] AS m FROM a EXCEPT SELECT ARRAY[[k, 1]] FROM b;
-- v_grid_case
SELECT id, coalesce(CASE WHEN b THEN ARRAY[[k]] END, ARRAY[[0]]) AS m, nullif(ARRAY[[k]], ARRAY[[1]]) AS other, greatest(ARRAY[[k]], ARRAY[[1]]) AS most FROM a;
-- v_array_query
SELECT id, ARRAY(SELECT b.w FROM b WHERE b.k = a.k ORDER BY b.w DESC NULLS LAST, b.id) AS ws, cardinality(ARRAY(SELECT b.id FROM b WHERE b.k > a.k)) AS n FROM a;
-- v_array_query_pairs
SELECT id, ARRAY(SELECT ARRAY[b.id, b.w] FROM b WHERE b.k = a.k ORDER BY b.id LIMIT 2) AS pairs FROM a;
-- v_array_query_total
SELECT ARRAY(SELECT k FROM a WHERE b ORDER BY k, id) AS ks, ARRAY(SELECT DISTINCT s FROM a ORDER BY s) AS words;
-- v_array_query_group
SELECT k, ARRAY(SELECT count(*) FROM b WHERE b.k = x.k GROUP BY b.w ORDER BY b.w) AS counts FROM (SELECT DISTINCT k FROM a) x;
