//! The table of settings: every key, its default, its bounds and its text, once.
//!
//! The loader, `gateway config`, and the table in `docs/configuration.md` all come from
//! here.

use std::time::Duration;

use super::kind::{Item, Kind};

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The TOML key. `*` stands for a plugin's name.
    pub key: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds when nobody says anything, as one would write it in the environment.
    pub default: Option<&'static str>,
    /// Variables of the original service that say the same.
    pub also: &'static [&'static str],
    /// What it is for.
    pub text: &'static str,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// As `humantime` counts it.
const YEAR: u64 = 31_557_600_000;

/// Every setting, in the order in which they are shown.
#[rustfmt::skip] // A table: one setting, two lines.
pub const SETTINGS: &[Setting] = &[
    set("data", Kind::Path, "./data",
        "The folder of the embedded database, the compile cache and the generated signing \
         secret. Made with mode 0700 when it is missing."),
    set("server.listen", Kind::Address, "127.0.0.1:3000",
        "Where to listen; port 0 takes a free one.").or(&["HOST", "PORT"]),
    set("server.max_connections", count(1, 1_000_000), "10000",
        "Open connections; more wait in the kernel's backlog."),
    set("server.max_requests", count(1, 100_000), "1024",
        "Requests being handled at once, on all connections."),
    set("server.max_queue", count(0, 1_000_000), "1024",
        "Requests that may wait for one of those places; more get 503."),
    set("server.queue_timeout", time(1, HOUR), "2s",
        "How long a request may wait for a place before it gets 503."),
    set("server.header_timeout", time(100, HOUR), "30s",
        "From the first byte of a request's head to its last. Also how long an idle keep-alive \
         connection is kept."),
    set("server.body_timeout", time(100, HOUR), "30s",
        "The longest pause between two pieces of a body, and the time for all of one that is \
         handed over inline."),
    set("server.max_header_bytes", size(8 * KIB, MIB), "32KiB",
        "The longest head: request line and fields."),
    set("server.max_body_bytes", size(1, TIB), "16MiB", "The longest body."),
    set("server.max_streams", count(1, 10_000), "128", "Streams at once on one HTTP/2 connection."),
    set("server.drain_timeout", time(0, HOUR), "30s",
        "How long requests in flight may go on after SIGTERM before they are cut."),
    unset("server.trusted_proxies", Kind::List(Item::Network),
        "The networks of the proxies that are believed about where a request comes from. Unset: \
         what they say is ignored."),
    set("server.forwarded_header", Kind::Choice(&["x-forwarded-for", "forwarded"]),
        "x-forwarded-for",
        "The header in which those proxies say it, and which they must write themselves. The \
         other one is ignored."),
    unset("server.cors.origins", Kind::List(Item::Origin),
        "The origins whose pages may read the answers, or `*` for every one. Unset: none, and no \
         request is treated as one of a browser."),
    set("server.cors.methods", Kind::List(Item::Token), "GET, HEAD, POST, PUT, PATCH, DELETE",
        "The methods that those pages may use."),
    set("server.cors.headers", Kind::List(Item::Token),
        "authorization, content-type, if-match, if-none-match, idempotency-key",
        "The request headers that those pages may set, beside those that need no leave."),
    set("server.cors.expose", Kind::List(Item::Token),
        "etag, link, location, retry-after, x-next-cursor, idempotency-replayed, x-request-id",
        "The response headers that those pages may read, beside those that need no leave."),
    set("server.cors.max_age", time(0, DAY), "10min",
        "How long a browser may remember what it was told of methods and headers."),
    set("server.cors.credentials", Kind::Flag, "false",
        "Whether browsers may send cookies and certificates along. Bearer tokens need no such \
         leave. Never together with a `*`."),
    set("server.compression.enabled", Kind::Flag, "true",
        "Whether answers are compressed for clients that accept it: gzip or zstd."),
    set("server.compression.min_bytes", size(1, GIB), "1KiB",
        "The shortest body that is compressed."),
    set("server.compression.level", count(1, 9), "3",
        "How hard both try, from fast to small."),
    set("server.security.nosniff", Kind::Flag, "true",
        "Whether browsers must take an answer's type as it is said (`X-Content-Type-Options`)."),
    set("server.security.referrer_policy", Kind::Choice(&["off", "no-referrer", "same-origin",
        "strict-origin", "strict-origin-when-cross-origin"]), "no-referrer",
        "What browsers tell other sites of where a visitor comes from (`Referrer-Policy`)."),
    set("server.security.frames", Kind::Choice(&["deny", "same-origin", "off"]), "deny",
        "Whose pages may show an answer in a frame (`X-Frame-Options`)."),
    set("server.security.hsts", time(0, 2 * YEAR), "1year",
        "How long browsers that came over TLS come back over nothing else \
         (`Strict-Transport-Security`); 0 says nothing of it."),
    set("server.security.hsts_subdomains", Kind::Flag, "false",
        "Whether that holds for all subdomains of the host, too."),
    set("server.rate.max_keys", count(1000, 10_000_000), "100000",
        "Addresses, and callers, that are kept in mind; those that come least are forgotten. \
         About 100 bytes each."),
    unset("server.rate.address.per_second", count(1, 1_000_000),
        "Requests of one address (of IPv6: one /64) in a second, on average; more get 429. \
         Unset: no limit."),
    unset("server.rate.address.burst", count(1, 1_000_000),
        "How many of them may come at once. Unset: those of one second."),
    unset("server.rate.caller.per_second", count(1, 1_000_000),
        "Requests of one caller, by the token, in a second, on average; more get 429. Unset: no \
         limit."),
    unset("server.rate.caller.burst", count(1, 1_000_000),
        "How many of them may come at once. Unset: those of one second."),
    unset("server.tls.certificate", Kind::Path,
        "A PEM file with the certificate of the public listener, followed by those between it and its authority. \
         Read again when it changes. Unset: no TLS."),
    unset("server.tls.key", Kind::Path, "A PEM file with the private key of that certificate."),
    unset("server.tls.client_ca", Kind::Path,
        "A PEM file with the authorities that sign the certificates of clients."),
    set("server.tls.client_auth", Kind::Choice(&["off", "optional", "required"]), "off",
        "Whether clients show a certificate of one of those authorities. `optional`: one without \
         is taken, one with a bad one is not."),
    set("server.tls.handshake_timeout", time(10, MINUTE), "10s",
        "How long a handshake may take."),
    set("server.tls.max_handshakes", count(1, 100_000), "512",
        "Handshakes at once; more wait within their time. A peer that has said nothing yet \
         does not count."),
    set("server.tls.reload_interval", time(10, DAY), "10s",
        "How often the files are looked at."),
    set("admin.listen", Kind::Address, "127.0.0.1:3001",
        "Where the operator's page (`/`) and endpoints (`/healthz`, `/readyz`, `/metrics`, `/v1`) \
         listen; port 0 takes a free one."),
    unset("admin.token", Kind::Secret,
        "The bearer token of the operator's API. Unset: a random one is made and kept in \
         `admin.token` in the data folder, with mode 0600, where `gateway plugin` finds it."),
    unset("admin.token_file", Kind::Path,
        "A file that holds `admin.token`. A line end at its end does not count."),
    unset("admin.tls.certificate", Kind::Path,
        "A PEM file with the certificate of the operator's listener, followed by those between it and its authority. \
         Read again when it changes. Unset: no TLS."),
    unset("admin.tls.key", Kind::Path, "A PEM file with the private key of that certificate."),
    unset("admin.tls.client_ca", Kind::Path,
        "A PEM file with the authorities that sign the certificates of clients."),
    set("admin.tls.client_auth", Kind::Choice(&["off", "optional", "required"]), "off",
        "Whether clients show a certificate of one of those authorities. `optional`: one without \
         is taken, one with a bad one is not."),
    set("admin.tls.handshake_timeout", time(10, MINUTE), "10s",
        "How long a handshake may take."),
    set("admin.tls.max_handshakes", count(1, 100_000), "512",
        "Handshakes at once; more wait within their time. A peer that has said nothing yet \
         does not count."),
    set("admin.tls.reload_interval", time(10, DAY), "10s",
        "How often the files are looked at."),
    unset("audit.retention", time(DAY, 100 * YEAR),
        "How long a row of the audit record is kept. What is older is removed every hour, and the \
         rest stays verifiable. Unset: for ever."),
    unset("blob.store", Kind::Store,
        "Where uploaded content is kept: the path of a folder, which is made when it is missing, \
         or `s3://BUCKET/PREFIX`, where the bucket must be there. Unset: `blobs` in the data \
         folder. A start writes, reads and removes an object there."),
    set("blob.timeout", time(100, HOUR), "1min",
        "How long the store may take for one piece or request, all tries included, before it \
         counts as unavailable; also for each step of that look at the start."),
    set("blob.upload_timeout", time(100, 7 * DAY), "1h", "How long an upload may take in all."),
    set("blob.stall_timeout", time(100, HOUR), "30s",
        "How long the client of a download may take nothing before it is cut."),
    set("blob.grace", time(0, YEAR), "1day",
        "How long content is kept that nobody needs. Longer than `blob.upload_timeout`."),
    set("blob.gc_interval", time(100, 30 * DAY), "1h",
        "How often such content is looked for, and removed."),
    set("blob.lost_after", time(100, DAY), "1min",
        "How long a gateway may be silent before its downloads are recorded as lost."),
    unset("blob.redirect", time(1000, DAY),
        "For how long a client that is sent to the store may fetch a blob there. Unset: clients \
         are not sent there, and the gateway streams everything itself."),
    unset("blob.s3.endpoint", Kind::Collector,
        "The address of a server that speaks S3. Unset: that of AWS for the region."),
    set("blob.s3.region", Kind::Text, "us-east-1", "The region that requests are signed for."),
    unset("blob.s3.access_key", Kind::Secret, "Who the gateway is there: the id of an access key."),
    unset("blob.s3.access_key_file", Kind::Path, "A file that holds `blob.s3.access_key`."),
    unset("blob.s3.secret_key", Kind::Secret, "The secret of that access key."),
    unset("blob.s3.secret_key_file", Kind::Path, "A file that holds `blob.s3.secret_key`."),
    set("blob.s3.path_style", Kind::Flag, "true",
        "Whether the bucket is named in the path of an address. Off: in the host."),
    set("blob.s3.allow_http", Kind::Flag, "false",
        "Whether `blob.s3.endpoint` may be `http://`."),
    set("blob.s3.part_bytes", size(5 * MIB, GIB), "8MiB",
        "Content that is longer is sent in parts of that size, at most 10,000. An upload holds \
         two of them in memory."),
    set("blob.s3.request_timeout", time(100, HOUR), "15s",
        "How long the server may be silent before a request is tried again, or a read goes on \
         with another one from where it was."),
    set("blob.s3.retries", count(0, 100), "5",
        "How often a request is tried again, within `blob.timeout`."),
    set("events.partitions", count(1, 256), "16",
        "Partitions of an event log that is made now; one that is there keeps what it has."),
    set("events.topic_bytes", size(64, KIB), "512", "The longest topic, and the longest subject."),
    set("events.payload_bytes", size(64, MIB), "16KiB", "The longest payload of an event."),
    set("events.transaction", count(1, 10_000), "1000",
        "Events that one transaction may publish, what it admits and revokes included."),
    set("events.topics", count(1, 10_000), "1000", "Topics of one connection."),
    set("events.connections", count(1, 1_000_000), "100000",
        "Live connections of all plugins together; `server.max_connections` holds as well."),
    set("events.caller_connections", count(1, 100_000), "64", "Live connections of one subject."),
    set("events.queue", count(1, 100_000), "256",
        "Events that may wait for a client; one that takes them too slowly is told where to go \
         on, and closed."),
    set("events.replay", count(0, 10_000), "1000",
        "Events that a client which comes back is sent; when it missed more, it is told that \
         alone (`sync.reset`)."),
    set("events.frame_bytes", size(64, MIB), "16KiB",
        "The longest frame that a client may send on a WebSocket."),
    set("events.frame_rate", count(1, 1_000_000), "10",
        "Frames that one such client may send in a second, on average; one that sends more is \
         closed."),
    set("events.frame_burst", count(1, 1_000_000), "20", "How many of them may come at once."),
    set("events.heartbeat", time(100, HOUR), "25s",
        "How often a client hears from an idle connection."),
    set("events.poll", time(10, HOUR), "500ms",
        "How often the log is looked at for what no notice told."),
    set("events.bus_poll", time(10, HOUR), "1s",
        "The same while the other gateways can be heard over the bus: what a lost notice costs."),
    set("events.wait", time(0, HOUR), "60s", "How long a long poll may wait at most."),
    set("events.retry", time(10, HOUR), "2s",
        "When a client should come back that lost its connection."),
    set("events.retention", time(1000, 100 * YEAR), "7days",
        "How long an event is kept for clients that come back."),
    set("events.retention_count", count(1, 1_000_000_000), "1000000",
        "How many events of one partition are kept."),
    set("events.sweep_interval", time(10, DAY), "1min",
        "How often what is older, or more, is removed."),
    set("events.bus", Kind::Choice(&["auto", "none", "postgres", "nats"]), "auto",
        "Over what gateways tell each other of events. `auto`: NATS when `events.nats.url` is set, \
         or else LISTEN and NOTIFY of a PostgreSQL that has the log, or else nothing: each looks \
         every `events.poll`."),
    unset("events.nats.url", Kind::Secret,
        "The address of a NATS server, `nats://USER:PASSWORD@HOST:PORT` or `tls://HOST:PORT`, or \
         those of several of one cluster, separated by commas."),
    unset("events.nats.url_file", Kind::Path, "A file that holds `events.nats.url`."),
    set("events.nats.prefix", Kind::Text, "gateway",
        "What the subjects begin with: they are PREFIX.LOG.PARTITION and PREFIX.LOG.signal."),
    unset("events.nats.credentials_file", Kind::Path,
        "A file of credentials, as `nsc` writes it."),
    unset("events.nats.ca_file", Kind::Path,
        "A PEM file with the authorities that sign the servers' certificates, beside those of the \
         system."),
    set("engine.optimize", Kind::Choice(&["speed", "none"]), "speed",
        "How components are compiled. `none` compiles sooner and runs slower: for those who \
         write one and wait for it."),
    set("deploy.drain_timeout", time(0, DAY), "60s",
        "How long a version that was replaced may take to finish what it began before it is \
         cut, which its clients see as 503."),
    set("deploy.follow_interval", time(10, HOUR), "1s",
        "How often a gateway looks whether another one has changed which version serves, and \
         judges a canary."),
    set("deploy.check_timeout", time(100, HOUR), "10s",
        "How long the smoke requests of a version may take before it serves, all together."),
    set("deploy.gateway_timeout", time(1000, DAY), "30s",
        "How long a gateway may be silent before it counts as gone, and does not keep \
         `gateway plugin contract` from taking away what its version needs."),
    set("deploy.max_bytes", size(KIB, GIB), "64MiB", "The largest component."),
    unset("deploy.trusted_keys", Kind::List(Item::Pair),
        "Public keys that components may be signed with, as `NAME=FILE`: each file is the PEM of \
         an Ed25519 key."),
    set("deploy.require_signature", Kind::Flag, "false",
        "Whether a component without a good signature by one of those keys is refused. That of \
         `plugin.NAME.file` stands beside it, in `FILE.sig`."),
    unset("database.url", Kind::Url,
        "The database. Unset: `gateway.db` in the data folder. Special characters in the parts \
         are percent-encoded.").or(&["DATABASE_URL"]),
    unset("database.url_file", Kind::Path,
        "A file that holds `database.url`, for secret stores that mount files.").or(&["DATABASE_URL_FILE"]),
    unset("database.schema", Kind::Text,
        "PostgreSQL: the schema that holds the tables; made when it is missing. Unset: the \
         connection's own.").or(&["DB_SCHEMA"]),
    set("database.max_connections", count(1, 10_000), "10",
        "Connections at most.").or(&["DB_MAX_CONNECTIONS"]),
    set("database.acquire_timeout", time(1, HOUR), "3s",
        "How long a request waits for a connection.").or(&["DB_CONNECTION_TIMEOUT_MILLIS"]),
    set("database.idle_timeout", time(1, DAY), "10min",
        "A connection that was idle for longer is closed.").or(&["DB_IDLE_TIMEOUT_MILLIS"]),
    set("database.connect_timeout", time(0, HOUR), "30s",
        "How long a start waits for the database to answer."),
    set("database.statement_cache", count(0, 10_000), "256",
        "Prepared statements kept for each connection."),
    set("migrate.at_start", Kind::Flag, "true",
        "Whether `serve` applies what is pending of the schemas. Off: it does not start while \
         something is, and `gateway migrate up` applies it.")
        .or(&["SOURCELOOP_MIGRATION", "<NAME>_MIGRATION"]),
    unset("auth.secret", Kind::Secret,
        "The secret of HS256 tokens. With no key of any kind, a random one is made and kept in \
         `jwt.secret` in the data folder, with mode 0600.").or(&["JWT_SECRET"]),
    unset("auth.secret_file", Kind::Path,
        "A file that holds `auth.secret`. A line end at its end does not count.").or(&["JWT_SECRET_FILE"]),
    unset("auth.keys", Kind::Keys,
        "More keys, each with `algorithm` (`HS256`, `RS256`, `PS256`, `ES256`, `ES384`, `EdDSA`), \
         optionally `id` (the `kid` that a token must name), and one of `secret`, `secret_file`, \
         `public_key` (PEM), `public_key_file`. In the environment: the same as a TOML list of \
         inline tables."),
    unset("auth.issuer", Kind::Text,
        "The `iss` that a token must carry. Unset: not looked at.").or(&["JWT_ISSUER"]),
    unset("auth.audience", Kind::Text, "The `aud` that a token must carry. Unset: not looked at."),
    set("auth.require_exp", Kind::Flag, "true", "Whether a token without `exp` is refused."),
    set("auth.leeway", time(0, HOUR), "5s",
        "The clock difference that is forgiven in `exp` and `nbf`."),
    set("auth.max_token_bytes", size(256, MIB), "16KiB", "The longest token."),
    unset("auth.jwks.file", Kind::Path, "A file with a JSON Web Key Set, read again from time to time."),
    unset("auth.jwks.url", Kind::HttpUrl,
        "Where a JSON Web Key Set is fetched. Redirects are not followed."),
    unset("auth.jwks.ca_file", Kind::Path,
        "A PEM file of certificates: the server of `auth.jwks.url` must be signed by one of them. \
         Unset: those that the system trusts."),
    set("auth.jwks.max_bytes", size(KIB, 16 * MIB), "256KiB", "The longest key set."),
    unset("auth.database.url", Kind::Url,
        "The database that holds the `jwt_keys` table of the original's authentication service: \
         RS256 keys by their `key_id`. Only `key_id` and `public_key` are read.").or(&["AUTH_DB"]),
    unset("auth.database.url_file", Kind::Path,
        "A file that holds `auth.database.url`, for secret stores that mount files."),
    unset("auth.database.table", Kind::Table,
        "That table. Unset: `main.jwt_keys`, on MySQL `jwt_keys`.").or(&["DB_SCHEMA"]),
    set("auth.refresh.interval", time(10, DAY), "5min",
        "How often key sets and the table of keys are read again."),
    set("auth.refresh.floor", time(10, HOUR), "10s",
        "The shortest time from one such read to the next. A token with an unknown `kid` causes a \
         read at once, but none within this time of the last; a read that failed is tried again \
         after it."),
    set("auth.refresh.max_age", time(10, 30 * DAY), "1h",
        "How long keys stay in use while their source does not answer."),
    set("auth.refresh.timeout", time(10, MINUTE), "3s",
        "How long such a read may take, and how long a request waits for one."),
    unset("plugin.*.file", Kind::Path,
        "The component's file. One that was never deployed becomes the version that serves when \
         the gateway starts; otherwise the version that was last activated does. A plugin \
         without a file is refused."),
    set("plugin.*.mount", Kind::Mount, "/",
        "The path prefix that it answers below. Two plugins cannot have the same, unless their \
         hosts differ."),
    unset("plugin.*.hosts", Kind::List(Item::Host),
        "The hosts that it answers for, by the names that clients call them. Unset: every one \
         that no other plugin answers for."),
    unset("plugin.*.grants", Kind::List(Item::Grant),
        "What it may use. A component that imports more is refused. Unset: everything that the \
         gateway offers."),
    set("plugin.*.isolation", Kind::Choice(&["reuse", "fresh"]), "reuse",
        "`reuse`: warm instances, one request at a time in each. `fresh`: a new instance for \
         each request."),
    unset("plugin.*.settings", Kind::List(Item::Pair),
        "The plugin's own settings, handed to it as they are; its documentation says what they \
         mean."),
    unset("plugin.*.database.url", Kind::Url,
        "A database of its own, with an audit record of its own. Unset: the gateway's."),
    unset("plugin.*.database.url_file", Kind::Path,
        "A file that holds `plugin.NAME.database.url`."),
    unset("plugin.*.database.schema", Kind::Text,
        "PostgreSQL: a schema of its own, in that database or, without one, in the gateway's; \
         made when it is missing."),
    unset("plugin.*.database.max_connections", count(1, 10_000),
        "Connections to it at most. Unset: as `database.max_connections`, and so are the other \
         settings of `database`."),
    set("plugin.*.limits.instances", count(1, 10_000), "64",
        "Instances at once, and so requests being handled at once."),
    set("plugin.*.limits.queue", count(0, 100_000), "512",
        "Requests that may wait for an instance; more get 503."),
    set("plugin.*.limits.queue_timeout", time(1, HOUR), "2s",
        "How long a request may wait for an instance before it gets 503."),
    set("plugin.*.limits.uses", count(1, 4_294_967_295), "10000",
        "Requests that one instance serves before it is replaced."),
    set("plugin.*.limits.memory", size(MIB, 4 * GIB), "64MiB", "Linear memory of one instance."),
    set("plugin.*.limits.table", count(1, 1_000_000), "10000",
        "Elements of one table of an instance."),
    set("plugin.*.limits.cpu_time", time(1, HOUR), "1s",
        "Time that the plugin's own code may run for one request. At most `wall_time`."),
    set("plugin.*.limits.wall_time", time(1, HOUR), "30s",
        "From the call to the answer, waits included."),
    set("plugin.*.limits.inline_body", size(1, 64 * MIB), "1MiB",
        "The longest request body that is handed over as bytes; longer ones are handed over as \
         a stream."),
    set("plugin.*.limits.response_body", size(1, GIB), "16MiB", "The longest response body."),
    set("plugin.*.limits.log_lines", count(0, 100_000), "100",
        "Log lines for one request; further ones are counted and dropped."),
    set("plugin.*.limits.blob.bytes", size(1, 5 * TIB), "5GiB",
        "Bytes of one blob, such as an uploaded file."),
    set("plugin.*.limits.blob.uploads", count(1, 10_000), "16",
        "Uploads at once; more get 503. Each has one of the instances for as long as it takes."),
    set("plugin.*.limits.blob.downloads", count(1, 100_000), "256",
        "Downloads at once; more get 503."),
    set("plugin.*.limits.sql.rows", count(1, 1_000_000), "10000", "Rows of one result."),
    set("plugin.*.limits.sql.bytes", size(KIB, GIB), "16MiB", "Bytes of one result's values."),
    set("plugin.*.limits.sql.statement_timeout", time(1, HOUR), "5s",
        "How long one statement may take."),
    set("plugin.*.limits.sql.transactions", count(1, 64), "4",
        "Transactions that one request may have open at once."),
    set("inspection.concurrency", count(1, 1000), "2",
        "Contents that are inspected at once, of all plugins together."),
    set("inspection.interval", time(10, HOUR), "1s",
        "How often a gateway looks for content that is to be inspected."),
    set("inspection.lease", time(1000, HOUR), "30s",
        "How long a gateway may be silent before another one takes its inspections over."),
    set("inspection.tries", count(1, 100), "12",
        "How often an inspection is tried that fails for the store's, the database's or the \
         plugin's sake, before it is given up."),
    set("inspection.backoff", time(10, HOUR), "1s",
        "The pause after the first such try; it doubles with each, up to an hour."),
    unset("inspector.*.file", Kind::Path,
        "A component that looks into uploaded content, such as a scanner. It sees one content \
         at a time, and nothing else."),
    set("inspector.*.types", Kind::List(Item::MediaType), "*/*",
        "The media types that it is shown, as the plugin says them."),
    set("inspector.*.limits.memory", size(MIB, 4 * GIB), "256MiB",
        "Its linear memory for one content."),
    set("inspector.*.limits.table", count(1, 1_000_000), "10000", "Elements of one table."),
    set("inspector.*.limits.cpu_time", time(1, HOUR), "10s",
        "Time that its own code may run for one content. At most `wall_time`."),
    set("inspector.*.limits.wall_time", time(1, HOUR), "1min",
        "How long one content may take it, waits for the store included."),
    set("inspector.*.limits.derived", size(0, 64 * MIB), "256KiB",
        "Bytes of all that it makes of one content, such as a smaller picture."),
    set("inspector.*.limits.log_lines", count(0, 100_000), "100",
        "Log lines for one content; further ones are counted and dropped."),
    set("log.filter", Kind::Filter, "info",
        "What is logged: a level, or levels by module.").or(&["LOG_LEVEL"]),
    set("log.format", Kind::Choice(&["auto", "human", "json"]), "auto",
        "The form of a line on standard error. `auto`: human on a terminal, JSON elsewhere."),
    set("log.access", Kind::Flag, "false",
        "Whether each request has a line, of target `access` and level `info`."),
    set("metrics.max_routes", count(1, 10_000), "100",
        "Routes of one version of a plugin that are counted apart; further ones are counted \
         together, as `other`."),
    unset("telemetry.otlp.endpoint", Kind::Collector,
        "The address of a collector of OpenTelemetry that takes OTLP over HTTP; `/v1/traces` is \
         added. Unset: there are no traces."),
    unset("telemetry.otlp.headers_file", Kind::Path,
        "A file with the headers that it wants, such as a key: one `name: value` a line."),
    set("telemetry.otlp.statements", Kind::Flag, "false",
        "Whether the text of SQL statements is sent, cut at 1 KiB. It has no values but those \
         that a plugin writes into it."),
    set("telemetry.otlp.timeout", time(10, MINUTE), "5s",
        "How long it may take to answer, and how long a stop waits for what is left to be sent."),
    set("telemetry.otlp.queue", count(1, 1_000_000), "4096",
        "Spans that wait to be sent; further ones are dropped."),
    set("telemetry.sample", Kind::Share, "1",
        "The part of the requests that is traced, of those whose `traceparent` does not decide."),
];

