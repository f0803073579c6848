-- The first rows: ranks below a bound, LIMIT at any depth, WITH TIES, DISTINCT ON, QUALIFY's forms.

-- tn_row_number
SELECT id, k, r FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY n DESC, id) AS r FROM a) x WHERE r < 3;

-- tn_first
SELECT id, k, n FROM (SELECT id, k, n, row_number() OVER (PARTITION BY k ORDER BY n, id) AS r FROM a) x WHERE r = 1;

-- tn_between
SELECT id, k, r FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY id) AS r FROM a) x WHERE r BETWEEN 2 AND 3;

-- tn_after
SELECT id, k, r FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY id) AS r FROM a) x WHERE r > 2;

-- tn_rank
SELECT id, k, n, r FROM (SELECT id, k, n, rank() OVER (PARTITION BY k ORDER BY n DESC NULLS LAST) AS r FROM a) x WHERE r <= 2;

-- tn_rank_first
SELECT id, n FROM (SELECT id, n, rank() OVER (ORDER BY n) AS r FROM a) x WHERE r = 1;

-- tn_rank_hidden
SELECT id FROM (SELECT id, rank() OVER (PARTITION BY s ORDER BY k) AS r FROM a) x WHERE r < 3;

-- tn_rank_between
SELECT id, r FROM (SELECT id, rank() OVER (ORDER BY n) AS r FROM a) x WHERE r BETWEEN 3 AND 6;

-- tn_dense_rank
SELECT id, k, n, r FROM (SELECT id, k, n, dense_rank() OVER (PARTITION BY k ORDER BY n) AS r FROM a) x WHERE r <= 2;

-- tn_dense_rank_second
SELECT id, n FROM (SELECT id, n, dense_rank() OVER (ORDER BY n DESC) AS r FROM a) x WHERE r = 2;

-- tn_dense_rank_after
SELECT k, v, r FROM (SELECT k, v, dense_rank() OVER (PARTITION BY k ORDER BY v) AS r FROM c) x WHERE r >= 2;

-- tn_rank_and_more
SELECT id, r, total FROM (SELECT id, rank() OVER (PARTITION BY k ORDER BY n) AS r, sum(n) OVER (PARTITION BY k) AS total FROM a) x WHERE r <= 2;

-- tn_two_ranks
SELECT id, r, q FROM (SELECT id, row_number() OVER (PARTITION BY k ORDER BY id) AS r, rank() OVER (PARTITION BY s ORDER BY n) AS q FROM a) x WHERE r <= 2 AND q <= 3;

-- tn_groups
SELECT k, c FROM (SELECT k, count(*) AS c, rank() OVER (ORDER BY count(*) DESC) AS r FROM a GROUP BY k) x WHERE r <= 2;

-- tn_of_join
SELECT aid, bid FROM (SELECT a.id AS aid, b.id AS bid, row_number() OVER (PARTITION BY a.id ORDER BY b.w DESC NULLS LAST, b.id) AS r FROM a JOIN b ON a.k = b.k) x WHERE r = 1;

-- tn_limit
SELECT id, n FROM a ORDER BY n DESC NULLS LAST, id LIMIT 4;

-- tn_fetch
SELECT id FROM a ORDER BY d, id OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY;

-- tn_fetch_one
SELECT id FROM a ORDER BY m DESC NULLS LAST, id FETCH FIRST ROW ONLY;

-- tn_ties
SELECT id, n FROM a ORDER BY n FETCH FIRST 3 ROWS WITH TIES;

-- tn_ties_desc
SELECT id, k FROM a ORDER BY k DESC NULLS LAST FETCH FIRST 1 ROW WITH TIES;

-- tn_ties_hidden
SELECT id FROM a ORDER BY s, k FETCH FIRST 2 ROWS WITH TIES;

-- tn_ties_offset
SELECT v, k FROM c ORDER BY v, k OFFSET 2 FETCH FIRST 3 ROWS WITH TIES;

-- tn_ties_of_groups
SELECT k, count(*) AS c FROM a GROUP BY k ORDER BY count(*) DESC FETCH FIRST 2 ROWS WITH TIES;

-- tn_ties_inner
SELECT count(*) AS c, sum(id) AS s FROM (SELECT id FROM a ORDER BY n FETCH FIRST 5 ROWS WITH TIES) x;

-- tn_limit_inner
SELECT k, count(*) AS c FROM (SELECT id, k FROM a ORDER BY id DESC LIMIT 7) x GROUP BY k;

-- tn_limit_of_limit
SELECT id FROM (SELECT id, n FROM a ORDER BY id LIMIT 8) x ORDER BY n DESC NULLS LAST, id LIMIT 3;

-- tn_limit_of_union
(SELECT id FROM a ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM b ORDER BY id DESC LIMIT 2);

-- tn_limit_joined
SELECT x.id, b.id AS other FROM (SELECT id, k FROM a ORDER BY id LIMIT 5) x JOIN b ON x.k = b.k;

-- tn_distinct_on
SELECT DISTINCT ON (k) k, id, n FROM a ORDER BY k, n DESC, id;

-- tn_distinct_on_two
SELECT DISTINCT ON (k, b) k, b, id FROM a ORDER BY k, b, d NULLS FIRST, id;

-- tn_distinct_on_inner
SELECT sum(n) AS total, count(*) AS c FROM (SELECT DISTINCT ON (s) s, n FROM a ORDER BY s, id DESC) x;

-- tn_odd_types
SELECT id, r, q FROM (SELECT id, row_number() OVER (ORDER BY s::bytea, id) AS r, rank() OVER (ORDER BY t - '2026-01-01'::timestamp) AS q FROM a) x WHERE r <= 9;

-- tn_bytea
SELECT id, row_number() OVER (PARTITION BY k ORDER BY s::bytea DESC, id) AS r FROM a;

-- tn_interval
SELECT id, row_number() OVER (ORDER BY t - '2026-01-01'::timestamp, id) AS r FROM a;
