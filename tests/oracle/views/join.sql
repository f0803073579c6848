-- Joins.

-- v_join
SELECT a.id, b.id AS bid, a.n, b.w FROM a JOIN b ON a.k = b.k;

-- v_join2
SELECT a.id, b.s FROM a JOIN b ON a.k = b.k AND a.s = b.s AND a.n > b.w;

-- v_join3
SELECT a.id, b.id AS bid, c.v FROM a JOIN b ON a.k = b.k JOIN c ON c.k = b.k WHERE c.v < 6;

-- v_self
SELECT x.id, y.id AS other FROM a x JOIN a y ON x.k = y.k AND x.s = y.s WHERE x.id < y.id;

-- v_join_agg
SELECT b.s, count(*) AS c, sum(a.n) AS total, max(a.m) AS top FROM a JOIN b ON a.k = b.k GROUP BY b.s;

-- v_cte
WITH big AS (SELECT k, sum(n) AS total FROM a GROUP BY k) SELECT b.id, big.total FROM b JOIN big ON big.k = b.k;
