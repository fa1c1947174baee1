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
pub mod error;
pub mod gateway;
pub mod lifecycle;
pub mod migrate;
pub mod plugin;
pub mod server;
pub mod telemetry;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::TcpListener;

use crate::admin::{Admin, Health};
use crate::auth::Verifier;
use crate::config::Config;
use crate::databases::Databases;
use crate::gateway::{Gateway, Mounts};
use crate::lifecycle::Shutdown;
use crate::plugin::{Engine, Loaded, Plugin};

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
        source: plugin::StartError,
    },
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
    /// A schema can't be brought to the state that is asked for.
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    /// A key can't be used.
    #[error(transparent)]
    Key(#[from] auth::KeyError),
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
    let shutdown = Shutdown::default();

    // Compilation takes seconds when the cache is cold, and the database may still be
    // starting: side by side.
    let engine = Engine::new(config.plugins.values(), &config.data.join("cache"))
        .map_err(StartError::Engine)?;
    let (loaded, databases) = tokio::join!(load_all(&engine, &config), Databases::connect(&config));
    let (loaded, databases) = (loaded?, databases?);

    let apply = config.migrate.at_start;
    databases.migrate(apply).await?;
    let mut plugins = Vec::new();
    for (name, loaded) in loaded {
        let Some(settings) = config.plugins.get(&name) else {
            continue;
        };
        let failed = |source: plugin::StartError| StartError::Plugin {
            name: name.clone(),
            source,
        };
        // Before its migrations: one that is refused leaves nothing behind.
        loaded
            .granted(&engine, &name, &settings.grants)
            .map_err(|error| failed(error.into()))?;
        let database = databases.of(&name);
        let migrations = loaded
            .migrations(&engine, database.dialect())
            .await
            .map_err(|error| failed(error.into()))?;
        migrate::at_start(database, &name, &migrations, apply).await?;
        let plugin = Plugin::start(&engine, &name, &loaded, settings.clone(), database.clone())
            .await
            .map_err(failed)?;
        tracing::info!(
            plugin = name,
            version = plugin.identity().version,
            mount = settings.mount,
            "serving"
        );
        plugins.push(Arc::new(plugin));
    }

    let health = Health {
        databases: databases.clone(),
        plugins: plugins
            .iter()
            .map(|plugin| plugin.identity().clone())
            .collect(),
        shutdown: shutdown.clone(),
    };
    let (listener, addr) = listen(config.server.listen).await?;
    let (admin_listener, admin_addr) = listen(config.admin.listen).await?;
    let limits = Arc::new(config.server);
    let gateway = Gateway::new(
        Mounts::new(plugins),
        verifier,
        Arc::clone(&limits),
        shutdown.clone(),
    );
    shutdown.spawn(server::serve(
        listener,
        Arc::new(gateway),
        Arc::clone(&limits),
        shutdown.clone(),
    ));
    // Probes must answer while the process drains, so this listener ends with it.
    let admin_shutdown = Shutdown::default();
    admin_shutdown.spawn(server::serve(
        admin_listener,
        Arc::new(Admin::new(health)),
        Arc::clone(&limits),
        admin_shutdown.clone(),
    ));
    Ok(Running {
        addr,
        admin_addr,
        drain: limits.drain_timeout,
        shutdown,
        admin_shutdown,
        databases,
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
                    source: error.into(),
                }),
            })
            .collect()
    })
    .await?
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
    drain: Duration,
    shutdown: Shutdown,
    admin_shutdown: Shutdown,
    databases: Databases,
}

/// How long the operator's connections may take to finish; probes take milliseconds.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);

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

    /// Takes no new requests, lets those in flight finish for the drain time, cuts the
    /// rest. True when nothing was cut. Boxed as [`start`] is.
    pub fn stop(self) -> BoxFuture<'static, bool> {
        Box::pin(async move {
            let clean = self.shutdown.run(self.drain).await;
            self.admin_shutdown.run(ADMIN_DRAIN).await;
            self.databases.close().await;

            clean
        })
    }
}
