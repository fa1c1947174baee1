//! The original's tables.
//!
//! Ids are read as text: they are UUIDs on PostgreSQL and texts on MySQL. Pages are
//! ranges of ids. The original's `message_recipients` has no key on MySQL, so that two
//! rows may share an id there; only one of them can be kept.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::parameters::Parameters;
use super::sql::Record;
use crate::domain::model::BODY_BYTES;
use crate::ports::{Dialect, Error, Kind, Source, Value, ValueRef};

/// The longest file key and description of a file that are read at all, in bytes.
const FILE_BYTES: usize = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Table {
    Messages,
    Recipients,
    Files,
}

impl Table {
    /// The original's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Recipients => "message_recipients",
            Self::Files => "message_files",
        }
    }

    /// The name of ours.
    pub(super) fn ours(self) -> &'static str {
        match self {
            Self::Messages => "chat_messages",
            Self::Recipients => "chat_recipients",
            Self::Files => "chat_files",
        }
    }

    fn columns(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Messages => MESSAGE,
            Self::Recipients => RECIPIENT,
            Self::Files => FILE,
        }
    }

    /// The message that a row refers to.
    fn reference(self) -> &'static str {
        match self {
            Self::Messages => "parent_message_id",
            Self::Recipients | Self::Files => "message_id",
        }
    }
}

/// How a column is read: `{}` is its table's alias, `[…]` is read as text whatever it is.
/// The id comes first.
const MESSAGE: &[(&str, Kind)] = &[
    ("[t.id]", Kind::Text),
    ("[t.channel_id]", Kind::Text),
    ("t.channel_type", Kind::Text),
    (
        "CASE WHEN OCTET_LENGTH(t.body) <= {body} THEN t.body END",
        Kind::Text,
    ),
    ("OCTET_LENGTH(t.body)", Kind::Integer),
    ("t.status", Kind::Integer),
    ("t.subject", Kind::Text),
    ("[t.to_user_id]", Kind::Text),
    ("[t.parent_message_id]", Kind::Text),
    ("[r.channel_id]", Kind::Text),
    ("[t.created_by]", Kind::Text),
    ("t.created_on", Kind::Timestamp),
    ("[t.modified_by]", Kind::Text),
    ("t.modified_on", Kind::Timestamp),
    ("t.deleted", Kind::Boolean),
    ("[t.deleted_by]", Kind::Text),
    ("t.deleted_on", Kind::Timestamp),
];

const RECIPIENT: &[(&str, Kind)] = &[
    ("[t.id]", Kind::Text),
    ("[t.message_id]", Kind::Text),
    ("[t.channel_id]", Kind::Text),
    ("[r.channel_id]", Kind::Text),
    ("[t.recipient_id]", Kind::Text),
    ("[t.forwarded_by]", Kind::Text),
    ("t.is_favorite", Kind::Boolean),
    ("t.is_forwarded", Kind::Boolean),
    ("t.is_read", Kind::Boolean),
    ("[t.created_by]", Kind::Text),
    ("t.created_on", Kind::Timestamp),
    ("[t.modified_by]", Kind::Text),
    ("t.modified_on", Kind::Timestamp),
    ("t.deleted", Kind::Boolean),
    ("[t.deleted_by]", Kind::Text),
    ("t.deleted_on", Kind::Timestamp),
];

const FILE: &[(&str, Kind)] = &[
    ("[t.id]", Kind::Text),
    ("[t.message_id]", Kind::Text),
    ("[t.channel_id]", Kind::Text),
    ("[r.channel_id]", Kind::Text),
    (
        "CASE WHEN OCTET_LENGTH([t.file_key]) <= {file} THEN [t.file_key] END",
        Kind::Text,
    ),
    ("OCTET_LENGTH([t.file_key])", Kind::Integer),
    (
        "CASE WHEN OCTET_LENGTH([t.meta_data]) <= {file} THEN [t.meta_data] END",
        Kind::Text,
    ),
    ("OCTET_LENGTH([t.meta_data])", Kind::Integer),
    ("[t.created_by]", Kind::Text),
    ("t.created_on", Kind::Timestamp),
    ("[t.modified_by]", Kind::Text),
    ("t.modified_on", Kind::Timestamp),
    ("t.deleted", Kind::Boolean),
    ("[t.deleted_by]", Kind::Text),
    ("t.deleted_on", Kind::Timestamp),
];

/// Where the tables are.
#[derive(Debug)]
pub(super) struct Origin {
    dialect: Dialect,
    /// PostgreSQL: their schema.
    schema: Option<String>,
}

