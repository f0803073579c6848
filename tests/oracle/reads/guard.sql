SELECT n, 100 / n FROM a WHERE n <> 0 ORDER BY id;
SELECT DISTINCT n, (id + k) / n FROM a WHERE n <> 0 ORDER BY 1, 2;
SELECT a.n, 100 / a.n FROM a JOIN b ON b.k = a.k AND a.n <> 0 ORDER BY a.id, b.id;
SELECT x.id, y.id FROM a x LEFT JOIN a y ON x.id = y.id AND x.n <> 0 AND 10 / x.n > y.k ORDER BY 1;
SELECT k, avg(10 / n) FILTER (WHERE n <> 0), max(10 / n) FILTER (WHERE n > 0 AND 10 / n > 1) FROM a GROUP BY k ORDER BY k;
SELECT avg(make_interval(mins => k)) FROM a WHERE false;
