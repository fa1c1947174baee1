//! One instance of a plugin: the guest's memory, and what it may reach.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksCtx, WasiClocksCtxView};
use wasmtime_wasi::p2::bindings::random::random as wasi_random;
use wasmtime_wasi::p2::bindings::{clocks, io};

use super::Grants;
use super::engine::{Engine, Ticks};
use super::meter::{self, Meter, Most};
use super::task::Task;
use crate::auth::Claims;
use crate::capability::blob::{self, Blobs, Download, Excuse};
use crate::capability::events::{self, Events, Subscription};
use crate::capability::{audit, body, identity, log, random, settings, sql};
use crate::config::Limits;
use crate::contract::task::StepReport;
use crate::contract::{Service, ServicePre, http};
use crate::telemetry::Version;
use crate::telemetry::metrics::Alive;
use crate::telemetry::traces::Trace;

/// What the host keeps beside a guest's memory. Lives as long as the instance; what
/// belongs to a request is set by [`Instance::begin`].
pub(super) struct State {
    pub(super) meter: Meter,
    table: ResourceTable,
    clocks: WasiClocksCtx,
    database: sql::Database,
    source: Option<sql::Database>,
    blobs: Option<Blobs>,
    events: Option<Events>,
    excuse: Excuse,
    pub(super) limits: Arc<Limits>,
    settings: Arc<BTreeMap<String, String>>,
    measured: Arc<Version>,
    trace: Option<Trace>,
    pub(super) stamp: audit::Stamp,
    transactions: sql::Open,
    pub(super) claims: Option<Arc<Claims>>,
    /// When what it does now began.
    begun: Instant,
    has_client: bool,
    pub(super) log_lines: u32,
    log_lines_dropped: u32,
}

/// The head and the body of one request, as the gateway hands it over.
#[derive(Debug)]
pub struct Call {
    /// The request's id.
    pub id: String,
    /// The method, in capitals.
    pub method: String,
    /// The path below the mount.
    pub path: String,
    /// What follows the `?`.
    pub query: Option<String>,
    /// The fields that the plugin may see.
    pub headers: Vec<http::Field>,
    /// The body.
    pub body: Body,
    /// Where it comes from, as far as that is to be recorded.
    pub address: Option<IpAddr>,
    /// The verified claims.
    pub claims: Option<Arc<Claims>>,
    /// Its place in a trace, if it is traced.
    pub trace: Option<Trace>,
}

/// A request body, as far as it has been read.
#[derive(Debug)]
pub enum Body {
    /// There is none.
    Empty,
    /// All of it.
    Bytes(Vec<u8>),
    /// It is longer than the inline limit.
    Stream(body::IncomingBody),
}

/// What a plugin answered, outside of its instance.
#[derive(Debug)]
pub struct Answer {
    /// The status, not yet checked.
    pub status: u16,
    /// The fields, not yet checked.
    pub headers: Vec<http::Field>,
    /// The body.
    pub content: Content,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Content {
    /// All of it.
    Bytes(Vec<u8>),
    /// It is in the blob store.
    Blob(Box<Download>),
    /// It is what is published from now on.
    Events(Box<Subscription>),
}

/// An instance that serves one request at a time.
pub(super) struct Instance {
    store: Store<State>,
    service: Service,
    uses: u32,
    _alive: Alive,
}

impl Instance {
    pub(super) async fn create(
        pre: &ServicePre<State>,
        ticks: Ticks,
        grants: &Grants,
    ) -> wasmtime::Result<Self> {
        let mut store = new_store(pre.engine(), State::new(ticks, grants));
        let service = pre.instantiate_async(&mut store).await?;
        Ok(Self {
            store,
            service,
            uses: 0,
            _alive: grants.measured.created(),
        })
    }

    /// Handles one request. When this fails, or its future is dropped, the instance must
    /// not be used again.
    pub(super) async fn handle(&mut self, call: Call) -> wasmtime::Result<Answer> {
        self.uses += 1;
        let request = self.begin(call)?;
        self.store.set_epoch_deadline(1);
        let response = self
            .service
            .gateway_plugin_handler()
            .call_handle(&mut self.store, &request)
            .await?;
        let content = match response.body {
            http::ResponseBody::Empty => Content::Bytes(Vec::new()),
            http::ResponseBody::Bytes(bytes) => Content::Bytes(bytes),
            http::ResponseBody::Blob(download) => {
                let download = self.store.data_mut().table.delete(download)?;
                Content::Blob(Box::new(download))
            }
            http::ResponseBody::Events(subscription) => {
                let subscription = self.store.data_mut().table.delete(subscription)?;
                Content::Events(Box::new(subscription))
            }
        };
        Ok(Answer {
            status: response.status,
            headers: response.headers,
            content,
        })
    }