impl Origin {
    pub(super) fn new(source: &impl Source, parameters: &Parameters) -> Result<Self, String> {
        let dialect = source
            .source_dialect()
            .map_err(|error| format!("reading the source: {error}"))?;
        let schema = match (dialect, &parameters.schema) {
            (Dialect::Postgres, schema) => {
                Some(schema.clone().unwrap_or_else(|| "main".to_owned()))
            }
            (Dialect::Mysql, None) => None,
            (Dialect::Mysql, Some(_)) => {
                return Err(
                    "schema is for PostgreSQL: on MySQL the database of the address is \
                            read"
                        .to_owned(),
                );
            }
            (Dialect::Sqlite, _) => {
                return Err("the original's database is PostgreSQL or MySQL".to_owned());
            }
        };
        Ok(Self { dialect, schema })
    }

    /// Rows in the order of their ids, those after `after`, at most `limit`.
    pub(super) fn page(
        &self,
        source: &impl Source,
        table: Table,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, Error> {
        let columns: Vec<String> = table
            .columns()
            .iter()
            .map(|(column, _)| self.column(column))
            .collect();
        let kinds: Vec<Kind> = table.columns().iter().map(|(_, kind)| *kind).collect();
        let mut params = Vec::new();
        let condition = match after {
            None => "t.id IS NOT NULL",
            Some(id) => {
                params.push(self.id(id)?);
                "t.id > ?"
            }
        };
        params.push(Value::Integer(limit.into()));
        let sql = format!(
            "SELECT {} FROM {} AS t LEFT JOIN {} AS r ON r.id = t.{} WHERE {condition} \
             ORDER BY t.id LIMIT ?",
            columns.join(", "),
            self.table(table),
            self.table(Table::Messages),
            table.reference(),
        );
        let rows = source.source_query(&sql, &params, &kinds)?;
        Ok(rows.to_values(kinds.len()))
    }

    /// The number of rows, and of those that share their id with another or have none.
    pub(super) fn count(&self, source: &impl Source, table: Table) -> Result<(u64, u64), Error> {
        let has_key = match table {
            Table::Messages => true,
            Table::Recipients => self.dialect == Dialect::Postgres,
            Table::Files => false,
        };
        // Much dearer than the count alone.
        let shared = if has_key {
            "0"
        } else {
            "COUNT(*) - COUNT(DISTINCT id)"
        };
        let sql = format!("SELECT COUNT(*), {shared} FROM {}", self.table(table));
        let rows = source.source_query(&sql, &[], &[Kind::Integer, Kind::Integer])?;
        match rows.first().map(|row| (row.get(0), row.get(1))) {
            Some((ValueRef::Integer(all), ValueRef::Integer(shared))) => {
                Ok((all.unsigned_abs(), shared.unsigned_abs()))
            }
            _ => Err(Error::Other),
        }
    }

    /// Whether there is such a table, as far as the user sees.
    pub(super) fn has(&self, source: &impl Source, table: Table) -> Result<bool, Error> {
        let mut params = vec![Value::Text(table.name().to_owned())];
        let schema = match &self.schema {
            Some(schema) => {
                params.push(Value::Text(schema.clone()));
                "?"
            }
            None => "DATABASE()",
        };
        // As text: PostgreSQL's own type for names is no parameter's.
        let sql = self.column(&format!(
            "SELECT COUNT(*) FROM information_schema.tables \
             WHERE [table_name] = ? AND [table_schema] = {schema}"
        ));
        let rows = source.source_query(&sql, &params, &[Kind::Integer])?;
        Ok(matches!(
            rows.first().map(|row| row.get(0)),
            Some(ValueRef::Integer(1..))
        ))
    }

    fn table(&self, table: Table) -> String {
        match &self.schema {
            // A plain name, see `Parameters`.
            Some(schema) => format!("\"{schema}\".{}", table.name()),
            None => table.name().to_owned(),
        }
    }

    fn column(&self, column: &str) -> String {
        let text = match self.dialect {
            Dialect::Mysql => " AS CHAR)",
            Dialect::Postgres | Dialect::Sqlite => " AS TEXT)",
        };
        column
            .replace('[', "CAST(")
            .replace(']', text)
            .replace("{body}", &BODY_BYTES.to_string())
            .replace("{file}", &FILE_BYTES.to_string())
    }

    fn id(&self, id: &str) -> Result<Value, Error> {
        match self.dialect {
            Dialect::Postgres => Uuid::parse_str(id)
                .map(|id| Value::Uuid(id.as_u64_pair()))
                .map_err(|error| Error::InvalidStatement(format!("the id {id}: {error}"))),
            Dialect::Mysql | Dialect::Sqlite => Ok(Value::Text(id.to_owned())),
        }
    }
}

/// The id of a row, as the source has it.
pub(super) fn key(row: &[Value]) -> String {
    match row.first() {
        Some(Value::Text(id)) => id.clone(),
        _ => String::new(),
    }
}

/// The first of the rows that share an id: they come one after another.
pub(super) fn distinct(mut rows: Vec<Record>) -> Vec<Record> {
    rows.dedup_by(|one, other| key(one) == key(other));
    rows
}
