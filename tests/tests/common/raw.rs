//! Reading past the host, with everything that a plugin may not say.

use gateway_tests::database::{Dialect, TestDatabase};
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, Row, SqliteConnection};

/// The last column of every row, as the text that it is.
pub(crate) async fn texts(database: &TestDatabase, sql: &str) -> Vec<String> {
    macro_rules! read {
        ($connection:ty) => {{
            let mut connection = <$connection>::connect(&database.config.url).await.unwrap();
            let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection);
            let rows = rows.await.unwrap_or_else(|error| panic!("{sql}: {error}"));
            connection.close().await.unwrap();
            rows.iter()
                .map(|row| row.get_unchecked(row.len() - 1))
                .collect()
        }};
    }
    match database.dialect {
        Dialect::Sqlite => read!(SqliteConnection),
        Dialect::Postgres => read!(PgConnection),
        Dialect::Mysql => read!(MySqlConnection),
    }
}
