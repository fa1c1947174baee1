//! Measures and traces what a guest asks of its database.

use std::time::{Duration, Instant};

use crate::contract::sql::{Dialect, Error};
use crate::telemetry::Version;
use crate::telemetry::metrics::{Statement, error_word};
use crate::telemetry::traces::Trace;

/// Who is told of the calls of one request.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    /// What is measured of its version.
    pub measured: &'a Version,
    /// Its place in a trace, if it is traced.
    pub trace: Option<&'a Trace>,
    /// What the database is.
    pub dialect: Dialect,
}

impl Watch<'_> {
    /// Makes a call; `text` is its statement, without values.
    pub(super) async fn call<T>(
        self,
        statement: Statement,
        text: Option<&str>,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let trace = self.trace;
        let span = trace.map(|trace| trace.statement(statement, self.dialect, text));
        let since = Instant::now();
        let outcome = call.await;
        let error = outcome.as_ref().err();
        self.measured.statement(statement, since.elapsed(), error);
        if let (Some(span), Some(error)) = (span, error) {
            span.failed(error_word(error));
        }
        outcome
    }

    /// A transaction was dropped: it is rolled back in the background, or was when a call
    /// of it failed.
    pub(super) fn rolled_back(self) {
        self.measured
            .statement(Statement::Rollback, Duration::ZERO, None);
        let trace = self.trace;
        drop(trace.map(|trace| trace.statement(Statement::Rollback, self.dialect, None)));
    }
}
