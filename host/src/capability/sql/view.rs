//! What a plugin sees of the database: the contract's traits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::Result;
use wasmtime::component::{HasData, Resource, ResourceTable};

use super::watch::Watch;
use super::{Database, Transaction};
use crate::capability::{audit, events};
use crate::config;
use crate::contract::events::Event;
use crate::contract::sql::{Dialect, Error, Host, HostTransaction, Kind, Rows, Value};
use crate::telemetry::metrics::Statement;

/// Names [`View`] to wasmtime: `sql::add_to_linker::<_, Sql>(linker, |state| View { … })`.
#[derive(Debug)]
pub struct Sql;

impl HasData for Sql {
    type Data<'a> = View<'a>;
}

/// What the calls of one request need.
#[derive(Debug)]
pub struct View<'a> {
    /// The database.
    pub database: &'a Database,
    /// What one statement may do.
    pub limits: &'a config::SqlLimits,
    /// Where the guest's handles point to. Transactions that are still in it when it is
    /// dropped are rolled back.
    pub table: &'a mut ResourceTable,
    /// Who is recorded as the cause.
    pub stamp: &'a audit::Stamp,
    /// The transactions that this request has open.
    pub open: &'a Open,
    /// The plugin's event log.
    pub events: Option<&'a events::Events>,
    /// Who is told of the calls.
    pub watch: Watch<'a>,
}

/// Counts the open transactions of one request.
#[derive(Debug, Default)]
pub struct Open(Arc<AtomicUsize>);

/// One counted transaction; dropped, it counts no more.
#[derive(Debug)]
pub(super) struct Counted(Arc<AtomicUsize>);

