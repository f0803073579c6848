import java.math.BigDecimal;
import java.sql.*;

/** pgjdbc: prepared statements in text and binary, batches, fetch size over a subscription, metadata, transactions, timeouts. */
public class JdbcClient {
  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
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
