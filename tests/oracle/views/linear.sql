-- Projections, filters, UNION ALL.

-- v_filter
SELECT id, n + 1 AS n1, upper(s) AS u, CASE WHEN n > 5 THEN 'big' WHEN n IS NULL THEN 'none' ELSE 'small' END AS size FROM a WHERE k < 4 OR s LIKE 'a%';

-- v_casts
SELECT id, n::text AS t, (n::double precision) / 4 AS q, m::double precision AS md, t::date AS day, s || '-' || k::text AS both FROM a;

-- v_union
SELECT k, s FROM a UNION ALL SELECT k, s FROM b UNION ALL SELECT k, NULL FROM c;

-- v_bag
SELECT k, v FROM c;

-- v_sub
SELECT k, c FROM (SELECT k, count(*) AS c FROM a GROUP BY k) x WHERE c >= 2;