impl Open {
    fn count(&self, limit: usize) -> Option<Counted> {
        let counted = Counted(Arc::clone(&self.0));
        (self.0.fetch_add(1, Ordering::Relaxed) < limit).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Host for View<'_> {
    async fn which(&mut self) -> Result<Dialect> {
        Ok(self.database.dialect())
    }

    async fn query(
        &mut self,
        statement: String,
        params: Vec<Value>,
        columns: Vec<Kind>,
    ) -> Result<Result<Rows, Error>> {
        let watch = self.watch;
        let call = self
            .database
            .rows(&statement, params, &columns, self.limits);
        Ok(watch.call(Statement::Query, Some(&statement), call).await)
    }

    async fn execute(
        &mut self,
        statement: String,
        params: Vec<Value>,
    ) -> Result<Result<u64, Error>> {
        let watch = self.watch;
        let call = self.database.execute(&statement, params, self.limits);
        Ok(watch.call(Statement::Execute, Some(&statement), call).await)
    }
}

/// Where only the database is, nothing can be published.
fn there(log: Option<&events::Events>) -> std::result::Result<&events::Events, Error> {
    log.ok_or(Error::Unavailable)
}

impl HostTransaction for View<'_> {
    async fn begin(&mut self) -> Result<Result<Resource<Transaction>, Error>> {
        let Some(counted) = self.open.count(self.limits.transactions) else {
            return Ok(Err(Error::InvalidStatement(format!(
                "more than {} transactions at once",
                self.limits.transactions
            ))));
        };
        let call = self.database.begin(self.limits);
        match self.watch.call(Statement::Begin, None, call).await {
            Ok(mut transaction) => {
                transaction.counted = Some(counted);
                Ok(Ok(self.table.push(transaction)?))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn query(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        params: Vec<Value>,
        columns: Vec<Kind>,
    ) -> Result<Result<Rows, Error>> {
        let watch = self.watch;
        let transaction = self.table.get_mut(&this)?;
        let call = transaction.rows(&statement, params, &columns);
        Ok(watch.call(Statement::Query, Some(&statement), call).await)
    }

    async fn execute(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        params: Vec<Value>,
    ) -> Result<Result<u64, Error>> {
        let watch = self.watch;
        let transaction = self.table.get_mut(&this)?;
        let call = transaction.execute(&statement, params);
        Ok(watch.call(Statement::Execute, Some(&statement), call).await)
    }

    async fn audit(
        &mut self,
        this: Resource<Transaction>,
        entry: audit::Entry,
    ) -> Result<Result<(), Error>> {
        if let Err(reason) = audit::permitted(&entry) {
            return Ok(Err(Error::InvalidStatement(reason)));
        }
        Ok(self.table.get_mut(&this)?.audit(self.stamp, entry))
    }

    async fn publish(
        &mut self,
        this: Resource<Transaction>,
        event: Event,
    ) -> Result<Result<(), Error>> {
        let transaction = self.table.get_mut(&this)?;
        Ok(there(self.events).and_then(|log| transaction.publish(log, event)))
    }

    async fn admit(
        &mut self,
        this: Resource<Transaction>,
        topic: String,
        subject: String,
    ) -> Result<Result<(), Error>> {
        let transaction = self.table.get_mut(&this)?;
        Ok(there(self.events).and_then(|log| transaction.admit(log, topic, subject)))
    }

    async fn revoke(
        &mut self,
        this: Resource<Transaction>,
        topic: String,
        subject: Option<String>,
    ) -> Result<Result<(), Error>> {
        let transaction = self.table.get_mut(&this)?;
        Ok(there(self.events).and_then(|log| transaction.revoke(log, topic, subject)))
    }

    async fn link(
        &mut self,
        this: Resource<Transaction>,
        blob: String,
    ) -> Result<Result<bool, Error>> {
        let transaction = self.table.get_mut(&this)?;
        Ok(transaction.link(&self.stamp.plugin, &blob).await)
    }

    async fn unlink(
        &mut self,
        this: Resource<Transaction>,
        blob: String,
    ) -> Result<Result<(), Error>> {
        let transaction = self.table.get_mut(&this)?;
        Ok(transaction.unlink(&self.stamp.plugin, &blob).await)
    }

    async fn inspect(
        &mut self,
        this: Resource<Transaction>,
        blob: String,
        media_type: String,
        tag: String,
    ) -> Result<Result<bool, Error>> {
        let transaction = self.table.get_mut(&this)?;
        let plugin = &self.stamp.plugin;
        Ok(transaction.inspect(plugin, &blob, &media_type, &tag).await)
    }

    async fn end_downloads(
        &mut self,
        this: Resource<Transaction>,
        tag: String,
    ) -> Result<Result<(), Error>> {
        let transaction = self.table.get_mut(&this)?;
        Ok(transaction.end_downloads(&self.stamp.plugin, tag).await)
    }

    async fn commit(&mut self, this: Resource<Transaction>) -> Result<Result<(), Error>> {
        let call = self.table.delete(this)?.commit();
        Ok(self.watch.call(Statement::Commit, None, call).await)
    }

    async fn drop(&mut self, this: Resource<Transaction>) -> Result<()> {
        self.table.delete(this)?;
        self.watch.rolled_back();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasmtime::Engine;
    use wasmtime::component::Linker;

    use super::*;
    use crate::contract;

    struct State {
        database: Database,
        limits: config::SqlLimits,
        table: ResourceTable,
        stamp: audit::Stamp,
        open: Open,
        measured: Arc<crate::telemetry::Version>,
    }

    impl State {
        fn view(&mut self) -> View<'_> {
            View {
                database: &self.database,
                limits: &self.limits,
                table: &mut self.table,
                stamp: &self.stamp,
                open: &self.open,
                events: None,
                watch: Watch {
                    measured: &self.measured,
                    trace: None,
                    dialect: Dialect::Sqlite,
                },
            }
        }
    }

    async fn state(folder: &std::path::Path) -> State {
        let config = config::Database {
            url: format!("sqlite:{}", folder.join("test.db").display()),
            schema: None,
            max_connections: 2,
            acquire_timeout: Duration::from_millis(200),
            idle_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            statement_cache: 16,
        };
        let limits = config::SqlLimits {
            rows: 10,
            bytes: 1000,
            statement_timeout: Duration::from_secs(5),
            transactions: 1,
        };
        State {
            database: Database::connect(&config).await.unwrap(),
            limits,
            table: ResourceTable::new(),
            stamp: audit::Stamp::default(),
            open: Open::default(),
            measured: crate::telemetry::Metrics::unread().version("test", "1"),
        }
    }

    #[test]
    fn a_linker_takes_the_views() {
        let mut linker = Linker::<State>::new(&Engine::default());
        contract::sql::add_to_linker::<_, Sql>(&mut linker, State::view).unwrap();
        contract::audit::add_to_linker::<_, audit::Audit>(&mut linker, |state| audit::View {
            database: &state.database,
            stamp: &state.stamp,
        })
        .unwrap();
    }

    #[tokio::test]
    async fn a_request_has_few_transactions_and_leaves_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path()).await;
        let first = HostTransaction::begin(&mut state.view())
            .await
            .unwrap()
            .unwrap();
        let second = HostTransaction::begin(&mut state.view()).await.unwrap();
        assert!(
            matches!(second, Err(Error::InvalidStatement(_))),
            "{second:?}"
        );
        HostTransaction::drop(&mut state.view(), first)
            .await
            .unwrap();
        let second = HostTransaction::begin(&mut state.view())
            .await
            .unwrap()
            .unwrap();
        HostTransaction::commit(&mut state.view(), second)
            .await
            .unwrap()
            .unwrap();
        // A guest that forgets one: with the table it is gone, and the writer is free.
        HostTransaction::begin(&mut state.view())
            .await
            .unwrap()
            .unwrap();
        state.table = ResourceTable::new();
        HostTransaction::begin(&mut state.view())
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn a_guest_writes_nothing_about_the_gateways_own_doings() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path()).await;
        let entry = |entity: &str| audit::Entry {
            action: "plugin.activate".to_owned(),
            entity: entity.to_owned(),
            entity_id: "notes".to_owned(),
            outcome: audit::Outcome::Allowed,
            details: None,
        };
        let begun = HostTransaction::begin(&mut state.view()).await.unwrap();
        let transaction = begun.unwrap().rep();
        for (entity, allowed) in [(audit::OWN, false), ("note", true)] {
            let handle = Resource::new_borrow(transaction);
            let recorded = HostTransaction::audit(&mut state.view(), handle, entry(entity)).await;
            assert_eq!(recorded.unwrap().is_ok(), allowed, "{entity}");
        }
        let mut view = audit::View {
            database: &state.database,
            stamp: &state.stamp,
        };
        let refused = contract::audit::Host::record(&mut view, entry(audit::OWN)).await;
        assert!(
            matches!(refused, Ok(Err(contract::audit::Error::Invalid(_)))),
            "{refused:?}"
        );
    }
}
