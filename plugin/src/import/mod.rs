//! Bringing the database of the original service over.
//!
//! A run reads the original's tables page by page, in the order of their ids, and writes
//! each page in one transaction, together with how far it is. So a run that was cut goes
//! on where it was, and one that is repeated finds its rows there already. Nothing is
//! lost silently: each row read is imported, skipped, merged or rejected, and the last
//! step compares their sums with what the source holds.

mod channels;
mod files;
mod messages;
mod parameters;
mod recipients;
mod report;
mod row;
mod source;
mod sql;
mod state;

use self::sql::Record;
use crate::ports::{Clock, Database, Entry, Error, Outcome, Source, Transaction};
use parameters::Parameters;
use source::{Origin, Table};
use state::{Phase, State};

/// How often a step is tried when others write the same rows.
const ATTEMPTS: u32 = 4;

/// What `step` reports.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// For the next step.
    pub state: String,
    /// Nothing is left to do.
    pub done: bool,
    /// Rows read so far, by table.
    pub progress: Vec<(&'static str, u64)>,
    /// For the operator.
    pub lines: Vec<String>,
}

/// A parameter of the task: name, what it is, and its default; none when it is required.
pub const PARAMETERS: [(&str, &str, Option<&str>); 4] = [
    (
        "tenant",
        "the tenant that gets everything; empty for tokens without a tenant",
        None,
    ),
    (
        "schema",
        "PostgreSQL: the schema of the tables",
        Some("main"),
    ),
    (
        "unknown_user",
        "stands where the original does not know who created a row",
        Some("unknown"),
    ),
    (
        "restart",
        "yes: begin anew where an earlier import into the tenant was not finished",
        Some("no"),
    ),
];

/// Does the next piece of an import.
///
/// # Errors
/// Words for the operator. What earlier steps wrote stays.
pub fn step<P: Database + Source + Clock>(
    ports: &P,
    parameters: &str,
    dry_run: bool,
    state: Option<&str>,
) -> Result<Step, String> {
    let parameters = Parameters::parse(parameters)?;
    let origin = Origin::new(ports, &parameters)?;
    let Some(state) = state else {
        return begin(ports, &parameters, dry_run).map_err(|failure| failure.to_string());
    };
    let state: State =
        serde_json::from_str(state).map_err(|error| format!("the state is damaged: {error}"))?;
    let import = Import {
        ports,
        parameters: &parameters,
        origin: &origin,
        dry_run,
    };
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match import.attempt(state.clone()) {
            Err(Failure::Target(Error::Conflict | Error::UniqueViolation(_))) if left > 0 => {}
            Err(Failure::Source(Error::TooLarge)) if state.page > 1 => {
                // The page was more than the host hands over at once.
                return Ok(state.with_smaller_pages().into_step(Vec::new()));
            }
            Err(failure) => return Err(failure.to_string()),
            Ok(step) => return Ok(step),
        }
    }
}

/// Finds an unfinished import, or notes a new one.
fn begin<P: Database + Clock>(
    ports: &P,
    parameters: &Parameters,
    dry_run: bool,
) -> Result<Step, Failure> {
    let fresh = State::new(parameters);
    if dry_run {
        return Ok(fresh.into_step(vec!["a dry run: nothing is written".to_owned()]));
    }
    let mut transaction = ports.begin().map_err(Failure::Target)?;
    let tenant = &parameters.tenant;
    let earlier = state::load(&mut transaction, tenant).map_err(Failure::Target)?;
    let (state, line) = match earlier {
        Some(earlier) if earlier.phase != Phase::Done && !parameters.restart => {
            if earlier.settings != fresh.settings {
                return Err(Failure::Told(format!(
                    "an import into this tenant is unfinished that was begun with other \
                     parameters ({}); repeat them, or begin anew with --set restart=yes",
                    earlier.settings
                )));
            }
            let line = format!("goes on after {} rows", earlier.read());
            (earlier, line)
        }
        Some(earlier) => {
            let state = State {
                step: earlier.step,
                ..fresh
            };
            (state, "begins".to_owned())
        }
        None => {
            state::create(&mut transaction, tenant, &fresh, ports.now())
                .map_err(Failure::Target)?;
            (fresh, "begins".to_owned())
        }
    };
    let state = state::save(&mut transaction, tenant, state, ports.now())?;
    transaction.commit().map_err(Failure::Target)?;
    Ok(state.into_step(vec![line]))
}

/// What the source has to say for the next piece.
enum Read {
    /// Rows of a table.
    Page(Table, Vec<Record>),
    /// There are no files.
    NoFiles,
    /// Of each table the number of rows, and of those without an id of their own.
    Counts(Vec<(Table, u64, u64)>),
    Nothing,
}

