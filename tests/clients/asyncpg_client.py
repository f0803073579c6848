"""asyncpg: binary only, with types looked up in the catalog: arrays, numerics, times, JSON, UUIDs, enums, cursors, pools, COPY."""
import asyncio
import datetime as dt
import decimal
import json
import sys
import uuid

import asyncpg

ADDRESS = dict(host="127.0.0.1", port=int(sys.argv[1]), user="tidewater", database="tidewater")
UTC = dt.timezone.utc


async def types(connection):
    await connection.execute("DROP TABLE IF EXISTS apg CASCADE")
    await connection.execute("DROP TYPE IF EXISTS apg_mood")
    await connection.execute("CREATE TYPE apg_mood AS ENUM ('sad', 'happy')")
    await connection.execute(
        "CREATE TABLE apg (id BIGINT PRIMARY KEY, s TEXT, b BOOLEAN, i SMALLINT, f DOUBLE PRECISION, n NUMERIC(12,3), d DATE,"
        " t TIMESTAMP, tz TIMESTAMPTZ, u UUID, j JSONB, x BYTEA, a BIGINT[], ta TEXT[], iv INTERVAL, m apg_mood)"
    )
    row = (
        1, "ä'\"\\", True, -7, 1.5, decimal.Decimal("12.345"), dt.date(2026, 2, 28), dt.datetime(2026, 1, 2, 3, 4, 5, 678900),
        dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), json.dumps({"k": [1, None]}),
        b"\x00\xff", [1, None, 3], ["a", None], dt.timedelta(days=1, hours=2), "happy",
    )
    marks = ", ".join(f"${i + 1}" for i in range(len(row)))
    await connection.execute(f"INSERT INTO apg VALUES ({marks})", *row)
    got = await connection.fetchrow("SELECT * FROM apg WHERE id = $1", 1)
    want = row[:10] + ('{"k": [1, null]}',) + row[11:]
    assert tuple(got) == want, tuple(got)
    await connection.execute(f"INSERT INTO apg VALUES ({marks})", 2, *[None] * 15)
    assert tuple(await connection.fetchrow("SELECT * FROM apg WHERE id = 2")) == (2,) + (None,) * 15
    assert await connection.fetchval("SELECT ARRAY[1.50::numeric, NULL]") == [decimal.Decimal("1.50"), None]
    assert await connection.fetchval("SELECT array_agg(d) FROM apg") in ([dt.date(2026, 2, 28), None], [None, dt.date(2026, 2, 28)])
    assert await connection.fetchval("SELECT $1::uuid[]", [row[9]]) == [row[9]]
    assert await connection.fetchval("SELECT n FROM apg WHERE n > $1", decimal.Decimal("12.3")) == decimal.Decimal("12.345")


async def statements(connection):
    await connection.executemany("INSERT INTO apg (id, s) VALUES ($1, $2)", [(i, f"row {i}") for i in range(10, 20)])
    found = await connection.fetch("SELECT id FROM apg WHERE id = ANY($1::bigint[]) ORDER BY id", [10, 11])
    assert [row["id"] for row in found] == [10, 11]
    statement = await connection.prepare("SELECT count(*) AS c FROM apg WHERE id >= $1")
    assert await statement.fetchval(10) == 10 and statement.get_attributes()[0].type.name == "int8"
    async with connection.transaction():
        ids = [row["id"] async for row in connection.cursor("SELECT id FROM apg ORDER BY id", prefetch=3)]
        assert ids == [1, 2] + list(range(10, 20)), ids
    try:
        async with connection.transaction():
            await connection.execute("DELETE FROM apg")
            raise KeyError
    except KeyError:
        pass
    assert await connection.fetchval("SELECT count(*) FROM apg") == 12
    try:
        await connection.fetch("SELECT * FROM nowhere")
        raise SystemExit("a missing table was found")
    except asyncpg.UndefinedTableError as error:
        assert error.sqlstate == "42P01"
    assert await connection.copy_records_to_table("apg", records=[(30, "x"), (31, None)], columns=["id", "s"]) == "COPY 2"
    assert await connection.fetchval("SELECT count(*) FROM apg WHERE id >= 30") == 2


async def main():
    connection = await asyncpg.connect(**ADDRESS)
    await types(connection)
    await statements(connection)
    await connection.close()
    async with asyncpg.create_pool(min_size=2, max_size=3, **ADDRESS) as pool:
        assert await asyncio.gather(*(pool.fetchval("SELECT $1::int + 1", i) for i in range(8))) == list(range(1, 9))


asyncio.run(asyncio.wait_for(main(), 60))
