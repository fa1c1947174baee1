//! Connections past the gateway, for what no plugin may say: filling, and asking for plans.

use anyhow::{Context, Result, bail};
use chat::ports::Dialect;
use sqlx::{
    AssertSqlSafe, Connection as _, MySqlConnection, PgConnection, Row as _, SqliteConnection,
};

/// One connection to any of the three.
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

/// Does the same with whichever connection it is.
macro_rules! on {
    ($self:expr, $it:ident => $do:expr) => {
        match $self {
            Connection::Sqlite($it) => $do,
            Connection::Postgres($it) => $do,
            Connection::Mysql($it) => $do,
        }
    };
}

impl Connection {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        Ok(match dialect(url)? {
            Dialect::Sqlite => Self::Sqlite(SqliteConnection::connect(url).await?),
            Dialect::Postgres => Self::Postgres(PgConnection::connect(url).await?),
            Dialect::Mysql => Self::Mysql(MySqlConnection::connect(url).await?),
        })
    }

    /// Runs statements.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<()> {
        let raw = sqlx::raw_sql(AssertSqlSafe(sql));
        on!(self, it => raw.execute(it).await.map(drop)).with_context(|| sql.to_owned())
    }

    /// Some columns of the rows of a statement.
    pub(crate) async fn fields(&mut self, sql: &str, names: &[&str]) -> Result<Vec<Vec<String>>> {
        let raw = sqlx::raw_sql(AssertSqlSafe(sql));
        on!(self, it => {
            let rows = raw.fetch_all(it).await.with_context(|| sql.to_owned())?;
            let mut texts = Vec::with_capacity(rows.len());
            for row in rows {
                let fields = names.iter().map(|name| row.try_get_unchecked(*name));
                let fields: Vec<Option<String>> = fields.collect::<Result<_, _>>()?;
                texts.push(fields.into_iter().map(Option::unwrap_or_default).collect());
            }
            Ok(texts)
        })
    }

    /// The rows of a statement, every column as text.
    pub(crate) async fn texts(&mut self, sql: &str) -> Result<Vec<Vec<String>>> {
        let raw = sqlx::raw_sql(AssertSqlSafe(sql));
        on!(self, it => {
            let rows = raw.fetch_all(it).await.with_context(|| sql.to_owned())?;
            let mut texts = Vec::with_capacity(rows.len());
            for row in rows {
                // Statements that are not prepared are answered with texts.
                let fields = (0..row.len()).map(|index| row.try_get_unchecked(index));
                let fields: Vec<Option<String>> = fields.collect::<Result<_, _>>()?;
                texts.push(fields.into_iter().map(Option::unwrap_or_default).collect());
            }
            Ok(texts)
        })
    }
}

/// Which database a URL leads to.
pub(crate) fn dialect(url: &str) -> Result<Dialect> {
    Ok(match url.split(':').next() {
        Some("sqlite") => Dialect::Sqlite,
        Some("postgres" | "postgresql") => Dialect::Postgres,
        Some("mysql" | "mariadb") => Dialect::Mysql,
        _ => bail!("{url} leads to no database that is known"),
    })
}
