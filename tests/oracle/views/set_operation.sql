-- UNION, INTERSECT, EXCEPT, with ALL and without; VALUES.

-- v_except
SELECT k, s FROM a EXCEPT SELECT k, s FROM b;

-- v_except_all
SELECT k FROM a EXCEPT ALL SELECT k FROM b;

-- v_except_all_pairs
SELECT k, s FROM a EXCEPT ALL SELECT k, s FROM b;

-- v_intersect
SELECT k FROM a INTERSECT SELECT k FROM b;

-- v_intersect_all
SELECT k FROM a INTERSECT ALL SELECT k FROM c;

-- v_intersect_all_pairs
SELECT k, s FROM a INTERSECT ALL SELECT k, s FROM b;

-- v_set_nested
(SELECT k FROM a UNION ALL SELECT k FROM b) EXCEPT ALL (SELECT k FROM c INTERSECT ALL SELECT k FROM a);

-- v_set_precedence
SELECT k FROM a UNION SELECT k FROM b INTERSECT SELECT k FROM c;

-- v_set_parentheses
(SELECT k FROM a UNION SELECT k FROM b) INTERSECT SELECT k FROM c;

-- v_except_chain
SELECT k FROM a EXCEPT ALL SELECT k FROM b EXCEPT ALL SELECT k FROM c;

-- v_except_mixed
SELECT k FROM a EXCEPT SELECT k FROM b EXCEPT ALL SELECT k FROM c;

-- v_except_distinct_left
SELECT DISTINCT k FROM a EXCEPT ALL SELECT k FROM b;

-- v_intersect_distinct_right
SELECT k FROM a INTERSECT ALL SELECT DISTINCT k FROM b;

-- v_set_types
SELECT k FROM a INTERSECT SELECT v FROM c;

-- v_set_types_numeric
SELECT m FROM a EXCEPT ALL SELECT w FROM b;

-- v_set_self
SELECT k, s FROM a EXCEPT ALL SELECT k, s FROM a WHERE b;

-- v_set_doubles
SELECT d FROM a EXCEPT SELECT d FROM a WHERE k > 1;

-- v_set_aggregate
SELECT k, count(*) AS n FROM a GROUP BY k INTERSECT SELECT k, count(*) FROM b GROUP BY k;

-- v_set_in_from
SELECT x.k, count(*) AS n FROM (SELECT k FROM a EXCEPT ALL SELECT k FROM b) x GROUP BY x.k;

-- v_set_join
SELECT x.k, c.v FROM (SELECT k FROM a INTERSECT ALL SELECT k FROM b) x JOIN c ON c.k = x.k;

-- v_set_cte
WITH x AS (SELECT k FROM a EXCEPT SELECT k FROM c) SELECT b.id FROM b JOIN x ON x.k = b.k;

-- v_set_filter
SELECT k FROM (SELECT k, s FROM a EXCEPT ALL SELECT k, s FROM b) x WHERE k > 1 AND s <> 'B';

-- v_set_limit
SELECT k FROM a EXCEPT ALL SELECT k FROM b ORDER BY k DESC NULLS LAST LIMIT 3;

-- v_union_limits
(SELECT id FROM a ORDER BY n, id LIMIT 2) UNION ALL (SELECT id FROM b ORDER BY w DESC NULLS LAST, id LIMIT 2);

-- v_union_order
SELECT k, s FROM a UNION SELECT k, s FROM b ORDER BY k NULLS FIRST, s NULLS FIRST LIMIT 4 OFFSET 1;

-- v_union_nested
SELECT k FROM a UNION ALL (SELECT k FROM b UNION SELECT k FROM c);

-- v_union_constants
SELECT k, 'a' AS side FROM a UNION ALL SELECT k, 'b' FROM b UNION ALL VALUES (7, 'v'), (NULL, 'w');

-- v_except_values
SELECT k FROM a EXCEPT ALL VALUES (1), (1), (2), (NULL);

-- v_values_except
VALUES (1), (1), (2), (3), (NULL) EXCEPT ALL SELECT k FROM b;

-- v_values_intersect
VALUES (1, 'ab'), (2, 'a'), (2, 'a'), (NULL, '') INTERSECT ALL SELECT k, s FROM a;

-- v_values_join
SELECT a.id, x.name FROM a JOIN (VALUES (0, 'zero'), (1, 'one'), (3, 'three')) AS x (k, name) ON x.k = a.k;

-- v_values
VALUES (1, 'x', true), (2, NULL, false);

-- so_char_and_text
SELECT x || '|' AS x FROM (SELECT s::char(4) AS x FROM b UNION SELECT s FROM a) u;

-- so_text_and_char
SELECT s AS x FROM b UNION SELECT s::char(4) FROM a;

-- so_greatest_char
SELECT k, max(s::char(4)) AS m, max(s::char(4)) = 'ab' AS e, length(max(s::char(4))) AS l, coalesce(min(s::char(2)), s::char(4)) || '|' AS c FROM b GROUP BY k, s;