    /// What of a request's time is its client's.
    pub(super) fn excuse(&self) -> Excuse {
        self.store.data().excuse.clone()
    }

    /// Lets the guest read a second database. An instance that serves never gets one.
    pub(super) fn set_source(&mut self, source: Option<sql::Database>) {
        self.store.data_mut().source = source;
    }

    /// Runs one step of a task. As after [`handle`](Self::handle), an instance that failed
    /// must not be used again.
    pub(super) async fn step(
        &mut self,
        task: &Task,
        state: Option<&str>,
    ) -> wasmtime::Result<Result<StepReport, String>> {
        self.uses += 1;
        self.reset(&task.run);
        self.store.set_epoch_deadline(1);
        self.service
            .gateway_plugin_task()
            .call_step(
                &mut self.store,
                &task.name,
                &task.parameters,
                task.dry_run,
                state,
            )
            .await
    }

    /// Counts anew, for what is named `id` in the log and in the audit record.
    fn reset(&mut self, id: &str) {
        let state = self.store.data_mut();
        state.meter.reset();
        state.excuse.reset();
        state.begun = Instant::now();
        state.has_client = false;
        id.clone_into(&mut state.stamp.request);
        state.log_lines = state.limits.log_lines;
    }

    fn begin(&mut self, call: Call) -> wasmtime::Result<http::Request> {
        self.reset(&call.id);
        let state = self.store.data_mut();
        state.stamp.actor = call.claims.as_ref().and_then(|claims| claims.actor.clone());
        state.stamp.tenant = call
            .claims
            .as_ref()
            .and_then(|claims| claims.tenant.clone());
        state.stamp.address = call.address.map(|address| address.to_string());
        state.stamp.agent = agent(&call.headers);
        state.claims = call.claims;
        state.has_client = true;
        state.trace = call.trace;
        let body = match call.body {
            Body::Empty => http::RequestBody::Empty,
            Body::Bytes(bytes) => http::RequestBody::Bytes(bytes),
            Body::Stream(body) => http::RequestBody::Stream(state.table.push(body)?),
        };
        Ok(http::Request {
            id: call.id,
            method: call.method,
            path: call.path,
            query: call.query,
            headers: call.headers,
            body,
        })
    }

    /// Forgets the request. True when nothing of it is left, so that the instance may
    /// serve another one: a resource that the guest kept would outlive its request.
    pub(super) fn end(&mut self) -> bool {
        let state = self.store.data_mut();
        let dropped = std::mem::take(&mut state.log_lines_dropped);
        if dropped > 0 {
            let (plugin, request) = (&state.stamp.plugin, &state.stamp.request);
            tracing::warn!(plugin, request, dropped, "log lines beyond the limit");
        }
        state.claims = None;
        state.trace = None;
        state.stamp.actor = None;
        state.stamp.tenant = None;
        state.stamp.via = None;
        state.stamp.address = None;
        state.stamp.agent = None;
        state.table.is_empty()
    }

    pub(super) fn uses(&self) -> u32 {
        self.uses
    }

    pub(super) fn memory_denied(&self) -> bool {
        self.store.data().meter.memory_denied()
    }

    /// The CPU time that the last request took, in whole ticks.
    pub(super) fn cpu(&self) -> Duration {
        self.store.data().meter.cpu()
    }

    /// The guest's linear memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.store.data().meter.memory()
    }
}

/// What a client calls itself, as far as it is recorded.
fn agent(headers: &[http::Field]) -> Option<String> {
    let agent = headers.iter().find(|field| field.name == "user-agent")?;
    let end = agent.value.floor_char_boundary(MAX_AGENT);
    agent.value.get(..end).map(str::to_owned)
}

/// The longest name of a client that is recorded, in bytes.
const MAX_AGENT: usize = 256;

/// Handles (transactions, bodies, timers) that an instance may hold at once.
const MAX_HANDLES: usize = 256;

