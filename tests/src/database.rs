//! Fresh databases, on all three kinds of server.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use gateway::capability::sql::Database;
use gateway::config;
pub use gateway::contract::sql::Dialect;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, MySqlConnection, PgConnection, Row, SqliteConnection,
};
use tempfile::TempDir;

/// A test for each of the three databases, from `async fn name(database: TestDatabase)`.
#[macro_export]
macro_rules! on_every_database {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use $crate::database::{Dialect, TestDatabase};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(TestDatabase::fresh(Dialect::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(TestDatabase::fresh(Dialect::Postgres).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn mysql() {
                super::$name(TestDatabase::fresh(Dialect::Mysql).await).await;
            }
        }
    )+};
}

/// A database of its own for one test; dropped, it is gone.
#[derive(Debug)]
pub struct TestDatabase {
    /// What leads to it.
    pub config: config::Database,
    /// Which kind it is.
    pub dialect: Dialect,
    /// The server's own address, and the name of the database there.
    server: Option<(String, String)>,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// Makes one, on the server that `TEST_POSTGRES_URL` or `TEST_MYSQL_URL` names.
    ///
    /// # Panics
    /// Without that variable, and when the server can't be used.
    pub async fn fresh(dialect: Dialect) -> Self {
        let variable = match dialect {
            Dialect::Sqlite => {
                let folder = TempDir::new().expect("a temporary folder");
                let url = format!(
                    "sqlite:{}?mode=rwc",
                    folder.path().join("test.db").display()
                );
                return Self {
                    config: config(url),
                    dialect,
                    server: None,
                    _folder: Some(folder),
                };
            }
            Dialect::Postgres => "TEST_POSTGRES_URL",
            Dialect::Mysql => "TEST_MYSQL_URL",
        };
        let server = std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set; `cargo xtask test` starts a server and sets it")
        });
        let name = format!("gateway_test_{}", uuid::Uuid::now_v7().simple());
        run(dialect, &server, &format!("CREATE DATABASE {name}"))
            .await
            .expect("a new database");
        let url = match dialect {
            Dialect::Postgres => {
                let options: PgConnectOptions = server.parse().expect("TEST_POSTGRES_URL");
                options.database(&name).to_url_lossy()
            }
            _ => {
                let options: MySqlConnectOptions = server.parse().expect("TEST_MYSQL_URL");
                options.database(&name).to_url_lossy()
            }
        };
        Self {
            config: config(url.to_string()),
            dialect,
            server: Some((server, name)),
            _folder: None,
        }
    }

    /// The host's view of it.
    ///
    /// # Panics
    /// When it can't be reached.
    pub async fn connect(&self) -> Database {
        Database::connect(&self.config)
            .await
            .expect("the test's database")
    }

    /// Runs any SQL past the host, with everything that a plugin may not say.
    ///
    /// # Panics
    /// When it fails.
    pub async fn raw(&self, sql: &str) {
        run(self.dialect, &self.config.url, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// A new SQLite database.
    ///
    /// # Panics
    /// When no folder can be made.
    pub async fn sqlite() -> Self {
        Self::fresh(Dialect::Sqlite).await
    }

    /// The same database once more, for a second gateway on it; it lives as long as the
    /// first.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            config: self.config.clone(),
            dialect: self.dialect,
            server: None,
            _folder: None,
        }
    }

    /// The rows of any SQL past the host, whose columns are texts.
    ///
    /// # Panics
    /// When it fails.
    pub async fn texts(&self, sql: &str) -> Vec<Vec<String>> {
        rows(self.dialect, &self.config.url, sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The rows of a table, behind which a condition may stand.
    ///
    /// # Panics
    /// When it can't be asked.
    pub async fn count(&self, table: &str) -> u64 {
        let text = self.pick("TEXT", "TEXT", "CHAR");
        let sql = format!("SELECT CAST(COUNT(*) AS {text}) FROM {table}");
        let rows = self.texts(&sql).await;
        let count = rows.into_iter().flatten().next();
        count.and_then(|count| count.parse().ok()).expect("a count")
    }

    /// The columns of a table.
    ///
    /// # Panics
    /// When it can't be asked.
    pub async fn columns(&self, table: &str) -> Vec<String> {
        let sql = match self.dialect {
            Dialect::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
            Dialect::Postgres => format!(
                "SELECT column_name::text FROM information_schema.columns WHERE table_name = '{table}'"
            ),
            Dialect::Mysql => format!(
                "SELECT column_name FROM information_schema.columns \
                 WHERE table_name = '{table}' AND table_schema = DATABASE()"
            ),
        };
        self.texts(&sql).await.into_iter().flatten().collect()
    }

    /// The text for this kind of database.
    pub fn pick<'a>(&self, sqlite: &'a str, postgres: &'a str, mysql: &'a str) -> &'a str {
        match self.dialect {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
            Dialect::Mysql => mysql,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some((server, name)) = self.server.take() else {
            return;
        };
        let dialect = self.dialect;
        let force = if dialect == Dialect::Postgres {
            " WITH (FORCE)"
        } else {
            ""
        };
        let sql = format!("DROP DATABASE {name}{force}");
        // A runtime of its own, on a thread of its own: the test's may be ending.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.map(|runtime| runtime.block_on(run(dialect, &server, &sql)))
        });
        if !matches!(dropped.join(), Ok(Ok(Ok(())))) {
            eprintln!("the database {name} is left behind");
        }
    }
}

/// The settings of the tests: small pools and short waits.
fn config(url: String) -> config::Database {
    config::Database {
        url,
        schema: None,
        max_connections: 4,
        acquire_timeout: Duration::from_secs(3),
        idle_timeout: Duration::from_secs(600),
        connect_timeout: Duration::from_secs(10),
        statement_cache: 32,
    }
}

/// The limits of the tests.
pub fn limits() -> config::SqlLimits {
    config::SqlLimits {
        rows: 1000,
        bytes: 4 * 1024 * 1024,
        statement_timeout: Duration::from_secs(5),
        transactions: 4,
    }
}

async fn run(dialect: Dialect, url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql));
    match dialect {
        Dialect::Sqlite => {
            let mut connection = sqlx::SqliteConnection::connect(url).await?;
            sql.execute(&mut connection).await?;
            connection.close().await
        }
        Dialect::Postgres => {
            let mut connection = sqlx::PgConnection::connect(url).await?;
            sql.execute(&mut connection).await?;
            connection.close().await
        }
        Dialect::Mysql => {
            let mut connection = sqlx::MySqlConnection::connect(url).await?;
            sql.execute(&mut connection).await?;
            connection.close().await
        }
    }
}

async fn rows(dialect: Dialect, url: &str, sql: &str) -> Result<Vec<Vec<String>>, sqlx::Error> {
    macro_rules! texts {
        ($connection:ty) => {{
            let mut connection = <$connection>::connect(url).await?;
            let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
                .fetch_all(&mut connection)
                .await?;
            rows.iter()
                .map(|row| {
                    (0..row.len())
                        .map(|index| row.try_get_unchecked(index))
                        .collect()
                })
                .collect()
        }};
    }
    match dialect {
        Dialect::Sqlite => texts!(SqliteConnection),
        Dialect::Postgres => texts!(PgConnection),
        Dialect::Mysql => texts!(MySqlConnection),
    }
}
