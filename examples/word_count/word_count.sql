-- How often does each word occur in the lines?
CREATE TABLE lines (id BIGINT PRIMARY KEY, line TEXT);

CREATE MATERIALIZED VIEW words AS
SELECT word, count(*) AS times
FROM lines, regexp_split_to_table(lower(line), '\W+') AS word
WHERE word <> ''
GROUP BY word;

INSERT INTO lines VALUES (1, 'The tide comes in, the tide goes out.'), (2, 'Time and tide wait for no man.');
UPDATE lines SET line = 'Time waits for nobody.' WHERE id = 2;

SELECT * FROM words ORDER BY times DESC, word LIMIT 3;