/// All limits of a guest are set here.
pub(super) fn new_store(engine: &wasmtime::Engine, state: State) -> Store<State> {
    let mut store = Store::new(engine, state);
    // What the guest hands over, and the handles that it holds, are the host's memory.
    store.set_hostcall_fuel(store.data().limits.memory);
    store.data_mut().table.set_max_capacity(MAX_HANDLES);
    store.limiter(|state| &mut state.meter);
    store.call_hook(meter::on_switch::<State>);
    store.epoch_deadline_callback(meter::on_tick::<State>);
    store.set_epoch_deadline(1);
    store
}

/// Everything that a plugin may import, each interface with the part of the state that
/// it may touch.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    use crate::contract::gateway::plugin as contract;

    let mut linker = Linker::new(engine.wasmtime());
    let l = &mut linker;
    io::poll::add_to_linker::<State, HasSelf<ResourceTable>>(l, |state| &mut state.table)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    wasi_random::add_to_linker::<State, random::Capability>(l, |_| random::View)?;
    contract::log::add_to_linker::<State, log::Capability>(l, |state| log::View {
        plugin: &state.stamp.plugin,
        request: &state.stamp.request,
        left: &mut state.log_lines,
        dropped: &mut state.log_lines_dropped,
    })?;
    contract::body::add_to_linker::<State, body::Capability>(l, |state| body::View {
        table: &mut state.table,
    })?;
    contract::http::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    contract::identity::add_to_linker::<State, identity::Capability>(l, |state| identity::View {
        claims: state.claims.as_deref(),
        stamp: &mut state.stamp,
    })?;
    contract::blob::add_to_linker::<State, blob::Capability>(l, State::blobs)?;
    contract::download::add_to_linker::<State, blob::Capability>(l, State::blobs)?;
    contract::events::add_to_linker::<State, events::Capability>(l, State::events)?;
    contract::live::add_to_linker::<State, events::Capability>(l, State::events)?;
    contract::settings::add_to_linker::<State, settings::Capability>(l, |state| settings::View {
        settings: &state.settings,
    })?;
    contract::audit::add_to_linker::<State, audit::Audit>(l, |state| audit::View {
        database: &state.database,
        stamp: &state.stamp,
    })?;
    contract::source::add_to_linker::<State, sql::Source>(l, |state| sql::SourceView {
        database: state.source.as_ref(),
        limits: &state.limits.sql,
    })?;
    contract::sql::add_to_linker::<State, sql::Sql>(l, |state| sql::View {
        database: &state.database,
        limits: &state.limits.sql,
        table: &mut state.table,
        stamp: &state.stamp,
        open: &state.transactions,
        events: state.events.as_ref(),
        watch: sql::Watch {
            measured: &state.measured,
            trace: state.trace.as_ref(),
            dialect: state.database.dialect(),
        },
    })?;
    Ok(linker)
}

impl State {
    pub(super) fn new(ticks: Ticks, grants: &Grants) -> Self {
        let Grants {
            identity,
            database,
            blobs,
            events,
            limits,
            settings,
            measured,
        } = grants;
        let most = Most {
            cpu_time: limits.cpu_time,
            memory: limits.memory,
            table: limits.table,
        };
        Self {
            meter: Meter::new(most, ticks),
            table: ResourceTable::new(),
            clocks: WasiClocksCtx::default(),
            database: database.clone(),
            source: None,
            blobs: blobs.clone(),
            events: events.clone(),
            excuse: Excuse::default(),
            limits: Arc::clone(limits),
            settings: Arc::clone(settings),
            measured: Arc::clone(measured),
            trace: None,
            stamp: audit::Stamp {
                plugin: identity.name.clone(),
                version: identity.version.clone(),
                ..audit::Stamp::default()
            },
            transactions: sql::Open::default(),
            claims: None,
            begun: Instant::now(),
            has_client: false,
            log_lines: 0,
            log_lines_dropped: 0,
        }
    }

    fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView {
            ctx: &mut self.clocks,
            table: &mut self.table,
        }
    }

    fn events(&mut self) -> events::View<'_> {
        events::View {
            events: self.events.as_ref(),
            table: &mut self.table,
            begun: self.begun,
            expires: self.claims.as_ref().and_then(|claims| claims.expires),
            has_client: self.has_client,
        }
    }

    fn blobs(&mut self) -> blob::View<'_> {
        blob::View {
            blobs: self.blobs.as_ref(),
            table: &mut self.table,
            stamp: &self.stamp,
            excuse: &self.excuse,
        }
    }
}

impl AsMut<Meter> for State {
    fn as_mut(&mut self) -> &mut Meter {
        &mut self.meter
    }
}

// The interface has records only.
impl http::Host for State {}
