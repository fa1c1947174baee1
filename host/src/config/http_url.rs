//! Addresses that the gateway fetches: what is allowed, and how they are shown.

use hyper::Uri;
use url::{Host, Url};

/// Whether the address is fetched over TLS, or never leaves this machine.
pub(super) fn is_allowed(text: &str) -> bool {
    let (Ok(url), Ok(uri)) = (Url::parse(text), text.parse::<Uri>()) else {
        return false;
    };
    // The client reads it less kindly, and must not find another host.
    if url.host_str() != uri.host() {
        return false;
    }
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let is_safe = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_this_machine(&url),
        _ => false,
    };
    is_plain && is_safe
}

/// Whether traces can be sent there. They hold no secret, and collectors are often spoken
/// to without TLS.
pub(super) fn is_collector(text: &str) -> bool {
    let (Ok(url), Ok(uri)) = (Url::parse(text), text.parse::<Uri>()) else {
        return false;
    };
    matches!(url.scheme(), "http" | "https")
        && url.host_str() == uri.host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The address without its user and parameters, which may be secret. Of one that cannot
/// be read, nothing is shown.
pub(super) fn masked(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() && url.host_str() != Some("") => {
            let query = url.query().map_or("", |_| "?********");
            format!(
                "{}{}{query}",
                url.origin().ascii_serialization(),
                url.path()
            )
        }
        _ => "(not shown)".into(),
    }
}
