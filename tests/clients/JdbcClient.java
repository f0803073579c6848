import java.math.BigDecimal;
import java.sql.*;

/** pgjdbc: prepared statements in text and binary, batches, fetch size over a subscription, metadata, transactions, timeouts. */
public class JdbcClient {
  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  /** The rows of a result: its values with bars between them. */
  static String rows(ResultSet rows, int... columns) throws SQLException {
    StringBuilder text = new StringBuilder();
    while (rows.next()) {
      for (int column : columns) text.append(rows.getObject(column)).append('|');
      text.append(' ');
    }
    return text.toString().trim();
  }

  static void equal(String found, String wanted) {
    check(found.equals(wanted), found + " instead of " + wanted);
  }

  static void metadata(Connection connection) throws SQLException {
    DatabaseMetaData about = connection.getMetaData();
    try (Statement statement = connection.createStatement()) {
      statement.execute("DROP TABLE IF EXISTS jdbc_shop");
      statement.execute("CREATE TABLE jdbc_shop (id SERIAL PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, price NUMERIC(10,2), tags TEXT[])");
      statement.execute("CREATE INDEX jdbc_pair ON jdbc_shop (price, name)");
      statement.execute("COMMENT ON COLUMN jdbc_shop.name IS 'what it is called'");
      try (ResultSet values = statement.executeQuery("SELECT '{\"a\": 1}'::jsonb, INTERVAL '1 day', ARRAY[1, 2], '{1.5}'::numeric[]")) {
        check(values.next(), "values");
        equal(values.getObject(1).toString(), "{\"a\": 1}");
        equal(values.getObject(2).toString(), "0 years 0 mons 1 days 0 hours 0 mins 0.0 secs");
        equal(values.getObject(3).toString(), "{1,2}");
        check(((Object[]) values.getArray(4).getArray())[0].toString().startsWith("1.5"), "numeric[]");
      }
    }
    equal(rows(about.getColumns(null, "public", "jdbc_shop", "%"), 4, 6, 7, 12, 13, 18, 23),
        "id|serial|10|null|nextval('jdbc_shop_id_seq'::regclass)|NO|YES| name|varchar|20|what it is called|null|NO|NO| "
            + "price|numeric|10|null|null|YES|NO| tags|_text|2147483647|null|null|YES|NO|");
    equal(rows(about.getPrimaryKeys(null, "public", "jdbc_shop"), 4, 5, 6), "id|1|jdbc_shop_pkey|");
    equal(rows(about.getIndexInfo(null, "public", "jdbc_shop", false, false), 4, 6, 8, 9),
        "false|jdbc_shop_name_key|1|name| false|jdbc_shop_pkey|1|id| true|jdbc_pair|1|price| true|jdbc_pair|2|name|");
    equal(rows(about.getImportedKeys(null, null, "jdbc_shop"), 1) + rows(about.getExportedKeys(null, null, "jdbc_shop"), 1), "");
    equal(rows(about.getBestRowIdentifier(null, null, "jdbc_shop", 0, false), 2), "id|");
    equal(rows(about.getSchemas(), 1), "information_schema| pg_catalog| public| tidewater|");
    equal(rows(about.getFunctions(null, "public", "%"), 3) + rows(about.getFunctionColumns(null, "public", "%", "%"), 3), "");
    check(rows(about.getTypeInfo(), 1).contains("jsonb|"), "getTypeInfo");
    check(rows(about.getClientInfoProperties(), 1).contains("ApplicationName|"), "getClientInfoProperties");
    check(about.getSQLKeywords().contains("analyze"), "getSQLKeywords");
    check(about.getMaxColumnNameLength() == 63, "getMaxColumnNameLength");
  }

  public static void main(String[] arguments) throws Exception {
    String url = "jdbc:postgresql://127.0.0.1:" + arguments[0] + "/tidewater?user=tidewater&prepareThreshold=1";
    try (Connection connection = DriverManager.getConnection(url)) {
      try (Statement statement = connection.createStatement()) {
        statement.execute("DROP TABLE IF EXISTS jdbc CASCADE");
        statement.execute("CREATE TABLE jdbc (id BIGINT PRIMARY KEY, s TEXT, n INTEGER, m NUMERIC(10,2), t TIMESTAMPTZ, b BOOLEAN)");
        statement.execute("CREATE MATERIALIZED VIEW jdbc_sum AS SELECT count(*) AS c, sum(n) AS total FROM jdbc");
      }
      try (PreparedStatement insert = connection.prepareStatement("INSERT INTO jdbc VALUES (?, ?, ?, ?, ?, ?)")) {
        for (int i = 1; i <= 3; i++) {
          insert.setLong(1, i);
          insert.setString(2, "row " + i);
          insert.setInt(3, 10 * i);
          insert.setBigDecimal(4, new BigDecimal("1.25"));
          insert.setTimestamp(5, Timestamp.valueOf("2026-01-02 03:04:05"));
          insert.setBoolean(6, i % 2 == 0);
          insert.addBatch();
        }
        int[] counts = insert.executeBatch();
        check(counts.length == 3 && counts[0] == 1, "batch counts");
      }
      try (PreparedStatement select = connection.prepareStatement("SELECT s, n, m, b FROM jdbc WHERE id = ?")) {
        for (int round = 0; round < 3; round++) {
          select.setLong(1, 2);
          try (ResultSet rows = select.executeQuery()) {
            check(rows.next() && rows.getString(1).equals("row 2") && rows.getInt(2) == 20, "row");
            check(rows.getBigDecimal(3).equals(new BigDecimal("1.25")) && rows.getBoolean(4), "values");
          }
        }
      }
      try (ResultSet tables = connection.getMetaData().getTables(null, "public", "jdbc%", null)) {
        check(tables.next(), "getTables");
      }
      metadata(connection);
      connection.setAutoCommit(false);
      try (Statement statement = connection.createStatement()) {
        statement.executeUpdate("DELETE FROM jdbc");
        connection.rollback();
        statement.setFetchSize(2);
        try (ResultSet rows = statement.executeQuery("SELECT id FROM jdbc ORDER BY id")) {
          int count = 0;
          while (rows.next()) count++;
          check(count == 3, "rows after rollback");
        }
        connection.commit();
        statement.setFetchSize(100);
        statement.setQueryTimeout(0);
        try (ResultSet rows = statement.executeQuery("SUBSCRIBE TO jdbc_sum")) {
          check(rows.next() && rows.getLong("weight") == 1 && rows.getLong("total") == 60, "subscription");
          statement.cancel();
        }
        connection.rollback();
      }
      connection.setAutoCommit(true);
      try (Statement statement = connection.createStatement()) {
        statement.executeQuery("SELECT 1 / 0");
        check(false, "division by zero");
      } catch (SQLException error) {
        check(error.getSQLState().equals("22012"), error.getSQLState());
      }
    }
  }
}
