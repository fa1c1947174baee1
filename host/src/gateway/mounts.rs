//! Which plugin answers for which host, below which path.

use std::cmp::Reverse;
use std::sync::Arc;

use hyper::header::HOST;
use hyper::{HeaderMap, Uri};

use crate::deployment::Service;

/// The plugins by host and mount point. Of several that fit, the one counts whose host is
/// said most exactly, and then the one with the longest mount.
#[derive(Debug, Default)]
pub struct Mounts(Vec<Place<Arc<Service>>>);

/// Where one plugin answers.
#[derive(Debug)]
struct Place<P> {
    host: Pattern,
    mount: String,
    plugin: P,
}

/// Which hosts are meant. In the order of how much that says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Any,
    /// Every name with this end, which begins with a dot.
    Below(String),
    Exactly(String),
}

impl Mounts {
    /// Mounts each plugin where its configuration says.
    pub fn new(plugins: impl IntoIterator<Item = Arc<Service>>) -> Self {
        let places = plugins.into_iter().flat_map(|plugin| {
            let config = plugin.config();
            places(&config.hosts, &config.mount, &plugin)
        });
        Self(sorted(places.collect()))
    }

    /// The plugin that answers `path` on `host`, and the path below its mount.
    #[must_use]
    pub fn find<'a, 'p>(
        &'a self,
        host: Option<&str>,
        path: &'p str,
    ) -> Option<(&'a Arc<Service>, &'p str)> {
        find(&self.0, host, path)
    }
}

/// The host that a request is for, in lower case and without the port: that of the
/// `:authority` of HTTP/2, or of the `Host` of HTTP/1. None when it says none, or several.
pub(super) fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let authority = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => {
            let mut hosts = headers.get_all(HOST).iter();
            let host = hosts.next()?.to_str().ok()?;
            if hosts.next().is_some() {
                return None;
            }
            host
        }
    };
    let port = authority.rfind(':').filter(|colon| {
        let behind = authority.get(colon + 1..).unwrap_or_default();
        behind.bytes().all(|byte| byte.is_ascii_digit())
    });
    let name = authority.get(..port.unwrap_or(authority.len()))?;
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

/// One place for each host.
fn places<P: Clone>(hosts: &[String], mount: &str, plugin: &P) -> Vec<Place<P>> {
    let place = |host| Place {
        host,
        mount: mount.trim_end_matches('/').to_owned(),
        plugin: plugin.clone(),
    };
    if hosts.is_empty() {
        return vec![place(Pattern::Any)];
    }
    let pattern = |host: &String| match host.strip_prefix('*') {
        Some(end) => Pattern::Below(end.to_owned()),
        None => Pattern::Exactly(host.clone()),
    };
    hosts.iter().map(|host| place(pattern(host))).collect()
}

fn sorted<P>(mut places: Vec<Place<P>>) -> Vec<Place<P>> {
    places.sort_by_key(|place| Reverse((place.host.exactness(), place.mount.len())));
    places
}

fn find<'a, 'p, P>(
    places: &'a [Place<P>],
    host: Option<&str>,
    path: &'p str,
) -> Option<(&'a P, &'p str)> {
    places
        .iter()
        .filter(|place| place.host.takes(host))
        .find_map(|place| Some((&place.plugin, below(path, &place.mount)?)))
}

impl Pattern {
    fn takes(&self, host: Option<&str>) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Below(end), Some(host)) => host.len() > end.len() && host.ends_with(end),
            (Self::Exactly(name), Some(host)) => host == name,
        }
    }

    fn exactness(&self) -> usize {
        match self {
            Self::Any => 0,
            Self::Below(end) => end.len(),
            Self::Exactly(_) => usize::MAX,
        }
    }
}

/// The part of `path` below `mount`, which begins with `/`; none when it is elsewhere.
fn below<'p>(path: &'p str, mount: &str) -> Option<&'p str> {
    match path.strip_prefix(mount)? {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_ends_at_a_slash() {
        assert_eq!(below("/messages", ""), Some("/messages"));
        assert_eq!(below("/talk/messages", "/talk"), Some("/messages"));
        assert_eq!(below("/talk", "/talk"), Some("/"));
        assert_eq!(below("/talks", "/talk"), None);
        assert_eq!(below("/", "/talk"), None);
        assert_eq!(below("*", ""), None);
    }

    #[test]
    fn the_host_counts_before_the_mount() {
        let place = |hosts: &[&str], mount, name: &'static str| {
            let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
            places(&hosts, mount, &name)
        };
        let places = sorted(
            [
                place(&[], "/", "any"),
                place(&[], "/deep/er", "deep"),
                place(&["*.example.com", "other.org"], "/", "below"),
                place(&["*.b.example.com"], "/", "further below"),
                place(&["a.example.com"], "/app", "exact"),
            ]
            .into_iter()
            .flatten()
            .collect(),
        );
        for (host, path, wanted) in [
            (None, "/x", "any"),
            (Some("else.org"), "/deep/er/x", "deep"),
            (Some("example.com"), "/x", "any"),
            (Some("evilexample.com"), "/x", "any"),
            (Some(".example.com"), "/x", "any"),
            (Some("other.org"), "/deep/er", "below"),
            (Some("a.example.com"), "/app/x", "exact"),
            (Some("a.example.com"), "/deep/er", "below"),
            (Some("a.b.example.com"), "/x", "further below"),
            (Some("b.example.com"), "/x", "below"),
        ] {
            let found = find(&places, host, path).map(|(name, _)| *name);
            assert_eq!(found, Some(wanted), "{host:?} {path}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        let said = |uri: &str, hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, host.parse().unwrap());
            }
            host(&uri.parse().unwrap(), &headers)
        };
        for (uri, hosts, wanted) in [
            ("/", &["A.example.com:3000"][..], Some("a.example.com")),
            ("/", &["a.example.com."], Some("a.example.com")),
            ("/", &["[::1]:80"], Some("[::1]")),
            ("/", &["[::1]"], Some("[::1]")),
            ("/", &[], None),
            ("/", &["a", "b"], None),
            ("http://c.org:80/", &["a"], Some("c.org")),
        ] {
            assert_eq!(said(uri, hosts).as_deref(), wanted, "{uri} {hosts:?}");
        }
    }
}
