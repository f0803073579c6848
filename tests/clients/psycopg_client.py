"""psycopg 3: parameters, types, prepared and binary, transactions, cursors, COPY, cancel, subscriptions."""
import datetime as dt
import decimal
import sys
import threading
import time
import uuid

import psycopg

dsn = f"host=127.0.0.1 port={sys.argv[1]} user=tidewater dbname=tidewater"
with psycopg.connect(dsn, autocommit=True) as connection:
    connection.execute("DROP TABLE IF EXISTS py CASCADE")
    connection.execute(
        "CREATE TABLE py (id BIGINT PRIMARY KEY, s TEXT, b BOOLEAN, i SMALLINT, f DOUBLE PRECISION, n NUMERIC(12,3), d DATE,"
        " t TIMESTAMP, tz TIMESTAMPTZ, u UUID, j JSONB, x BYTEA, a BIGINT[], iv INTERVAL)"
    )
    utc = dt.timezone.utc
    row = (
        1, "ä'\"\\", True, -7, 1.5, decimal.Decimal("12.345"), dt.date(2026, 2, 28), dt.datetime(2026, 1, 2, 3, 4, 5, 678900),
        dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=utc), uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        psycopg.types.json.Jsonb({"k": [1, None]}), b"\x00\xff", [1, None, 3], dt.timedelta(days=1, hours=2),
    )
    marks = ", ".join(["%s"] * len(row))
    connection.execute(f"INSERT INTO py VALUES ({marks})", row)
    for binary in (False, True):
        for prepare in (False, True):
            cursor = connection.cursor(binary=binary)
            got = cursor.execute("SELECT * FROM py WHERE id = %s", (1,), prepare=prepare).fetchone()
            want = row[:10] + ({"k": [1, None]},) + row[11:]
            assert got == want, (binary, prepare, got)
    connection.execute(f"INSERT INTO py VALUES ({marks})", (2,) + (None,) * 13)
    assert connection.execute("SELECT * FROM py WHERE id = 2").fetchone() == (2,) + (None,) * 13
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO py (id, s) VALUES (%s, %s)", [(i, f"row {i}") for i in range(10, 20)])
    connection.execute("CREATE MATERIALIZED VIEW py_count AS SELECT count(*) AS c FROM py")
    assert connection.execute("SELECT c FROM py_count").fetchone() == (12,)
    assert connection.execute("SELECT id FROM py WHERE id = ANY(%s) ORDER BY id", ([10, 11],)).fetchall() == [(10,), (11,)]

    try:
        connection.execute("SELECT * FROM nowhere")
        raise SystemExit("a missing table was found")
    except psycopg.errors.UndefinedTable as error:
        assert error.diag.sqlstate == "42P01"
    try:
        connection.execute("INSERT INTO py (id) VALUES (1)")
        raise SystemExit("a key was inserted twice")
    except psycopg.errors.UniqueViolation:
        pass

    with connection.cursor() as cursor, cursor.copy("COPY (SELECT id FROM py ORDER BY id) TO STDOUT") as copy:
        assert b"".join(copy).decode().split() == ["1", "2"] + [str(i) for i in range(10, 20)]

    with connection.cursor() as cursor, cursor.copy("COPY (SELECT id, s FROM py ORDER BY id LIMIT 3) TO STDOUT (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "text"])
        assert list(copy.rows()) == [(1, row[1]), (2, None), (10, "row 10")]
    with connection.cursor() as cursor, cursor.copy("COPY (SELECT id FROM py LIMIT 0) TO STDOUT (FORMAT BINARY)") as copy:
        assert list(copy.rows()) == []

    try:
        with connection.pipeline():
            for number in (30, 31, 30):
                connection.execute("INSERT INTO py (id) VALUES (%s)", (number,))
        raise SystemExit("a key was inserted twice")
    except psycopg.errors.UniqueViolation:
        assert connection.execute("SELECT count(*) FROM py WHERE id >= 30").fetchone() == (0,)

    started = time.monotonic()
    threading.Timer(0.5, connection.cancel).start()
    try:
        connection.execute("SUBSCRIBE TO py_count")
        raise SystemExit("a subscription ended by itself")
    except psycopg.errors.QueryCanceled:
        assert time.monotonic() - started < 2

with psycopg.connect(dsn) as connection:
    connection.execute("INSERT INTO py (id) VALUES (100)")
    assert connection.execute("SELECT count(*) FROM py WHERE id = 100").fetchone() == (1,)
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM py WHERE id = 100").fetchone() == (0,)
    with connection.cursor(name="server_side") as cursor:
        cursor.itersize = 3
        cursor.execute("SELECT id FROM py ORDER BY id")
        assert len(cursor.fetchall()) == 12
    connection.rollback()
    connection.execute("DECLARE c CURSOR FOR SUBSCRIBE TO py_count")
    rows = connection.execute("FETCH ALL c WITH (timeout = '1s')").fetchall()
    assert [row[1:] for row in rows] == [(1, 12)], rows
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("DELETE FROM py WHERE id = 19")
    rows = connection.execute("FETCH 10 c WITH (timeout = '5s')").fetchall()
    assert sorted(row[1:] for row in rows) == [(-1, 12), (1, 11)], rows
    connection.rollback()

with psycopg.connect(dsn, autocommit=True) as connection:
    def change():
        with psycopg.connect(dsn, autocommit=True) as other:
            for i in range(200, 203):
                other.execute("INSERT INTO py (id) VALUES (%s)", (i,))
                time.sleep(0.1)

    writer = threading.Thread(target=change)
    writer.start()
    seen = []
    for row in connection.cursor().stream("SUBSCRIBE TO py_count"):
        seen.append(row[1:])
        if row[1:] == (1, 14):
            break
    writer.join()
    assert seen[0] == (1, 11), seen
