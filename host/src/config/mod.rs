//! What the gateway is told: one TOML file and the environment say the same things,
//! the environment wins.
//!
//! These are the validated values that the rest of the host works with. Sizes are
//! bytes, times are [`Duration`]s.
//!
//! [`SETTINGS`] is the one table of keys, defaults, bounds and texts. [`Draft::read`]
//! reads the layers (defaults, file, environment, flags) against it, so that the types
//! here are only filled with values that the table allows.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

mod blob_store;
mod check;
mod database_url;
mod engine;
mod env;
mod error;
mod events;
mod file;
mod flags;
mod grants;
mod http_url;
mod inspection;
mod installer;
mod key_sources;
mod keys;
mod kind;
mod layers;
mod load;
mod origin;
mod original;
mod own_database;
mod print;
mod secret;
mod settings;
#[cfg(test)]
mod tests;
mod tls;

pub use crate::auth::key::Algorithm;
pub use blob_store::{BlobStore, S3};
pub use engine::{Engine, Optimize};
pub use env::Environment;
pub use error::ConfigError;
pub use events::{BusKind, Events, Nats};
pub use flags::Flags;
pub use grants::{GRANTS, Grants};
pub use inspection::{Inspection, Inspector, InspectorLimits};
pub use installer::Installer;
pub use kind::{Item, Kind};
pub use load::Draft;
pub use origin::Origin;
pub use print::defaults;
pub use secret::{SECRET_FILE, TOKEN_FILE};
pub(crate) use settings::is_plugin_name;
pub use settings::{SETTINGS, Setting};

/// Everything, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// The public listener.
    pub server: Server,
    /// The operator's listener: health, and later metrics and deployments.
    pub admin: Admin,
    /// Where the embedded database, the compile cache and the generated secret live.
    pub data: PathBuf,
    /// The gateway's database, which the plugins use that have none of their own.
    pub database: Database,
    /// How components are compiled.
    pub engine: Engine,
    /// How versions of plugins take over from each other.
    pub deploy: Deploy,
    /// How the content is kept that clients upload.
    pub blob: Blob,
    /// How long the audit record is kept.
    pub audit: Audit,
    /// How events are kept and delivered.
    pub events: Events,
    /// How the schemas of the gateway and its plugins are kept up to date.
    pub migrate: Migrate,
    /// How bearer tokens are verified.
    pub auth: Auth,
    /// The plugins by name.
    pub plugins: BTreeMap<String, Plugin>,
    /// How content is inspected.
    pub inspection: Inspection,
    /// Who looks into content, by name.
    pub inspectors: BTreeMap<String, Inspector>,
    /// What is logged and how.
    pub log: Log,
    /// What is measured.
    pub metrics: Metrics,
    /// Which traces are sent where.
    pub telemetry: Telemetry,
    /// What the variables of the original's installer ask of `gateway migrate`.
    pub installer: Installer,
    /// What the operator should know but what stops nothing; logged once at the start.
    pub warnings: Vec<String>,
    /// Where all of this was read from.
    pub origin: Origin,
}

/// The public listener and its limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where to listen; port 0 takes a free one. Default `127.0.0.1:3000`.
    pub listen: SocketAddr,
    /// Open connections; more wait in the kernel's backlog. Default 10,000.
    pub max_connections: usize,
    /// Requests being handled at once, on all connections. Default 1,024.
    pub max_requests: usize,
    /// Requests that may wait for one of those places; more get 503. Default 1,024.
    pub max_queue: usize,
    /// How long a request may wait for a place before it gets 503. Default 2 s.
    pub queue_timeout: Duration,
    /// From the first byte of a request's head to its last. Also how long an idle
    /// keep-alive connection is kept. Default 30 s.
    pub header_timeout: Duration,
    /// The longest pause between two pieces of a body, and the time for all of one that
    /// is handed over inline. Default 30 s.
    pub body_timeout: Duration,
    /// The longest head: request line and fields. Default 32 KiB.
    pub max_header_bytes: usize,
    /// The longest body. Default 16 MiB.
    pub max_body_bytes: u64,
    /// Streams at once on one HTTP/2 connection. Default 128.
    pub max_streams: u32,
    /// How long requests in flight may go on after SIGTERM before they are cut.
    /// Default 30 s.
    pub drain_timeout: Duration,
    /// What pages of other origins may do.
    pub cors: Cors,
    /// How answers are compressed.
    pub compression: Compression,
    /// TLS. Default none: connections are in the clear.
    pub tls: Option<Tls>,
    /// The proxies that are believed about where a request comes from. Default none.
    #[serde(default, deserialize_with = "kind::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// In which header they say it. Default `X-Forwarded-For`.
    pub forwarded_header: ForwardedHeader,
    /// How often somebody may ask.
    pub rate: Rate,
    /// What browsers are told to be careful about.
    pub security: Security,
}

