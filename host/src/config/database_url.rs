//! Addresses of databases: what is allowed, how they are shown, how they are put
//! together.

use std::borrow::Cow;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

const SERVERS: &[&str] = &["postgres", "postgresql", "mysql", "mariadb"];

/// Whether the gateway knows such a database and the address can be read.
pub(super) fn is_allowed(text: &str) -> bool {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return !path.trim_start_matches('/').is_empty();
    }
    Url::parse(text).is_ok_and(|url| SERVERS.contains(&url.scheme()) && url.has_host())
}

/// Whether the address is one of a PostgreSQL server.
pub(super) fn is_postgres(text: &str) -> bool {
    text.starts_with("postgres:") || text.starts_with("postgresql:")
}

/// Whether the address is one of a MySQL or MariaDB server.
pub(super) fn is_mysql(text: &str) -> bool {
    text.starts_with("mysql:") || text.starts_with("mariadb:")
}

/// The address without its password. One that cannot be read may hold a password
/// anywhere, so nothing of it is shown.
pub(super) fn masked(text: &str) -> String {
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    match Url::parse(text) {
        Ok(mut url) if url.has_host() => {
            if url.password().is_some() && url.set_password(Some("********")).is_err() {
                return "(not shown)".into();
            }
            // Drivers take a password as a parameter as well.
            if url.query().is_some_and(|query| query.contains("password")) {
                url.set_query(Some("********"));
            }
            url.into()
        }
        _ => "(not shown)".into(),
    }
}

/// The address of an SQLite file. `?` would start the parameters.
pub(super) fn of_file(path: &Path) -> Option<String> {
    let path = path
        .to_str()?
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    Some(format!("sqlite:{path}"))
}

/// The file of an SQLite address.
pub(super) fn file_of(text: &str) -> Option<String> {
    let rest = text.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    percent_decode_str(path)
        .decode_utf8()
        .ok()
        .map(Cow::into_owned)
}

/// The parts of a server's address as the original service takes them.
pub(super) struct Parts<'a> {
    pub(super) scheme: &'static str,
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) user: Option<&'a str>,
    pub(super) password: Option<&'a str>,
    pub(super) database: Option<&'a str>,
}

impl Parts<'_> {
    /// The address. Every part may hold any character.
    pub(super) fn join(&self) -> String {
        let encoded = |part: &str| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string();
        let host = match self.host {
            v6 if v6.parse::<std::net::Ipv6Addr>().is_ok() => format!("[{v6}]"),
            // A folder of sockets: the driver decodes it.
            folder if folder.starts_with('/') => encoded(folder),
            name => name.to_owned(),
        };
        let credentials = match (self.user, self.password) {
            (None, None) => String::new(),
            (user, None) => format!("{}@", encoded(user.unwrap_or_default())),
            (user, Some(password)) => {
                format!(
                    "{}:{}@",
                    encoded(user.unwrap_or_default()),
                    encoded(password)
                )
            }
        };
        let database = self.database.map(encoded).unwrap_or_default();
        format!(
            "{}://{credentials}{host}:{}/{database}",
            self.scheme, self.port
        )
    }
}
