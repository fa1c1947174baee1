//! What a plugin is told beside requests, each time in an instance of its own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::Store;

use super::Grants;
use super::engine::Ticks;
use super::instance::{State, new_store};
use crate::auth::Claims;
use crate::contract::{ServicePre, frames, inspected};

/// The request that opened a connection, on which frames come.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// Its id, which also names what comes of the frames.
    pub id: String,
    /// The verified claims.
    pub claims: Option<Arc<Claims>>,
    /// Where it came from, as far as that is to be recorded.
    pub address: Option<IpAddr>,
}

/// What a plugin is told beside requests, each in an instance of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word<'a> {
    /// A client sent a frame.
    Frame(&'a Speaker, &'a str, &'a str),
    /// The last connection of a subject is gone.
    Closed(&'a str),
}

/// Makes an instance for one word, and says it; tells what is answered.
pub(super) async fn tell(
    pre: &ServicePre<State>,
    indices: &frames::GuestIndices,
    ticks: Ticks,
    grants: &Grants,
    word: Word<'_>,
) -> (wasmtime::Result<Option<String>>, Usage) {
    let mut state = State::new(ticks, grants);
    state.log_lines = state.limits.log_lines;
    if let Word::Frame(speaker, ..) = word {
        speaker.id.clone_into(&mut state.stamp.request);
        let claims = speaker.claims.as_ref();
        state.stamp.actor = claims.and_then(|claims| claims.actor.clone());
        state.stamp.tenant = claims.and_then(|claims| claims.tenant.clone());
        state.stamp.address = speaker.address.map(|address| address.to_string());
        state.claims = speaker.claims.clone();
    }
    let mut store = new_store(pre.engine(), state);
    let _alive = grants.measured.created();
    let told = async {
        let instance = pre.instance_pre().instantiate_async(&mut store).await?;
        let frames = indices.load(&mut store, &instance)?;
        store.set_epoch_deadline(1);
        match word {
            Word::Frame(_, subject, payload) => {
                frames.call_frame(&mut store, subject, payload).await
            }
            Word::Closed(subject) => frames.call_closed(&mut store, subject).await.map(|()| None),
        }
    };
    let outcome = told.await;
    let usage = Usage::of(&store);
    (outcome, usage)
}

/// Makes an instance for one report on content, and hands it over. The inner error is the
/// plugin's own.
pub(super) async fn report(
    pre: &ServicePre<State>,
    ticks: Ticks,
    grants: &Grants,
    (id, tag, report): (&str, &str, &inspected::Report),
) -> (wasmtime::Result<Result<(), String>>, Usage) {
    let mut state = State::new(ticks, grants);
    id.clone_into(&mut state.stamp.request);
    state.log_lines = state.limits.log_lines;
    let mut store = new_store(pre.engine(), state);
    let _alive = grants.measured.created();
    let reported = async {
        let pre = pre.instance_pre();
        let inspected = inspected::GuestIndices::new(pre)
            .map_err(|error| error.context("this version takes no reports on content"))?;
        let instance = pre.instantiate_async(&mut store).await?;
        let inspected = inspected.load(&mut store, &instance)?;
        store.set_epoch_deadline(1);
        inspected.call_inspected(&mut store, tag, report).await
    };
    let outcome = reported.await;
    let usage = Usage::of(&store);
    (outcome, usage)
}

/// What a call took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) cpu: Duration,
    pub(super) memory: usize,
    pub(super) memory_denied: bool,
}

impl Usage {
    fn of(store: &Store<State>) -> Self {
        let meter = &store.data().meter;
        Self {
            cpu: meter.cpu(),
            memory: meter.memory(),
            memory_denied: meter.memory_denied(),
        }
    }
}
