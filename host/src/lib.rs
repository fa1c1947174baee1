//! A gateway that hosts HTTP services as WebAssembly components.
//!
//! The host owns every resource: sockets, tokens, the database, the audit record, the
//! limits. A plugin owns every decision, and reaches nothing but what `wit/` lists.
//! [`start`] is the only place where the parts are put together.

pub mod admin;
pub mod auth;
pub mod capability;
pub mod cli;
pub mod config;
#[expect(missing_docs, reason = "generated; wit/ has the documentation")]
pub mod contract;
pub mod databases;
pub mod deployment;
pub mod error;
pub mod gateway;
pub mod inspection;
pub mod lifecycle;
pub mod migrate;
pub mod plugin;
pub mod reload;
pub mod server;
pub mod telemetry;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::admin::{Admin, Api, Health, Token};
use crate::auth::Verifier;
use crate::capability::audit;
use crate::capability::blob::{self, Blobs, Shelf};
use crate::capability::events::{self, Events};
use crate::config::Config;
use crate::databases::Databases;
use crate::deployment::{
    Actor, ChangeError, Roster, Rules, Service, Shared, SignatureError, Store,
};
use crate::gateway::{Gateway, Mounts};
use crate::inspection::{InspectorError, Inspectors};
use crate::lifecycle::Shutdown;
use crate::plugin::{Engine, Loaded};
use crate::reload::{Reloaded, Reloader};
use crate::server::tls::Tls;
use crate::telemetry::{Metrics, Traces};

