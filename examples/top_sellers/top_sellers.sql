-- The two best sellers of each category, with their share of it.
CREATE TABLE sales (id BIGINT PRIMARY KEY, category TEXT, product TEXT, amount NUMERIC(10,2));

CREATE MATERIALIZED VIEW per_product AS
SELECT category, product, sum(amount) AS total FROM sales GROUP BY category, product;

CREATE MATERIALIZED VIEW top_sellers AS
SELECT category, product, total, place, round(100 * total / (SELECT sum(total) FROM per_product AS all_of WHERE all_of.category = ranked.category)) AS percent
FROM (SELECT *, rank() OVER (PARTITION BY category ORDER BY total DESC) AS place FROM per_product) AS ranked
WHERE place <= 2;

INSERT INTO sales VALUES
  (1, 'tea', 'green', 30), (2, 'tea', 'black', 50), (3, 'tea', 'mint', 20), (4, 'coffee', 'arabica', 80), (5, 'tea', 'green', 40);
DELETE FROM sales WHERE id = 2;

SELECT * FROM top_sellers ORDER BY category, place;
