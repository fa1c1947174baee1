//! What a plugin sees of the database: the contract's traits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::Result;
use wasmtime::component::{HasData, Resource, ResourceTable};

use super::{Database, Transaction};
use crate::capability::audit;
use crate::config;
use crate::contract::sql::{Dialect, Error, Host, HostTransaction, Kind, Value};

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
    ) -> Result<Result<Vec<Vec<Value>>, Error>> {
        Ok(self
            .database
            .query(&statement, params, &columns, self.limits)
            .await)
    }

    async fn execute(
        &mut self,
        statement: String,
        params: Vec<Value>,
    ) -> Result<Result<u64, Error>> {
        Ok(self.database.execute(&statement, params, self.limits).await)
    }
}

impl HostTransaction for View<'_> {
    async fn begin(&mut self) -> Result<Result<Resource<Transaction>, Error>> {
        let Some(counted) = self.open.count(self.limits.transactions) else {
            return Ok(Err(Error::InvalidStatement(format!(
                "more than {} transactions at once",
                self.limits.transactions
            ))));
        };
        match self.database.begin(self.limits).await {
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
    ) -> Result<Result<Vec<Vec<Value>>, Error>> {
        let transaction = self.table.get_mut(&this)?;
        Ok(transaction.query(&statement, params, &columns).await)
    }

    async fn execute(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        params: Vec<Value>,
    ) -> Result<Result<u64, Error>> {
        let transaction = self.table.get_mut(&this)?;
        Ok(transaction.execute(&statement, params).await)
    }

    async fn audit(
        &mut self,
        this: Resource<Transaction>,
        entry: audit::Entry,
    ) -> Result<Result<(), Error>> {
        Ok(self.table.get_mut(&this)?.audit(self.stamp, entry))
    }

    async fn commit(&mut self, this: Resource<Transaction>) -> Result<Result<(), Error>> {
        Ok(self.table.delete(this)?.commit().await)
    }

    async fn drop(&mut self, this: Resource<Transaction>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
