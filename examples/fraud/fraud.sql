-- Cards that were used in two cities within ten minutes.
CREATE TABLE payments (id BIGINT PRIMARY KEY, card TEXT, city TEXT, amount NUMERIC(10,2), at TIMESTAMP);

CREATE MATERIALIZED VIEW suspicious AS
SELECT first.card, first.city AS here, second.city AS there, second.at - first.at AS within
FROM payments AS first
JOIN payments AS second
  ON second.card = first.card AND second.city <> first.city
 AND second.at BETWEEN first.at AND first.at + INTERVAL '10 minutes';

-- Cards without any such pair.
CREATE MATERIALIZED VIEW trusted AS
SELECT DISTINCT card FROM payments AS p WHERE NOT EXISTS (SELECT 1 FROM suspicious AS s WHERE s.card = p.card);

INSERT INTO payments VALUES
  (1, 'visa-1', 'Oslo', 12.00, '2026-01-01 10:00'), (2, 'visa-1', 'Rome', 900.00, '2026-01-01 10:04'),
  (3, 'visa-2', 'Oslo', 15.00, '2026-01-01 10:00'), (4, 'visa-2', 'Rome', 20.00, '2026-01-01 18:00');

SELECT * FROM suspicious ORDER BY card;
SELECT * FROM trusted ORDER BY card;
