-- What can one ask?
SELECT * FROM bids_per_channel ORDER BY bids DESC LIMIT 10;
SELECT * FROM bids_per_second ORDER BY window_start DESC LIMIT 5;
COPY (SUBSCRIBE TO auctions_per_category) TO STDOUT;
