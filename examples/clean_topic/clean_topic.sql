-- Which raw orders are real orders?
CREATE STREAM raw_orders (id BIGINT NOT NULL, customer TEXT, amount NUMERIC(12,2), ordered_at TIMESTAMPTZ)
INCLUDE partition, offset
WITH (connector = 'kafka', brokers = '127.0.0.1:9092', topic = 'raw_orders', format = 'json',
      create_topic = 'true');

CREATE MATERIALIZED VIEW clean_orders AS
SELECT id, lower(customer) AS customer, amount, ordered_at
FROM raw_orders
WHERE customer IS NOT NULL AND amount > 0;

CREATE SINK clean_orders_out FROM clean_orders
WITH (connector = 'kafka', brokers = '127.0.0.1:9092', topic = 'clean_orders', format = 'json', create_topic = 'true');