/// The header in which proxies say where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto`.
    XForwardedFor,
    /// `Forwarded` of RFC 7239.
    Forwarded,
}

/// How often somebody may ask.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Any one address.
    #[serde(default)]
    pub address: Bucket,
    /// Any one caller, by the token.
    #[serde(default)]
    pub caller: Bucket,
    /// Addresses, and callers, that are kept in mind. Default 100,000.
    pub max_keys: usize,
}

/// A bucket that fills with time and from which each request takes one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// How fast it fills, in requests a second. Unset: no limit.
    pub per_second: Option<NonZeroU32>,
    /// How many requests it holds. Unset: those of one second.
    pub burst: Option<NonZeroU32>,
}

/// What browsers are told to be careful about, where a plugin does not say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// Whether they must take the type of an answer as it is said. Default true.
    pub nosniff: bool,
    /// What they tell other sites of where a visitor comes from; `off` says nothing.
    /// Default `no-referrer`.
    pub referrer_policy: String,
    /// Who may show answers in a frame. Default nobody.
    pub frames: Frames,
    /// How long they come back over TLS only. Zero says nothing. Default one year.
    pub hsts: Duration,
    /// Whether that holds for all subdomains. Default false.
    pub hsts_subdomains: bool,
}

/// Who may show an answer in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frames {
    /// Nobody.
    Deny,
    /// Pages of the same origin.
    SameOrigin,
    /// It is not said.
    Off,
}

/// TLS on a listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate in PEM, followed by those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
    /// The authorities, in PEM, that sign the certificates of clients.
    pub client_ca: Option<PathBuf>,
    /// Whether clients show a certificate. Default off.
    pub client_auth: ClientAuth,
    /// How long a handshake may take. Default 10 s.
    pub handshake_timeout: Duration,
    /// Handshakes at once. Default 512.
    pub max_handshakes: usize,
    /// How often the files are looked at. Default 10 s.
    pub reload_interval: Duration,
}

/// Whether clients show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They are not asked for one.
    Off,
    /// They may have none, but a bad one is refused.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

/// What pages of other origins may do. A list of `*` alone means everything.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// The origins that may read the answers. Default none: nothing is said to browsers.
    #[serde(default)]
    pub origins: Vec<String>,
    /// The methods that they may use. Default those of REST.
    pub methods: Vec<String>,
    /// The request headers that they may set.
    pub headers: Vec<String>,
    /// The response headers that they may read.
    pub expose: Vec<String>,
    /// How long a browser may remember the answer to a preflight. Default 10 min.
    pub max_age: Duration,
    /// Whether browsers may send cookies along; never together with `*`. Default false.
    pub credentials: bool,
}

/// How answers are compressed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compression {
    /// Whether they are at all. Default true.
    pub enabled: bool,
    /// The shortest body that is compressed, in bytes. Default 1 KiB.
    pub min_bytes: usize,
    /// From 1, fast, to 9, small. Default 3.
    pub level: u32,
}

/// The operator's listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Where to listen; port 0 takes a free one. Default `127.0.0.1:3001`.
    pub listen: SocketAddr,
    /// The bearer token of the operator's API.
    #[serde(skip)]
    pub token: Secret,
    /// TLS. Default none: connections are in the clear.
    pub tls: Option<Tls>,
}

/// A text that must not be shown.
#[derive(Clone, Default)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// How versions of plugins take over from each other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// How long a version that was replaced may take to finish. Default 60 s.
    pub drain_timeout: Duration,
    /// How often the pointers of other gateways are looked at. Default 1 s.
    pub follow_interval: Duration,
    /// How long the smoke requests of a version may take, all together. Default 10 s.
    pub check_timeout: Duration,
    /// How long a gateway may be silent before it counts as gone. Default 30 s.
    pub gateway_timeout: Duration,
    /// The largest component, in bytes. Default 64 MiB.
    pub max_bytes: usize,
    /// The files of the public keys that components may be signed with, by name.
    #[serde(default, deserialize_with = "kind::pairs")]
    pub trusted_keys: BTreeMap<String, String>,
    /// Whether a component without a good signature is refused. Default no.
    pub require_signature: bool,
}

