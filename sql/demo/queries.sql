-- What can one ask?
SELECT * FROM bids_per_channel ORDER BY bids DESC;
SELECT * FROM bids_per_second ORDER BY window_start DESC LIMIT 5;
COPY (SUBSCRIBE TO top_sellers) TO STDOUT;
