//! Who a request comes from, when it may have come through proxies.
//!
//! Only what a trusted proxy says counts, and of that only what it has seen itself: the
//! header grows to the right, and everything left of the first address that is no proxy
//! of ours may be made up.

use std::net::{IpAddr, Ipv4Addr};

use hyper::HeaderMap;
use hyper::header::{FORWARDED, HeaderName};
use ipnet::IpNet;

use crate::config::{self, ForwardedHeader};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What proxies say beside the standard's header. A plugin cannot know whom to believe, so
/// that it sees none that nobody vouches for.
static UNOFFICIAL: [HeaderName; 5] = [
    FOR,
    PROTO,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-real-ip"),
];

/// Where a request began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    /// The address nearest to the client that is known for certain.
    pub(super) address: IpAddr,
    /// Whether the client speaks TLS, be it with a proxy.
    pub(super) is_secure: bool,
}

/// The proxies that are believed.
#[derive(Debug)]
pub(super) struct Proxies {
    trusted: Vec<IpNet>,
    header: ForwardedHeader,
    /// Whether the listener itself speaks TLS.
    is_secure: bool,
}

impl Proxies {
    pub(super) fn new(server: &config::Server) -> Self {
        Self {
            trusted: server.trusted_proxies.clone(),
            header: server.forwarded_header,
            is_secure: server.tls.is_some(),
        }
    }

    /// Finds the client, and removes the headers that nobody vouches for.
    pub(super) fn client(&self, peer: IpAddr, headers: &mut HeaderMap) -> Client {
        let client = Client {
            address: peer.to_canonical(),
            is_secure: self.is_secure,
        };
        if !self.trusts(client.address) {
            headers.remove(FORWARDED);
            remove_unofficial(headers);
            return client;
        }
        // A proxy that writes the one passes on whatever a client puts into the other.
        match self.header {
            ForwardedHeader::XForwardedFor => {
                headers.remove(FORWARDED);
                self.unofficial(client, headers)
            }
            ForwardedHeader::Forwarded => {
                remove_unofficial(headers);
                self.follow(client, lines(headers, FORWARDED).flat_map(elements))
            }
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&address))
    }

    fn unofficial(&self, mut client: Client, headers: &HeaderMap) -> Client {
        let items = |name| lines(headers, name).flat_map(|line| line.rsplit(',').map(str::trim));
        let mut schemes = items(PROTO).map(is_https).peekable();
        client.is_secure = schemes.peek().copied().flatten().unwrap_or(self.is_secure);
        let hops = items(FOR).map(|node| Hop {
            address: address(node),
            // Many proxies write only one scheme, which then holds for all.
            is_secure: schemes.next().flatten(),
        });
        self.follow(client, hops)
    }

    /// Goes from proxy to proxy, as long as they are trusted and say where from.
    fn follow(&self, mut client: Client, hops: impl Iterator<Item = Hop>) -> Client {
        for hop in hops {
            let Some(address) = hop.address else { break };
            client.address = address;
            client.is_secure = hop.is_secure.unwrap_or(client.is_secure);
            if !self.trusts(address) {
                break;
            }
        }
        client
    }
}

fn remove_unofficial(headers: &mut HeaderMap) {
    for name in &UNOFFICIAL {
        headers.remove(name);
    }
}

/// What one proxy says of who asked it.
#[derive(Debug, Default)]
struct Hop {
    /// None when it does not say, or not in a way that can be read.
    address: Option<IpAddr>,
    is_secure: Option<bool>,
}

/// A header's lines, the last one first.
fn lines(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).iter().rev();
    lines.map(|line| line.to_str().unwrap_or_default())
}

fn is_https(scheme: &str) -> Option<bool> {
    match scheme {
        "" => None,
        scheme => Some(scheme.eq_ignore_ascii_case("https")),
    }
}

/// An address with a port or without, in brackets or not.
fn address(node: &str) -> Option<IpAddr> {
    let ip = node
        .strip_prefix('[')
        .and_then(|node| node.split_once(']'))
        .map_or(node, |(ip, _port)| ip);
    let ip = ip.parse().ok().or_else(|| {
        let (ip, port) = ip.rsplit_once(':')?;
        // IPv6 with a port needs the brackets.
        let ip: Ipv4Addr = ip.parse().ok()?;
        port.parse::<u16>().ok().map(|_| IpAddr::from(ip))
    });
    ip.map(|ip: IpAddr| ip.to_canonical())
}

/// The elements of a line of `Forwarded`, the last one first. Of a line with a quote that
/// does not end, no element can be told from another: it says nothing.
fn elements(line: &str) -> Vec<Hop> {
    let elements = split(line, b',').unwrap_or_default();
    elements.into_iter().rev().map(hop).collect()
}

fn hop(element: &str) -> Hop {
    let mut hop = Hop::default();
    // The quotes of a whole line are paired, and so are those of its elements.
    for pair in split(element, b';').unwrap_or_default() {
        let Some((name, value)) = pair.trim().split_once('=') else {
            continue;
        };
        let value = value.trim_matches('"');
        if name.eq_ignore_ascii_case("for") {
            hop.address = address(value);
        } else if name.eq_ignore_ascii_case("proto") {
            hop.is_secure = is_https(value);
        }
    }
    hop
}

