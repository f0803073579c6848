"""asyncpg: pool, introspection of types, arrays, records by binary COPY, cursors, transactions with definitions."""
import asyncio
import datetime as dt
import decimal
import sys

import asyncpg

dsn = f"postgresql://tidewater@127.0.0.1:{sys.argv[1]}/tidewater"


async def main():
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
    # Every release of a connection resets it: advisory locks, cursors, UNLISTEN, RESET ALL.
    for _ in range(3):
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT 1") == 1
    await pool.close()

    connection = await asyncpg.connect(dsn)
    await connection.execute("DROP TABLE IF EXISTS apg CASCADE")
    await connection.execute(
        "CREATE TABLE apg (id BIGINT PRIMARY KEY, t TEXT, n NUMERIC(10,2), d DATE, tz TIMESTAMPTZ, ia INTEGER[], ta TEXT[], na NUMERIC(5,2)[], da DATE[], j JSONB)"
    )
    at = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
    row = (1, "x", decimal.Decimal("1.50"), dt.date(2026, 2, 28), at, [1, None, 3], ["a", 'b"c'], [decimal.Decimal("1.25")], [dt.date(2026, 1, 1)], '{"a": 1}')
    await connection.execute("INSERT INTO apg VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", *row)
    assert tuple(await connection.fetchrow("SELECT * FROM apg WHERE id = $1", 1)) == row
    records = [(i, f"row {i}", None, None, at, [i], None, None, None, None) for i in range(2, 500)]
    assert await connection.copy_records_to_table("apg", records=records) == "COPY 498"
    assert await connection.fetchval("SELECT count(*) FROM apg") == 499
    assert await connection.fetchval("SELECT ia FROM apg WHERE id = 77") == [77]
    assert await connection.fetchval("SELECT current_setting('jit')") == "off"
    assert await connection.fetchval("SELECT set_config('application_name', 'apg', false)") == "apg"
    assert await connection.fetchval("SHOW application_name") == "apg"
    async with connection.transaction():
        await connection.execute("CREATE TABLE apg_made (x INTEGER)")
        await connection.execute("INSERT INTO apg_made VALUES (1)")
    assert await connection.fetchval("SELECT x FROM apg_made") == 1
    try:
        async with connection.transaction():
            await connection.execute("DROP TABLE apg_made")
            raise KeyError
    except KeyError:
        pass
    assert await connection.fetchval("SELECT x FROM apg_made") == 1
    async with connection.transaction():
        cursor = await connection.cursor("SELECT id FROM apg ORDER BY id")
        assert [record["id"] for record in await cursor.fetch(3)] == [1, 2, 3]
    await connection.close()


asyncio.run(main())