/// One run of the task.
struct Import<'a, P> {
    ports: &'a P,
    parameters: &'a Parameters,
    origin: &'a Origin,
    dry_run: bool,
}

impl<P: Database + Source + Clock> Import<'_, P> {
    fn attempt(&self, mut state: State) -> Result<Step, Failure> {
        let before = state.clone();
        let read = self.read(&mut state).map_err(Failure::Source)?;
        let mut transaction = self.ports.begin().map_err(Failure::Target)?;
        let mut lines = Vec::new();
        match read {
            Read::Page(table, rows) => self.page(&mut state, &mut transaction, table, rows)?,
            Read::NoFiles => {
                lines.push(
                    "message_files: there is no such table, or none that this user may read"
                        .to_owned(),
                );
                state.phase = state.phase.next();
            }
            Read::Counts(counts) => {
                lines = report::check(self, &mut transaction, &mut state, &counts)?;
                state.phase = state.phase.next();
            }
            Read::Nothing => {
                let left = !self.dry_run
                    && channels::appoint_owners(&mut transaction, &self.parameters.tenant)
                        .map_err(Failure::Target)?;
                if !left {
                    state.phase = state.phase.next();
                }
            }
        }
        if !self.dry_run {
            if let Some(details) = report::difference(&before, &state, &self.parameters.tenant) {
                transaction
                    .audit(&entry(details))
                    .map_err(Failure::Target)?;
            }
            let now = self.ports.now();
            state = state::save(&mut transaction, &self.parameters.tenant, state, now)?;
            transaction.commit().map_err(Failure::Target)?;
        }
        Ok(state.into_step(lines))
    }

    /// Reads what the next piece needs, before a transaction is open that others may wait
    /// for.
    fn read(&self, state: &mut State) -> Result<Read, Error> {
        let origin = self.origin;
        let page = |state: &State, table| {
            let rows = origin.page(self.ports, table, state.after.as_deref(), state.page)?;
            Ok(Read::Page(table, rows))
        };
        match state.phase {
            Phase::Messages => page(state, Table::Messages),
            Phase::Recipients => page(state, Table::Recipients),
            Phase::Files => match self.has_files(state)? {
                true => page(state, Table::Files),
                false => Ok(Read::NoFiles),
            },
            Phase::Check => {
                let mut tables = vec![Table::Messages, Table::Recipients];
                tables.extend(self.has_files(state)?.then_some(Table::Files));
                let counts = tables.into_iter().map(|table| {
                    let (all, shared) = origin.count(self.ports, table)?;
                    Ok((table, all, shared))
                });
                Ok(Read::Counts(counts.collect::<Result<_, Error>>()?))
            }
            Phase::Owners | Phase::Done => Ok(Read::Nothing),
        }
    }

    /// Whether the source has a table of files; looked at once.
    fn has_files(&self, state: &mut State) -> Result<bool, Error> {
        if let Some(known) = state.has_files {
            return Ok(known);
        }
        let found = self.origin.has(self.ports, Table::Files)?;
        state.has_files = Some(found);
        Ok(found)
    }

    /// Writes what comes of a page.
    fn page(
        &self,
        state: &mut State,
        transaction: &mut P::Transaction,
        table: Table,
        rows: Vec<Record>,
    ) -> Result<(), Failure> {
        let is_last = rows.len() < state.page as usize;
        let last = rows.last().map(|row| source::key(row));
        let rows = source::distinct(rows);
        match table {
            Table::Messages => messages::write(self, state, transaction, rows)?,
            Table::Recipients => recipients::write(self, state, transaction, rows)?,
            Table::Files => files::write(self, state, transaction, rows)?,
        }
        if is_last {
            state.phase = state.phase.next();
            state.after = None;
        } else {
            state.after = last;
        }
        Ok(())
    }
}

/// What the audit record says of a step: numbers alone.
fn entry(details: String) -> Entry {
    Entry {
        action: "import.step".to_owned(),
        entity: "import".to_owned(),
        entity_id: "*".to_owned(),
        outcome: Outcome::Allowed,
        details: Some(details),
    }
}

/// Why a step came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("reading the source: {0}{hint}", hint = hint(.0))]
    Source(Error),
    #[error("writing: {0}{hint}", hint = hint(.0))]
    Target(Error),
    #[error("{0}")]
    Told(String),
}

/// What an operator can do.
fn hint(error: &Error) -> &'static str {
    match error {
        Error::Timeout => {
            "; raise plugin.NAME.limits.sql.statement_timeout for this run, and look at the \
             indexes of the source"
        }
        Error::TooLarge => "; raise plugin.NAME.limits.sql.bytes for this run",
        _ => "",
    }
}
