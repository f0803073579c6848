-- What is going on in the auctions right now?
CREATE MATERIALIZED VIEW bids_per_channel AS
SELECT channel, count(*) AS bids, avg(price) AS average_price, max(price) AS highest_price
FROM bids
GROUP BY channel;

CREATE MATERIALIZED VIEW bids_per_second AS
SELECT window_start, count(*) AS bids, sum(price) AS volume
FROM TUMBLE(bids, date_time, INTERVAL '1 second')
GROUP BY window_start, window_end;

CREATE MATERIALIZED VIEW category_prices AS
SELECT a.category, count(*) AS bids, max(b.price) AS highest_price
FROM bids b
JOIN auctions a ON a.id = b.auction
GROUP BY a.category;

CREATE MATERIALIZED VIEW top_sellers AS
SELECT p.name, p.city, s.auctions
FROM (SELECT seller, count(*) AS auctions FROM auctions GROUP BY seller) s
JOIN persons p ON p.id = s.seller
ORDER BY s.auctions DESC, p.name
LIMIT 10;