/// The parts between separators that are in no quotes; none when a quote does not end.
fn split(text: &str, separator: u8) -> Option<Vec<&str>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if byte == separator && !is_quoted => {
                parts.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!is_quoted).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client behind `peer`, with 10.0.0.0/8 and 2001:db8::/64 trusted.
    fn seen(header: ForwardedHeader, peer: &str, given: &[(&str, &str)]) -> (String, bool) {
        let proxies = Proxies {
            trusted: vec![
                "10.0.0.0/8".parse().unwrap(),
                "2001:db8::/64".parse().unwrap(),
            ],
            header,
            is_secure: false,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let client = proxies.client(peer.parse().unwrap(), &mut headers);
        (client.address.to_string(), client.is_secure)
    }

    /// The peer, the headers that it sends, and what is found.
    type Case = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
        bool,
    );

    #[test]
    fn the_last_hop_that_is_no_proxy_counts() {
        const FOR: &str = "x-forwarded-for";
        const PROTO: &str = "x-forwarded-proto";
        #[rustfmt::skip]
        let table: [Case; 18] = [
            ("9.9.9.9", &[(FOR, "1.1.1.1"), (PROTO, "https")], "9.9.9.9", false),
            ("10.0.0.1", &[], "10.0.0.1", false),
            ("10.0.0.1", &[(FOR, "1.1.1.1")], "1.1.1.1", false),
            ("::ffff:10.0.0.1", &[(FOR, "1.1.1.1")], "1.1.1.1", false),
            ("2001:db8::1", &[(FOR, "2001:db8:1::1")], "2001:db8:1::1", false),
            ("10.0.0.1", &[(FOR, "6.6.6.6, 1.1.1.1")], "1.1.1.1", false),
            ("10.0.0.1", &[(FOR, "6.6.6.6,1.1.1.1 , 10.2.2.2")], "1.1.1.1", false),
            ("10.0.0.1", &[(FOR, "6.6.6.6"), (FOR, "1.1.1.1"), (FOR, "10.2.2.2")], "1.1.1.1", false),
            ("10.0.0.1", &[(FOR, "10.3.3.3, 10.2.2.2")], "10.3.3.3", false),
            ("10.0.0.1", &[(FOR, "1.1.1.1, what, 10.2.2.2")], "10.2.2.2", false),
            ("10.0.0.1", &[(FOR, "1.1.1.1, unknown")], "10.0.0.1", false),
            ("10.0.0.1", &[(FOR, "1.1.1.1:5678")], "1.1.1.1", false),
            ("10.0.0.1", &[(FOR, "[2001:db8:9::1]:80")], "2001:db8:9::1", false),
            ("10.0.0.1", &[(FOR, "::ffff:1.1.1.1")], "1.1.1.1", false),
            ("10.0.0.1", &[(FOR, "1.1.1.1"), (PROTO, "HTTPS")], "1.1.1.1", true),
            ("10.0.0.1", &[(FOR, "1.1.1.1, 10.2.2.2"), (PROTO, "https")], "1.1.1.1", true),
            ("10.0.0.1", &[(FOR, "1.1.1.1, 10.2.2.2"), (PROTO, "https, http")], "1.1.1.1", true),
            ("10.0.0.1", &[("forwarded", "for=6.6.6.6;proto=https")], "10.0.0.1", false),
        ];
        for (peer, headers, address, is_secure) in table {
            let found = seen(ForwardedHeader::XForwardedFor, peer, headers);
            assert_eq!(found, (address.into(), is_secure), "{peer} {headers:?}");
        }
    }

    #[test]
    fn the_standards_header_is_read_by_its_grammar() {
        #[rustfmt::skip]
        let table: [(&[&str], &str, bool); 10] = [
            (&["for=1.1.1.1"], "1.1.1.1", false),
            (&["For=\"[2001:db8:cafe::17]:4711\";Proto=https"], "2001:db8:cafe::17", true),
            (&["for=6.6.6.6, for=1.1.1.1;proto=https;by=10.0.0.1, for=10.2.2.2;proto=http"], "1.1.1.1", true),
            (&["for=6.6.6.6", "for=1.1.1.1"], "1.1.1.1", false),
            (&["for=1.1.1.1, for=unknown"], "10.0.0.1", false),
            (&["for=1.1.1.1, for=_hidden"], "10.0.0.1", false),
            // What a client puts into its host or a quote of its own moves nothing.
            (&["for=1.1.1.1;host=\"x, for=6.6.6.6\""], "1.1.1.1", false),
            (&["for=1.1.1.1;host=\"x\\\", for=6.6.6.6\""], "1.1.1.1", false),
            (&["for=\"6.6.6.6, for=1.1.1.1"], "10.0.0.1", false),
            (&["proto=https"], "10.0.0.1", false),
        ];
        for (lines, address, is_secure) in table {
            let headers: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
            let mut all = headers.clone();
            all.push(("x-forwarded-for", "7.7.7.7"));
            let found = seen(ForwardedHeader::Forwarded, "10.0.0.1", &all);
            assert_eq!(found, (address.into(), is_secure), "{lines:?}");
        }
    }
}
