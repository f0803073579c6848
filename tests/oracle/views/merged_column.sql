-- Columns merged by USING and NATURAL: their type is the common one of both sides.

-- v_merged_inner
SELECT k, count(*) AS c, pg_typeof(k)::text AS type FROM (SELECT w AS k FROM b) x JOIN (SELECT n AS k FROM a) y USING (k) GROUP BY k;

-- v_merged_left
SELECT k, k * 2000000000 AS large, x.k AS one, y.k AS other FROM (SELECT id, k FROM b) x LEFT JOIN (SELECT n AS k FROM a) y USING (k);

-- v_merged_full_numeric
SELECT k, x.k AS one, y.k AS other FROM (SELECT m AS k FROM a) x FULL JOIN (SELECT k FROM b) y USING (k);

-- v_merged_full_any
SELECT k, k + 0.5 AS more, x.k IS NULL AS one, y.k IS NULL AS other FROM (SELECT num AS k FROM a) x FULL JOIN (SELECT n AS k FROM a) y USING (k);

-- v_merged_numeric_inner
SELECT * FROM (SELECT m AS k, id FROM a) x JOIN (SELECT num AS k, wide FROM a) y USING (k);

-- v_merged_real
SELECT k, x.k AS one, y.k AS other FROM (SELECT n AS k FROM a) x RIGHT JOIN (SELECT d::real AS k FROM a) y USING (k);

-- v_merged_time
SELECT k, y.k AS other FROM (SELECT t::date AS k FROM a) x FULL JOIN (SELECT t AS k FROM a) y USING (k);

-- v_merged_thrice
SELECT k, count(*) AS c FROM b JOIN (SELECT n AS k FROM a) x USING (k) FULL JOIN (SELECT m AS k FROM a) y USING (k) GROUP BY k;

-- v_merged_natural
SELECT * FROM (SELECT w AS k, s FROM b) x NATURAL LEFT JOIN (SELECT n AS k, s FROM a) y;

-- v_merged_grouped
SELECT r.k AS k, k AS merged, count(*) AS c FROM b LEFT JOIN c r USING (k) GROUP BY r.k, k;

-- v_merged_grouped_right
SELECT l.k AS k, k AS merged, k + 1 AS next FROM c AS l RIGHT JOIN b USING (k) GROUP BY l.k, k HAVING k > -5 OR k IS NULL;
