// ClickHouse's own client, which nobody here wrote, against the engine's port:
//   ENGINE_URL=http://127.0.0.1:8123 ENGINE_USER=… ENGINE_PASSWORD=… npm test
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';

import { ClickHouseLogLevel, createClient } from '@clickhouse/client';

const connection = {
  url: process.env.ENGINE_URL,
  username: process.env.ENGINE_USER,
  password: process.env.ENGINE_PASSWORD,
  log: { level: ClickHouseLogLevel.OFF },
};
const database = 'client_test';
const client = createClient({ ...connection, database });
const packed = createClient({ ...connection, database, compression: { request: true, response: true } });
const first = createClient(connection);

before(async () => {
  await first.command({ query: `DROP DATABASE IF EXISTS ${database}` });
  await first.command({ query: `CREATE DATABASE ${database}` });
  await client.command({
    query: 'CREATE TABLE people (id UInt64, name String, seen DateTime64(3)) ENGINE = MergeTree ORDER BY id',
  });
});

after(async () => {
  await first.command({ query: `DROP DATABASE IF EXISTS ${database}` });
  await Promise.all([client.close(), packed.close(), first.close()]);
});

test('ping answers, with and without a query', async () => {
  assert.deepEqual(await client.ping(), { success: true });
  assert.deepEqual(await client.ping({ select: true }), { success: true });
});

test('rows inserted as JSONEachRow come back as JSONEachRow and as JSON', async () => {
  const values = [
    { id: 1, name: "it's; fine", seen: '2026-01-02 03:04:05.678' },
    { id: 2, name: 'ünïcödé', seen: '2026-01-02 03:04:06.000' },
  ];
  const inserted = await client.insert({ table: 'people', values, format: 'JSONEachRow' });
  assert.equal(inserted.executed, true);
  assert.equal(inserted.summary.written_rows, '2');
  assert.ok(inserted.query_id);

  const rows = await client.query({ query: 'SELECT id, name FROM people ORDER BY id', format: 'JSONEachRow' });
  assert.deepEqual(await rows.json(), [{ id: 1, name: "it's; fine" }, { id: 2, name: 'ünïcödé' }]);

  const whole = await client.query({ query: 'SELECT count() AS n, max(seen) AS last FROM people', format: 'JSON' });
  const answer = await whole.json();
  assert.equal(answer.rows, 1);
  assert.equal(Number(answer.data[0].n), 2);
  assert.equal(answer.data[0].last, '2026-01-02 03:04:06.000');
  assert.deepEqual(answer.meta.map((column) => column.name), ['n', 'last']);
});

test('a stream of rows goes in, and a stream of rows comes out', async () => {
  await client.command({ query: 'CREATE TABLE many (n UInt32) ENGINE = MergeTree ORDER BY n' });
  const total = 50_000;
  const rows = Readable.from((function* () { for (let n = 0; n < total; ++n) yield { n }; })(), { objectMode: true });
  await packed.insert({ table: 'many', values: rows, format: 'JSONEachRow' });
  for (const reader of [client, packed]) {
    const result = await reader.query({ query: 'SELECT n FROM many ORDER BY n', format: 'JSONEachRow' });
    let seen = 0;
    for await (const piece of result.stream()) {
      for (const row of piece) assert.equal(row.json().n, seen++);
    }
    assert.equal(seen, total);
  }
});

test('parameters are bound', async () => {
  const result = await client.query({
    query: 'SELECT {text:String} AS text, {list:Array(UInt8)} AS list',
    query_params: { text: "'; DROP TABLE people; --", list: [1, 2] },
    format: 'JSONEachRow',
  });
  assert.deepEqual(await result.json(), [{ text: "'; DROP TABLE people; --", list: [1, 2] }]);
});

test('errors carry their code and type', async () => {
  await assert.rejects(client.query({ query: 'SELECT * FROM nowhere' }), (error) => error.code === '60' && error.type === 'UNKNOWN_TABLE');
  await assert.rejects(client.insert({ table: 'people', values: [{ id: 'x' }], format: 'JSONEachRow' }), (error) => error.code === '27');
  const stranger = createClient({ ...connection, password: 'wrong' });
  await assert.rejects(stranger.query({ query: 'SELECT 1' }), (error) => error.code === '516');
  await stranger.close();
});

test('an error in the middle of a stream is not taken for its end', async () => {
  const result = await client.query({ query: 'SELECT throwIf(number = 900000) AS bad, repeat(\'x\', 30) AS text FROM numbers(1000000) SETTINGS max_threads = 1', format: 'JSONEachRow' });
  await assert.rejects(async () => { for await (const piece of result.stream()) for (const row of piece) row.json(); });
});

test('settings are taken from the request', async () => {
  const result = await client.query({ query: 'SELECT toUInt64(1) AS n', format: 'JSONEachRow', clickhouse_settings: { output_format_json_quote_64bit_integers: 1, wait_end_of_query: 1 } });
  assert.deepEqual(await result.json(), [{ n: '1' }]);
});

test('an aborted query is stopped', async () => {
  const controller = new AbortController();
  const asked = client.query({ query: 'SELECT sum(cityHash64(number)) AS forever FROM numbers(1000000000000)', abort_signal: controller.signal });
  setTimeout(() => controller.abort(), 300);
  await assert.rejects(asked);
  for (let left = 100; left > 0; --left) {
    const result = await client.query({ query: "SELECT count() AS n FROM system.processes WHERE query LIKE '%forever%' AND query NOT LIKE '%processes%'", format: 'JSONEachRow' });
    if (Number((await result.json())[0].n) === 0) return;
  }
  assert.fail('the query still runs');
});

test("millrace's own tables can't be written", async () => {
  await assert.rejects(first.command({ query: 'CREATE TABLE millrace.mine (a Int8) ENGINE = Memory' }), (error) => error.code === '497');
});
