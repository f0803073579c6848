-- ORDER BY … LIMIT, row_number().

-- v_top
SELECT id, n, s FROM a ORDER BY n DESC NULLS LAST, id LIMIT 5;

-- v_top_offset
SELECT id, d FROM a ORDER BY d NULLS FIRST, id LIMIT 3 OFFSET 2;

-- v_rank
SELECT id, k, n FROM (SELECT id, k, n, row_number() OVER (PARTITION BY k ORDER BY n DESC, id) AS r FROM a) x WHERE r <= 2;

-- v_rank_shown
SELECT id, k, r FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY n, id) AS r FROM a) x WHERE r <= 3;
