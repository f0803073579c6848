-- Which topics does the demo read, and what is in them?
CREATE STREAM bids (
  auction BIGINT, bidder BIGINT, price BIGINT, channel TEXT, url TEXT, date_time TIMESTAMPTZ, extra TEXT
) INCLUDE partition, offset
WITH (connector = 'kafka', brokers = 'BROKERS', topic = 'bids', format = 'json', start = 'earliest');

CREATE STREAM auctions (
  id BIGINT, item_name TEXT, description TEXT, initial_bid BIGINT, reserve BIGINT,
  date_time TIMESTAMPTZ, expires TIMESTAMPTZ, seller BIGINT, category BIGINT, extra TEXT
) WITH (connector = 'kafka', brokers = 'BROKERS', topic = 'auctions', format = 'json', start = 'earliest');

CREATE STREAM persons (
  id BIGINT, name TEXT, email_address TEXT, credit_card TEXT, city TEXT, state TEXT, date_time TIMESTAMPTZ, extra TEXT
) WITH (connector = 'kafka', brokers = 'BROKERS', topic = 'persons', format = 'json', start = 'earliest');
