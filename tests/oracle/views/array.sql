-- View queries over arrays and rows. `-- name` starts each.
-- v_array_parts
SELECT id, (l)[1] AS first, l[2:3] AS part, array_length(l, 1) AS n, array_position(l, 2) AS at, l || 9 AS more, array_remove(l, k) AS less,
       array_replace(l, 1, 0) AS other, cardinality(l) AS size, l @> ARRAY[1, 2] AS has, l && ARRAY[k, 5] AS meets, trim_array(l, 1) AS shorter
FROM (SELECT id, k, ARRAY[k, 1, 2, NULL] AS l FROM a) x;
-- v_array_group
SELECT l, count(*) AS n FROM (SELECT ARRAY[k, NULL, 1] AS l FROM a) x GROUP BY l;
-- v_array_distinct
SELECT DISTINCT ARRAY[s, 'x'] AS l FROM a;
-- v_array_any
SELECT id, k = ANY (ARRAY[1, 2, NULL]) AS one, k <> ALL (ARRAY[1, 2]) AS none, n > ANY (ARRAY[k, 3]) AS some, s = ANY ('{ab,x}') AS word FROM a;
-- v_array_compare
SELECT id, ARRAY[k, 1] < ARRAY[2, NULL] AS less, ARRAY[k] = ARRAY[w] AS same FROM (SELECT a.id, a.k, 2 AS w FROM a) x WHERE ARRAY[k, NULL] > ARRAY[1, 1];
-- v_array_top
SELECT id, ARRAY[k, NULL] AS l FROM a ORDER BY ARRAY[CASE WHEN b THEN k END, 1] DESC NULLS LAST, id LIMIT 5;
-- v_row_compare
SELECT id, (k, s) = (1, 'ab') AS same, (k, n) < (2, 5) AS less, (k, w) IN ((1, 7), (2, 7)) AS listed FROM (SELECT id, k, n, s, 7 AS w FROM a) x WHERE (k, id) > (0, 3) OR (k, s) IS NULL;
-- v_like_any
SELECT id FROM a WHERE s LIKE ANY (ARRAY['a%', '%x']) AND s NOT LIKE ALL (ARRAY['ab', 'ax']);