/// How the content is kept that clients upload.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// Where it is kept. Default: a folder.
    #[serde(skip)]
    pub store: BlobStore,
    /// How long the store may take for one piece, all tries included. Default 1 min.
    pub timeout: Duration,
    /// How long an upload may take in all. Default 1 h.
    pub upload_timeout: Duration,
    /// How long the client of a download may take nothing. Default 30 s.
    pub stall_timeout: Duration,
    /// How long content is kept that nobody needs. Default 1 d.
    pub grace: Duration,
    /// How often such content is looked for. Default 1 h.
    pub gc_interval: Duration,
    /// How long a gateway may be silent before its downloads count as lost. Default 1 min.
    pub lost_after: Duration,
    /// For how long a client that is sent to the store may fetch a blob there. Default
    /// none: clients are not sent there.
    pub redirect: Option<Duration>,
}

/// The record of who did what.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// How long a row is kept. Default none: for ever.
    pub retention: Option<Duration>,
}

/// A database: that of the gateway, or a plugin's own.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH`, `postgres://…` or `mysql://…`. Default: `gateway.db` in the data
    /// directory.
    pub url: String,
    /// PostgreSQL: the schema that holds the tables; made when it is missing.
    pub schema: Option<String>,
    /// Connections at most. Default 10.
    pub max_connections: u32,
    /// How long to wait for a connection before `unavailable`. Default 3 s.
    pub acquire_timeout: Duration,
    /// A connection that was idle for longer is closed. Default 10 min.
    pub idle_timeout: Duration,
    /// How long a start waits for the database to answer. Default 30 s.
    pub connect_timeout: Duration,
    /// Prepared statements kept for each connection. Default 256.
    pub statement_cache: usize,
}

/// Without the password in the address.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("url", &database_url::masked(&self.url))
            .field("schema", &self.schema)
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_cache", &self.statement_cache)
            .finish()
    }
}

/// How the schemas of the gateway and its plugins are kept up to date.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    /// Whether `serve` applies what is pending. Default true.
    pub at_start: bool,
}

/// How bearer tokens are verified.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The keys; a token is tried against those whose algorithm and key id fit.
    #[serde(skip)]
    pub keys: Vec<Key>,
    /// A JSON Web Key Set, in a file or at a URL.
    pub jwks: Jwks,
    /// The table of keys of the original's authentication service.
    pub database: Option<KeyTable>,
    /// How often keys are read again from there.
    pub refresh: Refresh,
    /// The `iss` that a token must carry. Unset: not looked at.
    pub issuer: Option<String>,
    /// The `aud` that a token must carry. Unset: not looked at.
    pub audience: Option<String>,
    /// Whether a token without `exp` is refused. Default true.
    pub require_exp: bool,
    /// The clock difference that is forgiven in `exp` and `nbf`. Default 5 s.
    pub leeway: Duration,
    /// The longest token. Default 16 KiB.
    pub max_token_bytes: usize,
}

impl Auth {
    /// Whether a secret has to be made, because nothing says where keys come from.
    pub(crate) fn has_no_keys(&self) -> bool {
        self.keys.is_empty()
            && self.jwks.file.is_none()
            && self.jwks.url.is_none()
            && self.database.is_none()
    }
}

/// A JSON Web Key Set. Both places may be given; their keys add up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwks {
    /// The file.
    pub file: Option<PathBuf>,
    /// The address: `https`, or `http` of this machine.
    pub url: Option<String>,
    /// The certificates, in PEM, that the server's is checked with in place of the
    /// system's.
    pub ca_file: Option<PathBuf>,
    /// The longest set. Default 256 KiB.
    pub max_bytes: usize,
}

/// A table with the columns `key_id` and `public_key`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyTable {
    /// The database's address.
    pub url: String,
    /// The table's name, with its schema or without. Unset: `main.jwt_keys`, on MySQL
    /// `jwt_keys`.
    pub table: Option<String>,
}

/// Without the password in the address.
impl fmt::Debug for KeyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTable")
            .field("url", &database_url::masked(&self.url))
            .field("table", &self.table)
            .finish()
    }
}

