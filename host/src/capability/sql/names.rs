//! The names that no text of a plugin may hold.
//!
//! Some are the host's own tables. The others lead around the checks of `statement`:
//! functions that run SQL from a string, read files, or change the session that the
//! next request will use. A database user with few rights remains the better wall;
//! this one holds where the gateway was given a strong user.

use super::lexer::{Kind, Token};
use crate::contract::sql::{Dialect, Error};

/// The host's tables.
const HOST: &str = "gateway_";

struct Refused {
    starts: &'static [&'static str],
    names: &'static [&'static str],
}

const SQLITE: Refused = Refused {
    starts: &["sqlite_", "pragma_"],
    names: &["load_extension", "writefile", "readfile", "fts3_tokenizer"],
};

const POSTGRES: Refused = Refused {
    starts: &[
        "pg_",
        "lo_",
        "dblink",
        "query_to_xml",
        "table_to_xml",
        "cursor_to_xml",
        "schema_to_xml",
        "database_to_xml",
        "crosstab",
    ],
    names: &[
        "set_config",
        "ts_stat",
        "ts_rewrite",
        "connectby",
        "xpath_table",
    ],
};

const MYSQL: Refused = Refused {
    starts: &["sys_exec", "sys_eval"],
    names: &[
        "mysql",
        "performance_schema",
        "load_file",
        "get_lock",
        "release_lock",
        "release_all_locks",
        "benchmark",
    ],
};

/// Looks at every name; on SQLite also at strings, which it takes for names where only
/// a name can stand. Only ASCII letters lose their case: MySQL and MariaDB as well tell
/// the function `BÉNCHMARK` from `BENCHMARK`.
///
/// # Errors
/// `invalid-statement` with the name.
pub(super) fn check(dialect: Dialect, tokens: &[Token<'_>]) -> Result<(), Error> {
    let refused = match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
        Dialect::Mysql => MYSQL,
    };
    for token in tokens {
        let checked = match token.kind {
            Kind::Word | Kind::Quoted => true,
            Kind::String => dialect == Dialect::Sqlite,
            _ => false,
        };
        let name = token.name();
        let starts_with = |start: &str| {
            name.get(..start.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(start))
        };
        if checked
            && (starts_with(HOST)
                || refused.starts.iter().any(|start| starts_with(start))
                || refused
                    .names
                    .iter()
                    .any(|other| name.eq_ignore_ascii_case(other)))
        {
            return Err(Error::InvalidStatement(format!(
                "`{name}` at byte {} is not for plugins",
                token.start
            )));
        }
    }
    Ok(())
}
