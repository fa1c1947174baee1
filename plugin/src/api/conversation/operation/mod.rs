//! What can be done with channels and what is said there: the table that requests are
//! routed by and that the OpenAPI document is made of.

mod channel;
mod note;

use super::Action;
use crate::domain::caller::Permission;

/// A method of a path.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) struct Operation {
    pub(in crate::api) method: &'static str,
    pub(in crate::api) path: &'static str,
    pub(in crate::api) action: Action,
    pub(in crate::api) permission: Permission,
    /// Its name, and what it is for.
    pub(in crate::api) words: (&'static str, &'static str),
    /// The schema of the body.
    pub(in crate::api) body: Sent,
    /// The good answers, each with its schema; a list of it where it ends in `[]`.
    pub(in crate::api) good: &'static [(u16, Option<&'static str>)],
    /// The refusals beside those of every operation.
    pub(in crate::api) refusals: &'static [u16],
    pub(in crate::api) query: &'static [&'static str],
}

/// What a request brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Sent {
    Nothing,
    Body(&'static str),
    /// No body says as much as an empty object.
    Optional(&'static str),
}

pub(super) const fn on(
    method: &'static str,
    path: &'static str,
    action: Action,
    permission: Permission,
    words: (&'static str, &'static str),
) -> Operation {
    Operation {
        method,
        path,
        action,
        permission,
        words,
        body: Sent::Nothing,
        good: &[(204, None)],
        refusals: &[404],
        query: &[],
    }
}

impl Operation {
    pub(super) const fn body(mut self, body: &'static str) -> Self {
        self.body = Sent::Body(body);
        self
    }

    pub(super) const fn optional(mut self, body: &'static str) -> Self {
        self.body = Sent::Optional(body);
        self
    }

    pub(super) const fn good(mut self, good: &'static [(u16, Option<&'static str>)]) -> Self {
        self.good = good;
        self
    }

    pub(super) const fn refusals(mut self, refusals: &'static [u16]) -> Self {
        self.refusals = refusals;
        self
    }

    pub(super) const fn query(mut self, query: &'static [&'static str]) -> Self {
        self.query = query;
        self
    }
}

pub(super) use channel::{CHANNEL_OPERATIONS, MESSAGE_OPERATIONS};
pub(super) use note::{LIVE_OPERATIONS, NOTE_OPERATIONS};

/// Pages of lists.
pub(super) const PAGE: &[&str] = &["limit", "cursor"];
