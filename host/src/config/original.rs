//! The variables of the original service, so that an installation of it can be
//! pointed at the gateway as it is. Variables of the gateway's own names win.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::database_url::Parts;
use super::env::Environment;
use super::error::ConfigError;
use super::file;
use super::kind::quote;
use super::layers::{Given, Place};

/// Variables that say what one setting says, in the same words.
const SAME: &[(&str, &str)] = &[
    ("JWT_SECRET", "auth.secret"),
    ("JWT_SECRET_FILE", "auth.secret_file"),
    ("JWT_ISSUER", "auth.issuer"),
    ("DATABASE_URL", "database.url"),
    ("DATABASE_URL_FILE", "database.url_file"),
    ("DB_SCHEMA", "database.schema"),
];

/// What the variables say, the weaker layer first.
pub(super) fn given(
    env: &Environment,
    warnings: &mut Vec<String>,
) -> Result<[Vec<Given>; 2], ConfigError> {
    let mut parts = Vec::new();
    parts.extend(listen(env)?);
    parts.extend(log_filter(env)?);
    parts.extend(databases(env)?);
    parts.extend(pool(env, warnings)?);
    let mut same = Vec::new();
    for (name, key) in SAME {
        env.refuse_empty_secret(name, key)?;
        if let Some(value) = env.get(name)? {
            same.push(Given::text(key, value, Place::Variable((*name).into())));
        }
    }
    Ok([parts, same])
}

/// `HOST` and `PORT`. Without `HOST`, only this machine is listened to: a port alone
/// should not open it to the world.
fn listen(env: &Environment) -> Result<Option<Given>, ConfigError> {
    let (host, port) = (env.get("HOST")?, env.get("PORT")?);
    let place = match (host, port) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => "HOST and PORT",
        (Some(_), None) => "HOST",
        (None, Some(_)) => "PORT",
    };
    let ip: IpAddr = match host {
        None | Some("localhost") => Ipv4Addr::LOCALHOST.into(),
        Some(text) => parse("HOST", text, "an IP address, such as 0.0.0.0")?,
    };
    let port: u16 = match port {
        None => 3000,
        Some(text) => parse("PORT", text, "a port from 0 to 65535")?,
    };
    let address = SocketAddr::new(ip, port).to_string();
    Ok(Some(Given::text(
        "server.listen",
        &address,
        Place::Variable(place.into()),
    )))
}

/// `LOG_LEVEL`, in the level names of winston.
fn log_filter(env: &Environment) -> Result<Option<Given>, ConfigError> {
    let Some(level) = env.get("LOG_LEVEL")? else {
        return Ok(None);
    };
    let filter = match level.to_ascii_lowercase().as_str() {
        "error" => "error",
        "warn" => "warn",
        "info" | "http" => "info",
        "verbose" | "debug" => "debug",
        "silly" | "trace" => "trace",
        _ => {
            return Err(ConfigError::Value {
                place: "LOG_LEVEL".into(),
                value: quote(level),
                allowed: "one of error, warn, info, http, verbose, debug, silly".into(),
            });
        }
    };
    Ok(Some(Given::text(
        "log.filter",
        filter,
        Place::Variable("LOG_LEVEL".into()),
    )))
}

