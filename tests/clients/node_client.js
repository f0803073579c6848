// node-postgres: parameters, types, errors, cursors over a subscription, cancel by timeout.
const assert = require('assert');
const { Client } = require('pg');
const Cursor = require('pg-cursor');

const options = { host: '127.0.0.1', port: Number(process.argv[2]), user: 'tidewater', database: 'tidewater' };

async function main() {
  const client = new Client(options);
  await client.connect();
  await client.query('DROP TABLE IF EXISTS js CASCADE');
  await client.query('CREATE TABLE js (id BIGINT PRIMARY KEY, s TEXT, n INTEGER, b BOOLEAN, t TIMESTAMPTZ, j JSONB, a TEXT[])');
  await client.query('CREATE MATERIALIZED VIEW js_sum AS SELECT count(*) AS c, sum(n) AS total FROM js');
  const t = new Date('2026-01-02T03:04:05.678Z');
  await client.query('INSERT INTO js VALUES ($1, $2, $3, $4, $5, $6, $7)', [1, "x'y", 5, true, t, { k: 1 }, ['a', 'b c']]);
  await client.query('INSERT INTO js VALUES ($1, $2, $3, $4, $5, $6, $7)', [2, null, 7, null, null, null, null]);
  const first = (await client.query('SELECT * FROM js WHERE id = $1', [1])).rows[0];
  assert.deepStrictEqual(first, { id: '1', s: "x'y", n: 5, b: true, t, j: { k: 1 }, a: ['a', 'b c'] });
  assert.deepStrictEqual((await client.query('SELECT * FROM js_sum')).rows, [{ c: '2', total: '12' }]);
  const prepared = { name: 'by id', text: 'SELECT s FROM js WHERE id = $1', values: [1] };
  for (let i = 0; i < 2; i++) assert.strictEqual((await client.query(prepared)).rows[0].s, "x'y");
  await assert.rejects(client.query('SELECT * FROM nowhere'), { code: '42P01' });
  await assert.rejects(client.query('SELECT 1 / 0'), { code: '22012' });

  const writer = new Client(options);
  await writer.connect();
  const cursor = client.query(new Cursor('SUBSCRIBE TO js_sum'));
  assert.deepStrictEqual((await cursor.read(100)).map((row) => [row.weight, row.total]), [['1', '12']]);
  await writer.query('UPDATE js SET n = n + 1 WHERE id = 2');
  const changes = [];
  while (changes.length < 2) changes.push(...(await cursor.read(100)).map((row) => [row.weight, row.total]));
  assert.deepStrictEqual(changes.sort(), [['-1', '12'], ['1', '13']]);
  await cursor.close();
  await writer.end();
  await client.query("SET statement_timeout = '200ms'");
  assert.strictEqual((await client.query('SELECT count(*) FROM js')).rows[0].count, '2');
  await client.end();
}

main().catch((error) => { console.error(error); process.exit(1); });