/// Settings of which a layer may say only one, and where one said later hides the other.
pub(super) const ALTERNATIVES: &[(&str, &str)] = &[
    ("auth.secret", "auth.secret_file"),
    ("database.url", "database.url_file"),
    ("auth.database.url", "auth.database.url_file"),
    ("admin.token", "admin.token_file"),
    ("blob.s3.access_key", "blob.s3.access_key_file"),
    ("events.nats.url", "events.nats.url_file"),
    ("blob.s3.secret_key", "blob.s3.secret_key_file"),
    ("plugin.*.database.url", "plugin.*.database.url_file"),
];

const fn set(key: &'static str, kind: Kind, default: &'static str, text: &'static str) -> Setting {
    Setting {
        key,
        kind,
        default: Some(default),
        also: &[],
        text,
    }
}

const fn unset(key: &'static str, kind: Kind, text: &'static str) -> Setting {
    Setting {
        key,
        kind,
        default: None,
        also: &[],
        text,
    }
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

const fn size(min: u64, max: u64) -> Kind {
    Kind::Size { min, max }
}

/// Both ends in milliseconds.
const fn time(min: u64, max: u64) -> Kind {
    Kind::Time {
        min: Duration::from_millis(min),
        max: Duration::from_millis(max),
    }
}

impl Setting {
    const fn or(mut self, also: &'static [&'static str]) -> Self {
        self.also = also;
        self
    }

    /// The variable that says the same as the key: `server.listen` is
    /// `GATEWAY_SERVER_LISTEN`, `plugin.*.file` is `GATEWAY_PLUGIN_<NAME>_FILE`.
    pub fn variable(&self) -> String {
        variable(self.key)
    }

    /// Of a key with a name in it: the group, and the part behind the name, such as
    /// `plugin` and `limits.memory`.
    pub(super) fn of_named(&self) -> Option<(&'static str, &'static str)> {
        self.key.split_once(".*.")
    }
}

