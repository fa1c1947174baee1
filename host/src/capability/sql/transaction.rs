//! Transactions: several statements that happen together or not at all.

use super::backend::{Backend, Failure};
use super::pool::{Lease, Pool};
use super::rows::unpack;
use super::statement::Author;
use super::{Database, Pair, Pools, batch_on, execute_on, mysql, on, postgres, query_on, sqlite};
use crate::capability::{audit, blob, events};
use crate::config;
use crate::contract::events::Event;
use crate::contract::sql::{Dialect, Error, Kind, Rows, Value};

/// An open transaction; dropped, it is rolled back.
///
/// A failed call ends it: whatever is asked next gets the first error again, and it
/// can't be committed. PostgreSQL works this way; MySQL after a deadlock would go on
/// outside of any transaction. A plugin that works on one database works on all.
#[derive(Debug)]
pub struct Transaction {
    database: Database,
    connection: Connection,
    failed: Option<Error>,
    record: Option<audit::Pending>,
    /// What its commit adds to the plugin's event log.
    published: Option<events::Pending>,
    /// Downloads that its commit ends: by which plugin, and with which tag.
    ended: Vec<(String, String)>,
    /// Its limits are those of the request that began it.
    limits: config::SqlLimits,
    /// Counts it as one of its request's.
    pub(super) counted: Option<super::view::Counted>,
}

/// Tags whose downloads one transaction ends at most.
const MAX_ENDED: usize = 1000;

#[derive(Debug)]
enum Connection {
    Sqlite(Lease<sqlite::Sqlite>),
    Postgres(Lease<postgres::Postgres>),
    Mysql(Lease<mysql::Mysql>),
}

impl Transaction {
    pub(super) async fn begin(
        database: &Database,
        limits: &config::SqlLimits,
    ) -> Result<Self, Error> {
        let connection = match &database.0.pools {
            Pools::Sqlite(pair) => begin(pair, limits).await.map(Connection::Sqlite),
            Pools::Postgres(pair) => begin(pair, limits).await.map(Connection::Postgres),
            Pools::Mysql(pair) => begin(pair, limits).await.map(Connection::Mysql),
        };
        Ok(Self {
            database: database.clone(),
            connection: connection.map_err(|failure| failure.error)?,
            failed: None,
            record: None,
            published: None,
            ended: Vec::new(),
            limits: limits.clone(),
            counted: None,
        })
    }

    /// The rows of one statement.
    ///
    /// # Errors
    /// See the contract.
    pub async fn rows(
        &mut self,
        statement: &str,
        params: Vec<Value>,
        columns: &[Kind],
    ) -> Result<Rows, Error> {
        self.rows_by(Author::Plugin, statement, params, columns)
            .await
    }

    /// As [`Self::rows`], with a list for each row.
    ///
    /// # Errors
    /// See the contract.
    pub async fn query(
        &mut self,
        statement: &str,
        params: Vec<Value>,
        columns: &[Kind],
    ) -> Result<Vec<Vec<Value>>, Error> {
        let rows = self.rows(statement, params, columns).await?;
        unpack(&rows, columns.len())
    }

    /// As [`Self::query`], for the host's own tables.
    pub(crate) async fn query_own(
        &mut self,
        statement: &str,
        params: Vec<Value>,
        columns: &[Kind],
    ) -> Result<Vec<Vec<Value>>, Error> {
        let rows = self
            .rows_by(Author::Host, statement, params, columns)
            .await?;
        unpack(&rows, columns.len())
    }

    async fn rows_by(
        &mut self,
        author: Author,
        statement: &str,
        params: Vec<Value>,
        columns: &[Kind],
    ) -> Result<Rows, Error> {
        self.still_good()?;
        let outcome = match self
            .database
            .0
            .statements
            .get(author, statement, params.len())
        {
            Ok(statement) => on!(&mut self.connection, Connection(lease) => {
                query_on(lease, &statement, params, columns, &self.limits, true).await
            }),
            Err(error) => Err(Failure::clean(error)),
        };
        self.note(outcome)
    }

    /// The number of rows that one statement matched.
    ///
    /// # Errors
    /// See the contract.
    pub async fn execute(&mut self, statement: &str, params: Vec<Value>) -> Result<u64, Error> {
        self.execute_by(Author::Plugin, statement, params).await
    }

    /// As [`Self::execute`], for the host's own tables.
    pub(crate) async fn execute_own(
        &mut self,
        statement: &str,
        params: Vec<Value>,
    ) -> Result<u64, Error> {
        self.execute_by(Author::Host, statement, params).await
    }

    async fn execute_by(
        &mut self,
        author: Author,
        statement: &str,
        params: Vec<Value>,
    ) -> Result<u64, Error> {
        self.still_good()?;
        let outcome = match self
            .database
            .0
            .statements
            .get(author, statement, params.len())
        {
            Ok(statement) => on!(&mut self.connection, Connection(lease) => {
                execute_on(lease, &statement, params, &self.limits, true).await
            }),
            Err(error) => Err(Failure::clean(error)),
        };
        self.note(outcome)
    }

    /// Which database it is on.
    pub(crate) fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    /// Keeps an audit entry, to be written with the commit.
    ///
    /// # Errors
    /// `invalid-statement` when the entry breaks a limit.
    pub fn audit(&mut self, stamp: &audit::Stamp, entry: audit::Entry) -> Result<(), Error> {
        self.still_good()?;
        let pending = self
            .record
            .get_or_insert_with(|| audit::Pending::new(stamp.clone()));
        let outcome = pending
            .add(entry)
            .map_err(Error::InvalidStatement)
            .map_err(Failure::clean);
        self.note(outcome)
    }

