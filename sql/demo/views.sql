-- What is going on in the auctions right now?
CREATE MATERIALIZED VIEW bids_per_channel AS
SELECT channel, count(*) AS bids, avg(price) AS average_price, max(price) AS highest_price
FROM bids
GROUP BY channel;

CREATE MATERIALIZED VIEW bids_per_second AS
SELECT window_start, count(*) AS bids, sum(price) AS volume
FROM TUMBLE(bids, date_time, INTERVAL '1 second')
GROUP BY window_start, window_end;

CREATE MATERIALIZED VIEW auctions_per_category AS
SELECT category, count(*) AS auctions, max(reserve) AS highest_reserve
FROM auctions
GROUP BY category;

CREATE MATERIALIZED VIEW persons_per_city AS
SELECT state, city, count(*) AS persons
FROM persons
GROUP BY state, city;

-- A join of two streams, second by second.
CREATE MATERIALIZED VIEW bids_per_auction AS
SELECT b.window_start, b.bids, a.auctions, round(b.bids::numeric / a.auctions, 2) AS bids_per_auction
FROM bids_per_second b
JOIN (
  SELECT window_start, count(*) AS auctions
  FROM TUMBLE(auctions, date_time, INTERVAL '1 second')
  GROUP BY window_start, window_end
) a ON a.window_start = b.window_start;

CREATE MATERIALIZED VIEW top_cities AS
SELECT city, state, persons FROM persons_per_city ORDER BY persons DESC, city, state LIMIT 10;
