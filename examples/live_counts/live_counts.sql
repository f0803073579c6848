-- How often is each page looked at, and by how many?
CREATE STREAM page_views (page TEXT, visitor BIGINT, at TIMESTAMPTZ)
WITH (connector = 'kafka', brokers = '127.0.0.1:9092', topic = 'page_views', format = 'json',
      create_topic = 'true');

CREATE MATERIALIZED VIEW views_per_page AS
SELECT page, count(*) AS views, count(DISTINCT visitor) AS visitors
FROM page_views
GROUP BY page;

CREATE MATERIALIZED VIEW top_pages AS
SELECT page, views FROM views_per_page ORDER BY views DESC, page LIMIT 10;
