-- Functions of rows in order: string_agg, array_agg, jsonb_agg, percentiles, mode.

-- oa_string
SELECT k, string_agg(s, ',' ORDER BY id) AS by_id, string_agg(s, '-' ORDER BY s DESC, id) AS by_s FROM a GROUP BY k;

-- oa_string_distinct
SELECT k, string_agg(DISTINCT s, ',') AS x, string_agg(DISTINCT s, '|' ORDER BY s DESC) AS y FROM a GROUP BY k;

-- oa_string_global
SELECT string_agg(s, '' ORDER BY id) AS x, string_agg(upper(s), ';' ORDER BY id DESC) FILTER (WHERE b) AS y FROM a;

-- oa_string_delimiter
SELECT k, string_agg(s, n::text ORDER BY id) AS x, string_agg(s, NULL ORDER BY id) AS y FROM a GROUP BY k;

-- oa_string_bytea
SELECT k, string_agg(s::bytea, '\x00ff'::bytea ORDER BY id) AS x FROM a GROUP BY k;

-- oa_string_bag
SELECT k, string_agg(v::text, ',' ORDER BY v) AS x FROM c GROUP BY k;

-- oa_array
SELECT k, array_agg(n ORDER BY n) AS x, array_agg(n ORDER BY n DESC) AS y, array_agg(n ORDER BY n NULLS FIRST) AS z FROM a GROUP BY k;

-- oa_array_by
SELECT s, array_agg(id ORDER BY n, id) AS x, array_agg(d ORDER BY id) AS y, array_agg(m ORDER BY m DESC NULLS LAST, id) AS z, array_agg(b ORDER BY id) AS f FROM a GROUP BY s;

-- oa_array_types
SELECT k, array_agg(s ORDER BY id) AS s, array_agg(t ORDER BY id) AS t, array_agg(t::date ORDER BY id) AS day, array_agg(n::smallint ORDER BY id) AS small FROM a GROUP BY k;

-- oa_array_distinct
SELECT k, array_agg(DISTINCT n) AS x, array_agg(DISTINCT s ORDER BY s DESC) AS y FROM a GROUP BY k;

-- oa_array_filter
SELECT k, array_agg(n ORDER BY id) FILTER (WHERE n > 2) AS x, array_agg(n ORDER BY id) FILTER (WHERE n > 100) AS none FROM a GROUP BY k;

-- oa_array_global
SELECT array_agg(k ORDER BY id) AS x FROM a WHERE n > 4;

-- oa_array_bag
SELECT k, array_agg(v ORDER BY v) AS x, array_agg(DISTINCT v) AS y FROM c GROUP BY k;

-- oa_array_plain
SELECT v, array_agg(v) AS x FROM c GROUP BY v;

-- oa_first_last
SELECT k, (array_agg(s ORDER BY id))[1] AS first_s, (array_agg(n ORDER BY id DESC))[1] AS last_n FROM a GROUP BY k;

-- oa_jsonb
SELECT k, jsonb_agg(n ORDER BY id) AS x, jsonb_agg(s ORDER BY id) AS y, jsonb_agg(b ORDER BY id) AS z FROM a GROUP BY k;

-- oa_jsonb_types
SELECT s, jsonb_agg(d ORDER BY id) AS d, jsonb_agg(m ORDER BY id) AS m, jsonb_agg(t ORDER BY id) AS t, jsonb_agg(t::date ORDER BY id) AS day FROM a GROUP BY s;

-- oa_jsonb_tz
SELECT k, jsonb_agg(t::timestamptz ORDER BY id) AS x, jsonb_agg(DISTINCT s) AS y FROM a GROUP BY k;

-- oa_jsonb_object
SELECT k, jsonb_object_agg(id, s ORDER BY id) AS x, jsonb_object_agg(coalesce(s, '-'), n ORDER BY id) AS y FROM a GROUP BY k;

-- oa_jsonb_object_keys
SELECT k, jsonb_object_agg(coalesce(b, false), id ORDER BY id) AS x, jsonb_object_agg(coalesce(t, '2026-01-01'::timestamp), n ORDER BY id) AS y FROM a GROUP BY k;

