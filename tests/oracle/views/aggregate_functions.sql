-- Sums over rows: bool, bit, variances, regressions, DISTINCT, FILTER.

-- af_bool
SELECT k, bool_and(b) AS all_b, bool_or(b) AS any_b, every(n > 0) AS pos, bool_or(n > 5 AND b) AS big FROM a GROUP BY k;

-- af_bool_global
SELECT bool_and(b) AS x, bool_or(b) AS y, every(s <> '') AS z FROM a;

-- af_bool_filter
SELECT s, bool_and(b) FILTER (WHERE n > 3) AS x, bool_or(DISTINCT b) AS y FROM a GROUP BY s;

-- af_bits
SELECT k, bit_and(n) AS x, bit_or(n) AS y FROM a GROUP BY k;

-- af_bits_small
SELECT s, bit_and(w) AS x, bit_or(w) AS y, bit_or(k) FILTER (WHERE w > 1) AS z FROM b GROUP BY s;

-- af_bit_xor
SELECT k, bit_xor(n) AS x, bit_xor(DISTINCT n) AS y, bit_xor(id) AS z FROM a GROUP BY k;

-- af_bits_bag
SELECT k, bit_xor(v) AS x, bit_and(v) AS y, bit_or(v) AS z FROM c GROUP BY k;

-- af_var_int
SELECT k, var_pop(n) AS avg_vp, var_samp(n) AS avg_vs, variance(n) AS avg_v, stddev_pop(n) AS avg_sp, stddev_samp(n) AS avg_ss, stddev(n) AS avg_s FROM a GROUP BY k;

-- af_var_numeric
SELECT s, var_pop(m) AS avg_vp, var_samp(m) AS avg_vs, stddev_pop(m) AS avg_sp, stddev(m) AS avg_ss FROM a GROUP BY s;

-- af_var_float
SELECT k, var_pop(d) AS avg_vp, var_samp(d) AS avg_vs, stddev_pop(d) AS avg_sp, stddev(d) AS avg_ss FROM a GROUP BY k;

-- af_var_real
SELECT k, var_pop(d::real) AS avg_vp, stddev_samp(d::real) AS avg_ss, var_pop(w) AS avg_w FROM (SELECT a.k, d, w FROM a JOIN b ON a.k = b.k) j GROUP BY k;

-- af_var_global
SELECT var_pop(n) AS avg_x, stddev(d) AS avg_y, variance(m) AS avg_z, var_samp(k) AS avg_k FROM a;

-- af_var_distinct
SELECT k, var_pop(DISTINCT n) AS avg_x, stddev(DISTINCT d) AS avg_y, var_samp(DISTINCT m) FILTER (WHERE b) AS avg_z FROM a GROUP BY k;

-- af_covar
SELECT k, covar_pop(d, n) AS avg_a, covar_samp(d, n) AS avg_b, corr(d, n) AS avg_c FROM a GROUP BY k;

-- af_regr
SELECT s, regr_count(d, n) AS c, regr_avgx(d, n) AS avg_x, regr_avgy(d, n) AS avg_y, regr_sxx(d, n) AS avg_sxx, regr_syy(d, n) AS avg_syy, regr_sxy(d, n) AS avg_sxy FROM a GROUP BY s;

-- af_regr_line
SELECT s, regr_slope(d, n) AS avg_slope, regr_intercept(d, n) AS avg_intercept, regr_r2(d, n) AS avg_r2 FROM a GROUP BY s;

-- af_regr_global
SELECT regr_count(m, n) AS c, regr_slope(m, n) AS avg_s, corr(m, d) AS avg_c, covar_pop(n, k) AS avg_p FROM a WHERE b;

-- af_regr_filter
SELECT k, regr_count(n, d) FILTER (WHERE b) AS c, regr_sxy(n, d) FILTER (WHERE s = 'ab') AS avg_x, regr_count(DISTINCT n, d) AS cd FROM a GROUP BY k;

-- af_distinct_mix
SELECT k, count(*) AS c, count(DISTINCT s) AS cs, sum(DISTINCT n) AS sn, avg(DISTINCT m) AS avg_m, count(DISTINCT n) FILTER (WHERE b) AS f, min(DISTINCT d) AS lo FROM a GROUP BY k;

-- af_distinct_global
SELECT count(DISTINCT k) AS a, count(DISTINCT s) AS b, sum(DISTINCT n) AS c, sum(n) AS d, count(DISTINCT b) AS e FROM a;

-- af_distinct_bag
SELECT k, count(v) AS c, count(DISTINCT v) AS d, sum(DISTINCT v) AS s FROM c GROUP BY k;

-- af_distinct_expression
SELECT k % 2 AS odd, count(DISTINCT upper(s)) AS u, count(DISTINCT n % 3) AS m, sum(DISTINCT n * 2) AS t FROM a GROUP BY k % 2;

-- af_having
SELECT k, stddev_pop(n) AS avg_s FROM a GROUP BY k HAVING bool_or(b) AND var_pop(n) > 2 AND count(DISTINCT s) > 1;

-- af_of_aggregate
SELECT bool_and(c > 1) AS x, bit_or(c) AS y, var_pop(c) AS avg_z FROM (SELECT k, count(*) AS c FROM a GROUP BY k) g;

-- af_join
SELECT b.s, bool_and(a.b) AS x, bit_xor(a.n) AS y, stddev(a.n) AS avg_z, corr(a.n, b.w) AS avg_c FROM a JOIN b ON a.k = b.k GROUP BY b.s;

-- af_nulls
SELECT k, bool_and(NULL::boolean) AS x, var_pop(NULL::bigint) AS avg_y, regr_count(NULL, n) AS z FROM a GROUP BY k;