/// `DB_HOST`, `DB_PORT`, `DB_USER`, `DB_PASSWORD` and `DB_CONNECTOR` as the addresses of
/// two databases: `DB_DATABASE`, and `AUTH_DB` with the keys.
fn databases(env: &Environment) -> Result<Vec<Given>, ConfigError> {
    let (scheme, default_port) = match env.get("DB_CONNECTOR")? {
        None | Some("postgresql" | "postgres") => ("postgres", 5432),
        Some("mysql" | "mariadb") => ("mysql", 3306),
        Some(other) => {
            return Err(ConfigError::Value {
                place: "DB_CONNECTOR".into(),
                value: quote(other),
                allowed: "one of postgresql, mysql".into(),
            });
        }
    };
    let (host, name) = (env.get("DB_HOST")?, env.get("DB_DATABASE")?);
    let keys = env.get("AUTH_DB")?;
    let place = match (host, name) {
        (None, None) => None,
        (Some(_), _) => Some("DB_HOST"),
        (None, Some(_)) => Some("DB_DATABASE"),
    };
    if place.is_none() && keys.is_none() {
        return Ok(Vec::new());
    }
    let from_file = password_file(env)?;
    let server = Parts {
        scheme,
        host: host.unwrap_or("localhost"),
        port: match env.get("DB_PORT")? {
            None => default_port,
            Some(text) => parse("DB_PORT", text, "a port from 0 to 65535")?,
        },
        user: env.get("DB_USER")?,
        password: env.get("DB_PASSWORD")?.or(from_file.as_deref()),
        database: name,
    };
    let given = |key: &str, value: &str, place: &str| {
        Given::text(key, value, Place::Variable(place.into()))
    };
    let mut all = Vec::new();
    if let Some(place) = place {
        all.push(given("database.url", &server.join(), place));
    }
    if keys.is_some() {
        let server = Parts {
            database: keys,
            ..server
        };
        all.push(given("auth.database.url", &server.join(), "AUTH_DB"));
        // The original's data source looks into this schema, on PostgreSQL.
        if let Some(schema) = env.get("DB_SCHEMA")?
            && scheme == "postgres"
        {
            let table = format!("{schema}.jwt_keys");
            all.push(given("auth.database.table", &table, "DB_SCHEMA"));
        }
    }
    Ok(all)
}

fn password_file(env: &Environment) -> Result<Option<String>, ConfigError> {
    let Some(path) = env.get("DB_PASSWORD_FILE")? else {
        return Ok(None);
    };
    if env.get("DB_PASSWORD")?.is_some() {
        return Err(ConfigError::Conflict {
            place: "DB_PASSWORD_FILE".into(),
            reason: "it and DB_PASSWORD say the same; give one".into(),
        });
    }
    let text = file::read_text("DB_PASSWORD_FILE", Path::new(path))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The variables of the connection pool. The original looks at them only when
/// `ENABLE_DB_CONNECTION_POOLING` is on; otherwise its driver's own pool of 10 applies,
/// and that is the gateway's default as well.
fn pool(env: &Environment, warnings: &mut Vec<String>) -> Result<Vec<Given>, ConfigError> {
    const ENABLE: &str = "ENABLE_DB_CONNECTION_POOLING";
    const CONNECTIONS: &str = "DB_MAX_CONNECTIONS";
    const IDLE: &str = "DB_IDLE_TIMEOUT_MILLIS";
    const ACQUIRE: &str = "DB_CONNECTION_TIMEOUT_MILLIS";

    let enabled = match env.get(ENABLE)? {
        None => false,
        Some(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "true" => true,
            "0" | "false" => false,
            _ => {
                return Err(ConfigError::Value {
                    place: ENABLE.into(),
                    value: quote(text),
                    allowed: "one of 1, true, 0, false".into(),
                });
            }
        },
    };
    let mut given = Vec::new();
    for (name, key) in [
        (CONNECTIONS, "database.max_connections"),
        (IDLE, "database.idle_timeout"),
        (ACQUIRE, "database.acquire_timeout"),
    ] {
        let Some(text) = env.get(name)? else { continue };
        if !enabled {
            warnings.push(format!("{name} is ignored, because {ENABLE} is not on"));
            continue;
        }
        let value = match name {
            CONNECTIONS => text.to_owned(),
            _ => millis(name, text)?,
        };
        given.push(Given::text(key, &value, Place::Variable(name.into())));
    }
    Ok(given)
}

/// Milliseconds; 0 means "no limit" to the original's driver, and the longest time that
/// both settings allow here.
fn millis(name: &str, text: &str) -> Result<String, ConfigError> {
    let millis: u64 = parse(name, text, "a whole number of milliseconds")?;
    let time = match millis {
        0 => Duration::from_secs(3600),
        millis => Duration::from_millis(millis),
    };
    Ok(humantime::format_duration(time).to_string())
}

fn parse<T: std::str::FromStr>(name: &str, text: &str, allowed: &str) -> Result<T, ConfigError> {
    text.trim().parse().map_err(|_| ConfigError::Value {
        place: name.into(),
        value: quote(text),
        allowed: allowed.into(),
    })
}