    /// Counts one more that needs a blob; false when the plugin has no such blob.
    ///
    /// # Errors
    /// See the contract.
    pub async fn link(&mut self, plugin: &str, blob: &str) -> Result<bool, Error> {
        blob::link(self, plugin, blob).await
    }

    /// Counts one less.
    ///
    /// # Errors
    /// See the contract.
    pub async fn unlink(&mut self, plugin: &str, blob: &str) -> Result<(), Error> {
        blob::unlink(self, plugin, blob).await
    }

    /// Queues the inspection of a blob, with the commit; false when the plugin has no such
    /// blob.
    ///
    /// # Errors
    /// See the contract.
    pub async fn inspect(
        &mut self,
        plugin: &str,
        blob: &str,
        media_type: &str,
        tag: &str,
    ) -> Result<bool, Error> {
        self.still_good()?;
        if let Err(reason) = blob::may_inspect(media_type, tag) {
            return self.note(Err(Failure::clean(Error::InvalidStatement(reason))));
        }
        blob::inspect(self, plugin, blob, media_type, tag).await
    }

    /// Ends the downloads that carry a tag, with the commit.
    ///
    /// # Errors
    /// See the contract.
    pub async fn end_downloads(&mut self, plugin: &str, tag: String) -> Result<(), Error> {
        self.still_good()?;
        if self.ended.len() == MAX_ENDED {
            let text = format!("more than {MAX_ENDED} ends of downloads in one transaction");
            return self.note(Err(Failure::clean(Error::InvalidStatement(text))));
        }
        let (sql, params) = blob::end_downloads(plugin, &tag);
        self.execute_own(sql, params).await?;
        self.ended.push((plugin.to_owned(), tag));
        Ok(())
    }

    /// Keeps an event, to be written with the commit and delivered after it.
    ///
    /// # Errors
    /// `invalid-statement` when the event breaks a limit.
    pub fn publish(&mut self, log: &events::Events, event: Event) -> Result<(), Error> {
        self.add_to(log, |pending| pending.publish(event))
    }

    /// Lets the connections of a subject receive a topic, from the commit on.
    ///
    /// # Errors
    /// `invalid-statement` when a text breaks a limit.
    pub fn admit(
        &mut self,
        log: &events::Events,
        topic: String,
        subject: String,
    ) -> Result<(), Error> {
        self.add_to(log, |pending| pending.admit(topic, subject))
    }

    /// Has a subject's connections, or all, receive a topic no longer, from the commit on.
    ///
    /// # Errors
    /// `invalid-statement` when a text breaks a limit.
    pub fn revoke(
        &mut self,
        log: &events::Events,
        topic: String,
        subject: Option<String>,
    ) -> Result<(), Error> {
        self.add_to(log, |pending| pending.revoke(topic, subject))
    }

    fn add_to(
        &mut self,
        log: &events::Events,
        add: impl FnOnce(&mut events::Pending) -> Result<(), String>,
    ) -> Result<(), Error> {
        self.still_good()?;
        let pending = self
            .published
            .get_or_insert_with(|| events::Pending::new(log.clone()));
        let outcome = add(pending)
            .map_err(Error::InvalidStatement)
            .map_err(Failure::clean);
        self.note(outcome)
    }

    /// Writes the audit entries and the events, and commits.
    ///
    /// They come last, so that the head of their chain and the ends of their partitions are
    /// locked for as short as can be; always in this order, so that nobody waits in a circle.
    /// The events are handed to the dispatcher before this returns.
    ///
    /// # Errors
    /// See the contract. Nothing is written then; but after `unavailable` and `timeout`
    /// nobody knows: the answer to the commit may have been lost on its way.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.still_good()?;
        if let Some(pending) = self.record.take() {
            pending.write(&mut self).await?;
        }
        let written = match self.published.take() {
            Some(pending) => Some(pending.write(&mut self).await?),
            None => None,
        };
        let outcome = on!(&mut self.connection, Connection(lease) => {
            batch_on(lease, "COMMIT", &self.limits, false).await
        });
        outcome.map_err(|failure| failure.error)?;
        if let Some(written) = written {
            written.deliver();
        }
        let (database, ended) = (self.database.clone(), std::mem::take(&mut self.ended));
        let limits = self.limits.clone();
        // The connection goes back before another one is asked for.
        drop(self);
        for (plugin, tag) in ended {
            let (sql, params) = blob::end_downloads(&plugin, &tag);
            if let Err(error) = database.execute_own(sql, params, &limits).await {
                tracing::error!(?error, "downloads that had just begun could not be ended");
            }
        }
        Ok(())
    }

    fn still_good(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn note<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Error> {
        outcome.map_err(|failure| self.failed.insert(failure.error).clone())
    }
}

/// Begins, on a new connection if the first one turns out to be gone: nothing was
/// executed by then.
async fn begin<B: Backend>(
    pair: &Pair<B>,
    limits: &config::SqlLimits,
) -> Result<Lease<B>, Failure> {
    match begin_on(&pair.write, true, limits).await {
        Err(Failure {
            error: Error::Unavailable,
            lost: true,
        }) => begin_on(&pair.write, false, limits).await,
        outcome => outcome,
    }
}

async fn begin_on<B: Backend>(
    pool: &Pool<B>,
    reuse: bool,
    limits: &config::SqlLimits,
) -> Result<Lease<B>, Failure> {
    let mut lease = if reuse {
        pool.acquire().await?
    } else {
        pool.acquire_fresh().await?
    };
    batch_on(&mut lease, B::BEGIN, limits, true).await?;
    Ok(lease)
}