/// The variable that says the same as a key.
pub(super) fn variable(key: &str) -> String {
    let key = key
        .to_ascii_uppercase()
        .replace(['.', '-'], "_")
        .replace('*', "<NAME>");
    format!("GATEWAY_{key}")
}

/// The setting of a full key such as `plugin.notes.mount`.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    let named = named(key).map(|(group, _, rest)| (group, rest));
    SETTINGS.iter().find(|setting| match setting.of_named() {
        Some(of) => named == Some(of),
        None => setting.key == key,
    })
}

/// A plugin's name and the rest of its key: `plugin.notes.mount` is `notes` and `mount`.
pub(super) fn plugin_of(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("plugin.")?.split_once('.')
}

/// The groups of keys that have a name of the operator's in them.
pub(super) const GROUPS: [&str; 2] = ["plugin", "inspector"];

/// The parts of such a key: `plugin.notes.mount` is `plugin`, `notes` and `mount`.
pub(super) fn named(key: &str) -> Option<(&'static str, &str, &str)> {
    let (of, rest) = key.split_once('.')?;
    let group = GROUPS.into_iter().find(|group| *group == of)?;
    let (name, rest) = rest.split_once('.')?;
    Some((group, name, rest))
}

/// Whether a plugin may be called so: it is a part of keys, variables and log lines.
pub(crate) fn is_plugin_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

/// The name most similar to a mistyped one, when any is similar enough to be meant.
pub(super) fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    names
        .map(|other| (strsim::damerau_levenshtein(name, &other), other))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= name.len() / 3)
        .map(|(_, other)| other)
}
