//! The same in each of the three dialects.

use anyhow::Result;
use chat::ports::Dialect;

use crate::raw::Connection;

/// What a dialect calls things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words(pub(super) Dialect);

/// An index that is no part of its table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) drop: String,
    pub(super) create: String,
}

impl Words {
    /// A table of one column, `i`, from `first` and below `last`.
    pub(super) fn numbers(self, first: u64, last: u64) -> String {
        match self.0 {
            Dialect::Sqlite => format!(
                "(WITH RECURSIVE t (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM t \
                 WHERE i + 1 < {last}) SELECT i FROM t)"
            ),
            Dialect::Postgres => {
                format!("(SELECT i FROM generate_series({first}::bigint, {last}::bigint - 1) AS i)")
            }
            // No recursion of any depth there without a setting, whose name differs.
            Dialect::Mysql => {
                let digit = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL \
                     SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL \
                     SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
                let mut digits = String::new();
                let mut sum = first.to_string();
                let mut place = 1;
                while place < last - first {
                    digits += &format!(
                        "{} {digit} AS d{place}",
                        if place == 1 { "FROM" } else { " CROSS JOIN" }
                    );
                    sum += &format!(" + d{place}.d * {place}");
                    place *= 10;
                }
                format!("(SELECT i FROM (SELECT {sum} AS i {digits}) AS t WHERE i < {last})")
            }
        }
    }

    /// Whole numbers only.
    pub(super) fn div(self, a: &str, b: u64) -> String {
        match self.0 {
            Dialect::Mysql => format!("({a} DIV {b})"),
            Dialect::Sqlite | Dialect::Postgres => format!("({a} / {b})"),
        }
    }

    fn hex(self, number: &str, width: u32) -> String {
        match self.0 {
            Dialect::Sqlite => format!("printf('%0{width}x', {number})"),
            Dialect::Postgres => format!("lpad(to_hex({number}), {width}, '0')"),
            Dialect::Mysql => format!("LOWER(LPAD(HEX({number}), {width}, '0'))"),
        }
    }

    pub(super) fn channel(self, number: &str) -> String {
        format!("'00000000-0000-7000-8000-' || {}", self.hex(number, 12))
    }

    pub(super) fn user(self, number: &str) -> String {
        format!("'11111111-1111-7111-8111-' || {}", self.hex(number, 12))
    }

    /// A second for each message, from the beginning of 2025.
    pub(super) fn time(self, number: &str) -> String {
        match self.0 {
            Dialect::Sqlite => format!("1735689600000000 + {number} * 1000000"),
            Dialect::Postgres => {
                format!("TIMESTAMPTZ '2025-01-01 00:00:00Z' + {number} * INTERVAL '1 second'")
            }
            Dialect::Mysql => {
                format!("TIMESTAMP '2025-01-01 00:00:00' + INTERVAL ({number}) SECOND")
            }
        }
    }

    /// As `message_id` has it.
    pub(super) fn id(self, number: &str) -> String {
        let mixed = format!("({number} * 2654435761 % 4294967296)");
        let digits = format!(
            "{} || '7' || {} || '8000' || {}",
            self.hex(&format!("(1735689600000 + {number} * 1000)"), 12),
            self.hex(&format!("({mixed} % 4096)"), 3),
            self.hex(&mixed, 12),
        );
        match self.0 {
            Dialect::Sqlite | Dialect::Mysql => format!("unhex({digits})"),
            Dialect::Postgres => format!("({digits})::uuid"),
        }
    }

    /// What makes filling quicker, for the session alone.
    pub(super) fn settings(self) -> &'static str {
        match self.0 {
            Dialect::Sqlite => "PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000",
            Dialect::Postgres => {
                "SET synchronous_commit = off; SET maintenance_work_mem = '1GB'; SET jit = off"
            }
            Dialect::Mysql => "SET SESSION unique_checks = 0",
        }
    }

    /// What keeps the planner informed; and nothing is left for later to be tidied up.
    pub(super) fn finish(self) -> &'static [&'static str] {
        match self.0 {
            Dialect::Sqlite => &["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"],
            Dialect::Postgres => &["VACUUM (ANALYZE)", "CHECKPOINT"],
            Dialect::Mysql => {
                &["ANALYZE TABLE chat_messages, chat_members, chat_channels, chat_recipients"]
            }
        }
    }

    /// The indexes of the tables that are filled last. Those that come with a
    /// constraint stay where they are.
    pub(super) async fn indexes(self, connection: &mut Connection) -> Result<Vec<Index>> {
        let sql = match self.0 {
            Dialect::Sqlite => {
                "SELECT 'DROP INDEX ' || name, sql FROM sqlite_master WHERE type = 'index' \
                 AND tbl_name IN ('chat_messages', 'chat_recipients') AND sql IS NOT NULL \
                 ORDER BY name"
            }
            Dialect::Postgres => {
                "SELECT 'DROP INDEX ' || indexname, indexdef FROM pg_indexes \
                 WHERE schemaname = current_schema() \
                 AND tablename IN ('chat_messages', 'chat_recipients') \
                 AND indexname NOT IN (SELECT conname FROM pg_constraint) ORDER BY indexname"
            }
            Dialect::Mysql => {
                "SELECT CONCAT('DROP INDEX ', index_name, ' ON ', table_name), \
                 CONCAT('CREATE INDEX ', index_name, ' ON ', table_name, ' (', \
                 GROUP_CONCAT(column_name ORDER BY seq_in_index SEPARATOR ', '), ')') \
                 FROM information_schema.statistics WHERE table_schema = DATABASE() \
                 AND table_name IN ('chat_messages', 'chat_recipients') AND non_unique = 1 \
                 GROUP BY index_name, table_name ORDER BY index_name"
            }
        };
        let rows = connection.texts(sql).await?.into_iter();
        Ok(rows
            .filter_map(|row| {
                let [drop, create] = row.try_into().ok()?;
                Some(Index { drop, create })
            })
            .collect())
    }
}
