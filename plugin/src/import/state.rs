//! How far an import is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::parameters::Parameters;
use super::row::Rejected;
use super::source::Table;
use super::sql::text;
use super::{Failure, Step};
use crate::ports::{Error, Kind, Transaction, Value, ValueRef};

/// Rows of a page: some hundred, so that a transaction is short and a page of the longest
/// messages fits into what the host hands over.
const PAGE: u32 = 200;
/// Rejected rows that are named; the others are counted.
const NAMED: usize = 100;

/// What is done next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    #[default]
    Messages,
    Recipients,
    Files,
    /// The first sender of each channel becomes its owner.
    Owners,
    Check,
    Done,
}

impl Phase {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Messages => Self::Recipients,
            Self::Recipients => Self::Files,
            Self::Files => Self::Owners,
            Self::Owners => Self::Check,
            Self::Check | Self::Done => Self::Done,
        }
    }
}

/// What became of the rows of one table. A row that was read is in one of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) read: u64,
    pub(super) imported: u64,
    /// It was there already.
    pub(super) skipped: u64,
    /// It says the same as another one, which now says both.
    pub(super) merged: u64,
    pub(super) rejected: u64,
}

/// The parameters that have to stay the same until an import is finished.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    schema: Option<String>,
    unknown_user: String,
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "schema={schema} ")?;
        }
        write!(f, "unknown_user={}", self.unknown_user)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// Grows with each step that is written.
    pub(super) step: i64,
    pub(super) settings: Settings,
    pub(super) phase: Phase,
    /// The id that was read last.
    pub(super) after: Option<String>,
    /// Rows of a page.
    pub(super) page: u32,
    pub(super) messages: Counts,
    pub(super) recipients: Counts,
    pub(super) files: Counts,
    /// Whether the source has files at all, once that is known.
    pub(super) has_files: Option<bool>,
    pub(super) channels_made: u64,
    pub(super) members: u64,
    /// Messages whose parent is not there, or in another channel.
    pub(super) parents_cut: u64,
    /// Rows that named another channel than their message.
    pub(super) channels_corrected: u64,
    /// The first of the rejected.
    pub(super) rejected: Vec<(Table, Rejected)>,
}

impl State {
    pub(super) fn new(parameters: &Parameters) -> Self {
        Self {
            settings: Settings {
                schema: parameters.schema.clone(),
                unknown_user: parameters.unknown_user.clone(),
            },
            page: PAGE,
            ..Self::default()
        }
    }

    pub(super) fn counts(&mut self, table: Table) -> &mut Counts {
        match table {
            Table::Messages => &mut self.messages,
            Table::Recipients => &mut self.recipients,
            Table::Files => &mut self.files,
        }
    }

    pub(super) fn reject(&mut self, table: Table, rejected: Rejected) {
        self.counts(table).rejected += 1;
        if self.rejected.len() < NAMED {
            self.rejected.push((table, rejected));
        }
    }

    pub(super) fn with_smaller_pages(mut self) -> Self {
        self.page = (self.page / 2).max(1);
        self
    }

    /// Rows read, of all tables.
    pub(super) fn read(&self) -> u64 {
        self.messages.read + self.recipients.read + self.files.read
    }

    pub(super) fn into_step(self, lines: Vec<String>) -> Step {
        Step {
            done: self.phase == Phase::Done,
            progress: vec![
                ("messages", self.messages.read),
                ("recipients", self.recipients.read),
                ("files", self.files.read),
            ],
            state: self.json(),
            lines,
        }
    }

    fn json(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// The state that was written last.
pub(super) fn load(
    transaction: &mut impl Transaction,
    tenant: &str,
) -> Result<Option<State>, Error> {
    let rows = transaction.query(
        "SELECT state FROM chat_imports WHERE tenant_id = ?",
        &[text(tenant)],
        &[Kind::Text],
    )?;
    match rows.first().map(|row| row.get(0)) {
        None => Ok(None),
        Some(ValueRef::Text(json)) => serde_json::from_str(json)
            .map(Some)
            .map_err(|error| Error::InvalidStatement(format!("chat_imports.state: {error}"))),
        Some(_) => Err(Error::Other),
    }
}

/// Writes the first state of a tenant.
pub(super) fn create(
    transaction: &mut impl Transaction,
    tenant: &str,
    state: &State,
    now: i64,
) -> Result<(), Error> {
    let row = [
        text(tenant),
        Value::Integer(state.step),
        Value::Text(state.json()),
        Value::Timestamp(now),
    ];
    let sql = "INSERT INTO chat_imports (tenant_id, step, state, updated_on) VALUES (?, ?, ?, ?)";
    transaction.execute(sql, &row).map(drop)
}

/// Writes the state as that of the next step, unless another run wrote one meanwhile.
pub(super) fn save(
    transaction: &mut impl Transaction,
    tenant: &str,
    mut state: State,
    now: i64,
) -> Result<State, Failure> {
    let before = state.step;
    state.step += 1;
    let row = [
        Value::Integer(state.step),
        Value::Text(state.json()),
        Value::Timestamp(now),
        text(tenant),
        Value::Integer(before),
    ];
    let sql = "UPDATE chat_imports SET step = ?, state = ?, updated_on = ? WHERE tenant_id = ? AND step = ?";
    match transaction.execute(sql, &row) {
        Ok(1) => Ok(state),
        Ok(_) => Err(Failure::Told(
            "another import into this tenant is running".to_owned(),
        )),
        Err(error) => Err(Failure::Target(error)),
    }
}
