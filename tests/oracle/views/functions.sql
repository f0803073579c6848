-- Scalar functions and operators over columns with NULLs, empty texts and negative numbers.

-- v_fn_text
SELECT id, lower(s) AS l, upper(s) AS u, initcap(s) AS i, length(s) AS n, reverse(s) AS r, left(s, 1) AS a, right(s, -1) AS b, s || '-' || k AS c FROM a;

-- v_fn_pad
SELECT id, lpad(s, 4, '*') AS l, rpad(s, 3) AS r, repeat(s, k) AS t, concat(s, k, b, NULL, n) AS c, concat_ws(',', s, k, m) AS w FROM a;

-- v_fn_part
SELECT id, substr(s, 2) AS a, substring(s FROM 1 FOR 2) AS b, position('z' IN s) AS p, split_part(s, 'z', 2) AS q, replace(s, 'z', 'yy') AS r, translate(s, 'ab', 'x') AS t, strpos(s, 'b') AS o FROM a;

-- v_fn_trim
SELECT id, trim(s) AS t, btrim(s, 'zx') AS b, ltrim(s, 'a') AS l, rtrim(s, 'x') AS r, overlay(s PLACING 'Q' FROM 1 FOR 1) AS o, md5(s) AS m, ascii(s) AS a, quote_literal(s) AS q FROM a;

-- v_fn_format
SELECT id, format('%s|%5s|%-4s|%L', s, k, s, n) AS f, quote_nullable(s) AS q, to_hex(k) AS h, starts_with(s, 'a') AS w FROM a;

-- v_fn_like
SELECT id, s LIKE 'a%' AS a, s ILIKE '%B%' AS b, s NOT LIKE '_' AS c, s LIKE '%z_z' AS d, s SIMILAR TO '(a|b|B)+%' AS e FROM a;

-- v_fn_like_filter
SELECT s, count(*) AS c FROM a WHERE s LIKE '%b' OR s ~ 'x$' GROUP BY s;

-- v_fn_regex
SELECT id, s ~ '^[a-z]+$' AS a, s !~* 'AB' AS b, regexp_replace(s, '[aeiou]', '#', 'g') AS c, regexp_match(s, '(a|ab)(b|x)?') AS d, regexp_count(s, 'x') AS e, regexp_split_to_array(s, 'z') AS f, substring(s FROM 'x+') AS g FROM a;

-- v_fn_math
SELECT id, abs(k) AS a, k % 3 AS r, mod(n, 4) AS m, sign(k) AS s, sign(m) AS g, gcd(k, 4) AS d, lcm(k, 3) AS l, k & 3 AS x, n | 1 AS o, k # 5 AS y, ~k AS z, k << 2 AS h FROM a;

-- v_fn_float
SELECT id, cbrt(n) AS avg_c, exp(d) AS e, atan2(d, 2) AS a, degrees(d) AS g, sin(d) AS i, tanh(d) AS t, floor(d) AS f, ceil(d) AS u, round(d) AS r, trunc(d) AS v, power(k, 2) AS p, radians(d) AS w FROM a;

-- v_fn_numeric
SELECT id, round(m, 1) AS r, trunc(m) AS t, div(m, 3) AS d, m % 4 AS o, width_bucket(m, 0, 10, 5) AS w, scale(m) AS s, greatest(m, 5.00) AS g FROM a;

-- v_fn_rows
SELECT id, sqrt(d) AS avg_q, ln(d) AS avg_l FROM a WHERE d > 0;

-- v_fn_condition
SELECT id, coalesce(k, n, -1) AS c, nullif(k, 2) AS n, greatest(k, n) AS g, least(k, n, 3) AS l, num_nulls(k, n, s) AS u, CASE WHEN b THEN k ELSE n END AS x, CASE k WHEN 1 THEN d ELSE k END AS y FROM a;

-- v_fn_compare
SELECT id, (k, n) < (2, 5) AS a, (k, s) = (1, 'a') AS b, (k, n) IN ((1, 2), (2, 3)) AS c, (k, s) IS NULL AS d, k IS DISTINCT FROM n AS e, b IS NOT TRUE AS f, b IS UNKNOWN AS g FROM a;

-- v_fn_shown
SELECT id, to_char(m, 'FM990.00') AS a, to_char(k, 'S00') AS b, to_char(n, '9,999') AS c, to_char(d, '90.9') AS d, to_char(m, '99D9MI') AS e FROM a;

-- v_fn_bytes
SELECT id, encode(convert_to(s, 'UTF8'), 'hex') AS h, encode(sha256(convert_to(s, 'UTF8')), 'base64') AS t, get_bit(convert_to('a' || s, 'UTF8'), 0) AS b FROM a;

-- v_fn_array
SELECT id, string_to_array(s, 'z') AS a, array_to_string(string_to_array(s, ' '), '+') AS b FROM a;