/// How often keys are read from their sources.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// From one read to the next. Default 5 min.
    pub interval: Duration,
    /// From one read to the next that an unknown key id or a failure causes. Default
    /// 10 s.
    pub floor: Duration,
    /// How long keys stay in use that their source does not confirm. Default 1 h.
    pub max_age: Duration,
    /// How long one read may take, and a request wait for it. Default 3 s.
    pub timeout: Duration,
}

/// One verification key. Its algorithm is fixed here, never taken from a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The `kid` that a token must name to be tried against this key. Unset: any.
    pub id: Option<String>,
    /// What it verifies.
    pub algorithm: Algorithm,
    /// A secret (HS256) or a PEM public key.
    pub material: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// One plugin: where it is, where it answers, and its limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// The component's file.
    pub file: PathBuf,
    /// The path prefix that it answers below. Default `/`.
    pub mount: String,
    /// The hosts that it answers for: names, or `*.` and a name. Default empty: every one.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// What it may import. Default everything.
    #[serde(default)]
    pub grants: Grants,
    /// A database of its own. Default none: the gateway's.
    #[serde(skip)]
    pub database: Option<Database>,
    /// Whether an instance may serve more than one request. Default reuse.
    pub isolation: Isolation,
    /// The plugin's limits.
    pub limits: Limits,
    /// The plugin's own settings, which mean something to it alone.
    #[serde(default, deserialize_with = "kind::pairs")]
    pub settings: BTreeMap<String, String>,
}

/// Whether an instance may serve more than one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Warm instances, one request at a time in each.
    Reuse,
    /// A new instance for each request.
    Fresh,
}

/// The limits of one plugin.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Instances at once, and so requests being handled at once. Default 64.
    pub instances: usize,
    /// Requests that may wait for an instance; more get 503. Default 512.
    pub queue: usize,
    /// How long a request may wait for an instance before it gets 503. Default 2 s.
    pub queue_timeout: Duration,
    /// Requests that one instance serves before it is replaced. Default 10,000.
    pub uses: u32,
    /// Linear memory of one instance. Default 64 MiB.
    pub memory: usize,
    /// Elements of one table of an instance. Default 10,000.
    pub table: usize,
    /// Time that the guest's own code may run for one request. Default 1 s.
    pub cpu_time: Duration,
    /// From the call to the answer, waits included. Default 30 s.
    pub wall_time: Duration,
    /// The longest request body that is handed over as bytes. Default 1 MiB.
    pub inline_body: usize,
    /// The longest response body. Default 16 MiB.
    pub response_body: usize,
    /// What one SQL statement may do.
    pub sql: SqlLimits,
    /// What of the blob store it may use.
    pub blob: BlobLimits,
    /// Log lines for one request; further ones are counted and dropped. Default 100.
    pub log_lines: u32,
}

/// What of the blob store one plugin may use.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobLimits {
    /// Bytes of one blob. Default 5 GiB.
    pub bytes: u64,
    /// Uploads at once; more get 503. Each has an instance. Default 16.
    pub uploads: usize,
    /// Downloads at once; more get 503. Default 256.
    pub downloads: usize,
}

/// What one SQL statement may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlLimits {
    /// Rows of one result. Default 10,000.
    pub rows: usize,
    /// Bytes of one result's values. Default 16 MiB.
    pub bytes: usize,
    /// How long one statement may take. Default 5 s.
    pub statement_timeout: Duration,
    /// Transactions that one request may have open at once. Default 4.
    pub transactions: usize,
}

/// What is logged and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A filter such as `info` or `gateway=debug,sqlx=warn`. Default `info`.
    pub filter: String,
    /// The form of a line. Default human on a terminal, JSON elsewhere.
    pub format: LogFormat,
    /// Whether each request has a line. Default false.
    pub access: bool,
}

/// What is measured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Routes of one version of a plugin that are counted apart. Default 100.
    pub max_routes: usize,
}

/// Which traces are sent where.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The part of the requests that is traced, from 0 to 1, of those that do not say so
    /// themselves. Default 1.
    pub sample: f64,
    /// The collector.
    pub otlp: Otlp,
}

/// A collector that takes OTLP over HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// Its address, without `/v1/traces`. Unset: there are no traces.
    pub endpoint: Option<String>,
    /// The file of the headers that it wants.
    pub headers_file: Option<PathBuf>,
    /// Whether the text of SQL statements is sent. Default false.
    pub statements: bool,
    /// How long it may take to answer. Default 5 s.
    pub timeout: Duration,
    /// Spans that wait to be sent; further ones are dropped. Default 4,096.
    pub queue: usize,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}