/// Why a gateway does not start. Nothing is bound any more when this is returned.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The WebAssembly engine can't be made.
    #[error("the WebAssembly engine: {0:#}")]
    Engine(wasmtime::Error),
    /// A plugin can't be hosted.
    #[error("plugin {name}: {source}")]
    Plugin {
        /// Its name.
        name: String,
        /// Why.
        source: ChangeError,
    },
    /// An inspector can't be used.
    #[error(transparent)]
    Inspector(#[from] InspectorError),
    /// A key for the signatures of components can't be used.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The database can't be reached.
    #[error(transparent)]
    Database(#[from] capability::sql::ConnectError),
    /// A plugin's own database can't be reached.
    #[error("plugin {plugin}: {source}")]
    OwnDatabase {
        /// The plugin's name.
        plugin: String,
        /// Why.
        source: capability::sql::ConnectError,
    },
    /// The content of blobs can't be stored.
    #[error(transparent)]
    Blobs(#[from] blob::store::OpenError),
    /// A schema can't be brought to the state that is asked for.
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    /// A key can't be used.
    #[error(transparent)]
    Key(#[from] auth::KeyError),
    /// TLS can't be spoken.
    #[error(transparent)]
    Tls(#[from] server::tls::TlsError),
    /// The event log of a plugin can't be read.
    #[error("plugin {plugin}: the event log can't be opened: {source:?}")]
    Events {
        /// The plugin's name.
        plugin: String,
        /// Why.
        source: contract::sql::Error,
    },
    /// Traces can't be sent.
    #[error(transparent)]
    Traces(#[from] telemetry::TraceError),
    /// The task that compiles plugins died.
    #[error("compiling failed: {0}")]
    Compile(#[from] tokio::task::JoinError),
}

/// Brings up everything that `config` asks for: listeners last, so that a gateway which
/// can be connected to also answers.
///
/// The future is boxed so that all that is below it is compiled here, once; a plain one
/// would be compiled into every program that awaits it, which each test is.
///
/// # Errors
/// The first part that failed; the others are taken down again.
pub fn start(config: Config) -> BoxFuture<'static, Result<Running, StartError>> {
    Box::pin(assemble(config))
}

async fn assemble(config: Config) -> Result<Running, StartError> {
    let verifier = Verifier::new(&config.auth)?;
    let rules = Arc::new(ArcSwap::from_pointee(Rules::new(&config.deploy)?));
    let shutdown = Shutdown::default();
    let metrics = Metrics::new(&config.metrics);
    let traces = Traces::new(&config.telemetry, &metrics)?;

    // Compilation takes seconds when the cache is cold, and the database may still be
    // starting: side by side.
    let cache = config.data.join("cache");
    let engine = Engine::with_inspectors(
        config.plugins.values(),
        config.inspectors.values(),
        &config.inspection,
        config.engine.optimize,
        &cache,
    )
    .map_err(StartError::Engine)?;
    let (loaded, inspectors, databases) = tokio::join!(
        load_all(&engine, &config),
        load_inspectors(&engine, &config),
        Databases::connect(&config)
    );
    let (loaded, inspectors, databases) = (loaded?, inspectors?, databases?);
    for (name, database) in databases.iter() {
        metrics.watch(name.unwrap_or("gateway"), Arc::new(database.clone()));
    }

    let apply = config.migrate.at_start;
    databases.migrate(apply).await?;
    let background = Shutdown::default();
    if let Some(retention) = config.audit.retention {
        for (_, database) in databases.iter() {
            let kept = audit::retain(database.clone(), retention, background.clone());
            background.spawn(kept);
        }
    }
    let store = Store::new(databases.gateway().clone());
    let shelf = Shelf {
        store: blob::store::Store::open(&config.blob).await?,
        settings: config.blob.clone(),
        metrics: metrics.clone(),
    };
    shutdown.spawn(sweep(shelf.clone(), shutdown.clone()));
    let roster = Arc::new(Roster::new(store.clone()));
    let shared = Shared {
        roster: Arc::clone(&roster),
        blobs: shelf,
        rules: Arc::clone(&rules),
        engine: engine.clone(),
        store: store.clone(),
        metrics: metrics.clone(),
    };
    let (mut services, mut all_blobs) = (Vec::new(), Vec::new());
    let event_settings = Arc::new(config.events.clone());
    let connections = events::Connections::default();
    for (name, loaded) in loaded {
        let Some(settings) = config.plugins.get(&name) else {
            continue;
        };
        let database = databases.of(&name).clone();
        let parts = events::Parts {
            settings: Arc::clone(&event_settings),
            connections: connections.clone(),
            bus: events::Bus::of(&config, &name),
            measured: metrics.live(&name),
        };
        let opened = Events::open(&name, database.clone(), parts).await;
        let events::Opened {
            events: log,
            dispatcher,
            messenger,
            gone,
        } = opened.map_err(|source| StartError::Events {
            plugin: name.clone(),
            source,
        })?;
        background.spawn(dispatcher.run(background.clone()));
        background.spawn(messenger.run(background.clone()));
        background.spawn(log.clone().sweep(background.clone()));
        shutdown.spawn(log.clone().close_with(shutdown.clone()));
        let service = Service::new(
            name.clone(),
            settings.clone(),
            database,
            log,
            shared.clone(),
        );
        let signature = signature_beside(&settings.file);
        service
            .open(loaded, signature.as_deref(), apply)
            .await
            .map_err(|error| match error {
                ChangeError::Migrate(error) => StartError::Migrate(error),
                source => StartError::Plugin {
                    name: name.clone(),
                    source,
                },
            })?;
        for identity in service.serving() {
            tracing::info!(
                plugin = name,
                version = identity.version,
                mount = settings.mount,
                "serving"
            );
        }
        let blobs = service.blobs().clone();
        background.spawn(blobs.clone().watch(background.clone()));
        all_blobs.push(blobs);
        let service = Arc::new(service);
        let told = deployment::tell_closed(Arc::clone(&service), gone, background.clone());
        background.spawn(told);
        services.push(service);
    }

    let health = Health {
        databases: databases.clone(),
        plugins: services.clone(),
        shutdown: shutdown.clone(),
    };
    let (listener, addr) = listen(config.server.listen).await?;
    let (admin_listener, admin_addr) = listen(config.admin.listen).await?;
    let tls = encryption("server.tls", config.server.tls.as_ref(), &shutdown)?;
    let admin_tls = encryption("admin.tls", config.admin.tls.as_ref(), &shutdown)?;
    let limits = Arc::new(ArcSwap::from_pointee(config.server.clone()));
    let gateway = Arc::new(Gateway::new(
        Mounts::new(services.iter().cloned()),
        verifier,
        limits.load_full(),
        shutdown.clone(),
        metrics.clone(),
        gateway::Telemetry {
            access: config.log.access,
            traces: traces.clone(),
        },
    ));
    shutdown.spawn(server::serve(
        listener,
        tls.clone(),
        Arc::clone(&gateway),
        Arc::clone(&limits),
        shutdown.clone(),
    ));
    shutdown.spawn(Arc::new(inspectors).work(services.clone(), shutdown.clone()));
    shutdown.spawn(deployment::watch(
        services.clone(),
        store.clone(),
        Arc::clone(&rules),
        shutdown.clone(),
    ));
    // Not one that the shutdown waits for: while requests finish, this gateway is there.
    let beat = tokio::spawn(deployment::beat(
        services.clone(),
        Arc::clone(&roster),
        Arc::clone(&rules),
    ));
    let token = Arc::new(Token::new(&config.admin.token));
    let certificates = [("server.tls", &tls), ("admin.tls", &admin_tls)];
    let certificates = certificates
        .into_iter()
        .filter_map(|(section, tls)| Some((section, Arc::clone(tls.as_ref()?))));
    let parts = reload::Parts {
        gateway,
        limits: Arc::clone(&limits),
        rules: Arc::clone(&rules),
        token: Arc::clone(&token),
        store: store.clone(),
        tls: certificates.collect(),
    };
    let reloader = Arc::new(Reloader::new(config, parts));
    let api = Api::new(services, store, token, rules, Arc::clone(&reloader));
    // Probes must answer while the process drains, so this listener ends with it.
    let admin_shutdown = Shutdown::default();
    admin_shutdown.spawn(server::serve(
        admin_listener,
        admin_tls.clone(),
        Arc::new(Admin::new(health, metrics, api)),
        Arc::clone(&limits),
        admin_shutdown.clone(),
    ));
    Ok(Running {
        addr,
        admin_addr,
        tls,
        admin_tls,
        limits,
        reloader,
        roster,
        beat,
        shutdown,
        admin_shutdown,
        background,
        blobs: all_blobs,
        databases,
        traces,
    })
}

/// Reads and compiles the plugins on a thread that may block.
async fn load_all(engine: &Engine, config: &Config) -> Result<Vec<(String, Loaded)>, StartError> {
    let files: Vec<_> = config
        .plugins
        .iter()
        .map(|(name, plugin)| (name.clone(), plugin.file.clone()))
        .collect();
    let engine = engine.clone();
    tokio::task::spawn_blocking(move || {
        files
            .into_iter()
            .map(|(name, file)| match Loaded::from_file(&engine, &file) {
                Ok(loaded) => Ok((name, loaded)),
                Err(error) => Err(StartError::Plugin {
                    name,
                    source: ChangeError::Load(error),
                }),
            })
            .collect()
    })
    .await?
}

/// The same of the inspectors.
async fn load_inspectors(engine: &Engine, config: &Config) -> Result<Inspectors, StartError> {
    let engine = engine.clone();
    let (settings, inspectors) = (config.inspection.clone(), config.inspectors.clone());
    let load = move || Inspectors::load(&engine, &settings, &inspectors);
    Ok(tokio::task::spawn_blocking(load).await??)
}

/// Removes what a gateway that was killed had begun to write and nobody goes on with.
async fn sweep(shelf: Shelf, shutdown: Shutdown) {
    let age = shelf.settings.grace.max(shelf.settings.upload_timeout);
    let swept = tokio::select! {
        () = shutdown.soft() => return,
        swept = shelf.store.sweep(age) => swept,
    };
    match swept {
        Ok(0) => {}
        Ok(files) => tracing::info!(files, "incomplete files of blobs were removed"),
        Err(error) => tracing::warn!(%error, "incomplete files of blobs could not be looked for"),
    }
}

/// The signature of a component's file, which is beside it if there is one.
fn signature_beside(file: &Path) -> Option<Vec<u8>> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".sig");
    std::fs::read(Path::new(&beside)).ok()
}

/// What a listener speaks TLS with, and the task that looks at its files.
fn encryption(
    section: &'static str,
    settings: Option<&config::Tls>,
    shutdown: &Shutdown,
) -> Result<Option<Arc<Tls>>, StartError> {
    let Some(settings) = settings else {
        return Ok(None);
    };
    let tls = Arc::new(Tls::new(section, settings.clone())?);
    shutdown.spawn(Arc::clone(&tls).watch(shutdown.clone()));
    Ok(Some(tls))
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// A gateway that serves. Dropped without [`stop`](Self::stop), it goes on.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    admin_addr: SocketAddr,
    tls: Option<Arc<Tls>>,
    admin_tls: Option<Arc<Tls>>,
    limits: Arc<ArcSwap<config::Server>>,
    reloader: Arc<Reloader>,
    roster: Arc<Roster>,
    beat: JoinHandle<()>,
    shutdown: Shutdown,
    admin_shutdown: Shutdown,
    /// What goes on until the last request has ended.
    background: Shutdown,
    blobs: Vec<Blobs>,
    databases: Databases,
    traces: Traces,
}

/// How long the operator's connections may take to finish; probes take milliseconds.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);

/// How long it may take to write down how the downloads ended, and to throw away what of
/// uploads has arrived. What is not done by then is left to another gateway.
const SETTLE: Duration = Duration::from_secs(5);

impl Running {
    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where the operator connects.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Where clients connect, as the beginning of an address.
    #[must_use]
    pub fn base(&self) -> String {
        base(self.addr, self.tls.is_some())
    }

    /// Where the operator connects, as the beginning of an address.
    #[must_use]
    pub fn admin_base(&self) -> String {
        base(self.admin_addr, self.admin_tls.is_some())
    }

    /// Reads the certificates of both listeners again, without waiting for the next look
    /// at their files; may block. True when any had changed.
    ///
    /// # Errors
    /// The first file that is wrong; its listener goes on with what it has.
    pub fn reload_certificates(&self) -> Result<bool, server::tls::TlsError> {
        let mut changed = false;
        for tls in [&self.tls, &self.admin_tls].into_iter().flatten() {
            changed |= tls.reload()?;
        }
        Ok(changed)
    }

    /// Reads the configuration again because of a SIGHUP, and takes what of it can change
    /// while requests are served; see [`Reloader::reload`].
    ///
    /// # Errors
    /// The first thing that is wrong. Nothing has changed then.
    pub async fn reload(&self) -> Result<Reloaded, reload::ReloadError> {
        self.reloader.reload(&Actor::hang_up()).await
    }

    /// Takes no new requests, lets those in flight finish for the drain time, cuts the
    /// rest. True when nothing was cut. Boxed as [`start`] is.
    pub fn stop(self) -> BoxFuture<'static, bool> {
        Box::pin(async move {
            let drain = self.limits.load().drain_timeout;
            let clean = self.shutdown.run(drain).await;
            self.background.run(SETTLE).await;
            let settled = self.blobs.iter().map(|blobs| blobs.settle(SETTLE));
            futures_util::future::join_all(settled).await;
            self.admin_shutdown.run(ADMIN_DRAIN).await;
            self.beat.abort();
            if let Err(error) = self.roster.leave().await {
                tracing::info!(?error, "the other gateways will miss this one for a while");
            }
            self.traces.shutdown().await;
            self.databases.close().await;

            clean
        })
    }
}

fn base(address: SocketAddr, is_encrypted: bool) -> String {
    let scheme = if is_encrypted { "https" } else { "http" };
    format!("{scheme}://{address}")
}