-- oa_percentile_cont
SELECT k, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS avg_a, percentile_cont(0.9) WITHIN GROUP (ORDER BY d DESC) AS avg_b, percentile_cont(0.25) WITHIN GROUP (ORDER BY m) AS avg_c FROM a GROUP BY k;

-- oa_percentile_disc
SELECT k, percentile_disc(0.5) WITHIN GROUP (ORDER BY n) AS a, percentile_disc(0.9) WITHIN GROUP (ORDER BY s) AS b, percentile_disc(0.1) WITHIN GROUP (ORDER BY t DESC) AS c, percentile_disc(0) WITHIN GROUP (ORDER BY m) AS d FROM a GROUP BY k;

-- oa_percentile_many
SELECT s, percentile_disc(ARRAY[0.1, 0.5, NULL, 1]) WITHIN GROUP (ORDER BY n) AS x, percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY d) AS y FROM a GROUP BY s;

-- oa_percentile_global
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d) AS avg_a, percentile_disc(0.75) WITHIN GROUP (ORDER BY m DESC) FILTER (WHERE b) AS x FROM a;

-- oa_mode
SELECT k, mode() WITHIN GROUP (ORDER BY n) AS x, mode() WITHIN GROUP (ORDER BY s DESC) AS y, mode() WITHIN GROUP (ORDER BY b) AS z FROM a GROUP BY k;

-- oa_mode_global
SELECT mode() WITHIN GROUP (ORDER BY k DESC) AS x FROM a;

-- oa_mixed
SELECT k, count(*) AS c, sum(n) AS total, string_agg(s, ',' ORDER BY id) AS x, max(d) AS top, array_agg(n ORDER BY id) AS y, count(DISTINCT s) AS z FROM a GROUP BY k;

-- oa_having
SELECT k, string_agg(s, '+' ORDER BY id) AS x FROM a GROUP BY k HAVING percentile_disc(0.5) WITHIN GROUP (ORDER BY n) > 3;

-- oa_join
SELECT b.s, string_agg(a.s, ',' ORDER BY a.id, b.id) AS x, array_agg(a.n ORDER BY a.id, b.id) AS y FROM a JOIN b ON a.k = b.k GROUP BY b.s;

-- oa_of_aggregate
SELECT string_agg(k::text || ':' || c::text, ' ' ORDER BY k NULLS FIRST) AS x FROM (SELECT k, count(*) AS c FROM a GROUP BY k) g WHERE k IS NOT NULL;

-- oa_order_expression
SELECT k, string_agg(s, ',' ORDER BY n % 3, length(s) DESC, id) AS x, array_agg(id ORDER BY coalesce(s, ''), id) AS y FROM a GROUP BY k;

-- oa_json
SELECT k, json_agg(s ORDER BY id) AS x, json_agg(array_n ORDER BY id) AS y, json_object_agg(id, n ORDER BY id) AS z FROM (SELECT id, k, s, n, ARRAY[n, id] AS array_n FROM a) q GROUP BY k;

-- oa_json_nested
SELECT k, jsonb_agg(j ORDER BY s) AS x FROM (SELECT k, s, jsonb_agg(n ORDER BY id) AS j FROM a WHERE s IS NOT NULL GROUP BY k, s) q GROUP BY k;

-- oa_percentiles_move
SELECT percentile_cont(ARRAY[0, 0.25, 0.5, 0.9, 1]) WITHIN GROUP (ORDER BY n) AS c, percentile_disc(ARRAY[0.1, NULL, 0.5, 0.99]) WITHIN GROUP (ORDER BY s DESC) AS d, percentile_disc(0.3) WITHIN GROUP (ORDER BY m) AS m, mode() WITHIN GROUP (ORDER BY s DESC) AS o FROM a;

-- oa_mode_by_type
SELECT k, mode() WITHIN GROUP (ORDER BY n) AS n, mode() WITHIN GROUP (ORDER BY d DESC) AS d, mode() WITHIN GROUP (ORDER BY m) AS m, mode() WITHIN GROUP (ORDER BY b) AS b, mode() WITHIN GROUP (ORDER BY t) FILTER (WHERE id % 3 > 0) AS t FROM a GROUP BY k;
