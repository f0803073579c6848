-- The balance of each account after each of its bookings, and today's balances.
CREATE TABLE bookings (id BIGINT PRIMARY KEY, account TEXT NOT NULL, amount NUMERIC(12,2) NOT NULL CHECK (amount <> 0));

CREATE MATERIALIZED VIEW statement AS
SELECT id, account, amount, sum(amount) OVER (PARTITION BY account ORDER BY id) AS balance FROM bookings;

CREATE MATERIALIZED VIEW balances AS
SELECT account, sum(amount) AS balance FROM bookings GROUP BY account;

BEGIN;
INSERT INTO bookings VALUES (1, 'ann', 100), (2, 'bob', 50);
INSERT INTO bookings VALUES (3, 'ann', -30), (4, 'bob', 30);
COMMIT;
DELETE FROM bookings WHERE id = 2;
INSERT INTO bookings VALUES (5, 'ann', 12.50);

SELECT * FROM statement ORDER BY id;
SELECT * FROM balances ORDER BY account;
