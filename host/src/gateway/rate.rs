//! How often somebody may ask.

use std::convert::Infallible;
use std::fmt::{self, Debug};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;

use crate::auth::Claims;
use crate::config;
use crate::error::Cause;

/// The limits that are set.
#[derive(Debug)]
pub(super) struct Rates {
    address: Option<Limiter<IpAddr>>,
    caller: Option<Limiter<String>>,
}

impl Rates {
    pub(super) fn new(config: &config::Rate) -> Self {
        Self {
            address: Limiter::new(&config.address, config.max_keys),
            caller: Limiter::new(&config.caller, config.max_keys),
        }
    }

    /// Counts a request of an address. One of IPv6 stands for its /64, which is what a
    /// single customer is given at least.
    ///
    /// # Errors
    /// It was one too many.
    pub(super) fn address(&self, address: IpAddr) -> Result<(), Cause> {
        match &self.address {
            None => Ok(()),
            Some(limiter) => limiter.count(&network(address)),
        }
    }

    /// Counts a request of a verified caller. All tokens of a tenant that name nobody are
    /// one caller; a request without a token is none.
    ///
    /// # Errors
    /// It was one too many.
    pub(super) fn caller(&self, claims: Option<&Claims>) -> Result<(), Cause> {
        match (&self.caller, claims) {
            (Some(limiter), Some(claims)) => limiter.count(&name(claims)),
            _ => Ok(()),
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

/// Neither part is empty or has a control character when it is there.
fn name(claims: &Claims) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}\n{}", text(&claims.tenant), text(&claims.actor))
}

/// A bucket for each key, of which the least used are forgotten.
struct Limiter<K: Clone + Eq + Hash, C: Clock = DefaultClock>(
    RateLimiter<K, Buckets<K>, C, NoOpMiddleware<<C as Clock>::Instant>>,
);

impl<K: Clone + Eq + Hash, C: Clock> Debug for Limiter<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limiter")
    }
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    /// None when there is no limit.
    fn new(bucket: &config::Bucket, max_keys: usize) -> Option<Self> {
        Self::with_clock(bucket, max_keys, DefaultClock::default())
    }
}

impl<K: Clone + Eq + Hash, C: Clock> Limiter<K, C> {
    fn with_clock(bucket: &config::Bucket, max_keys: usize, clock: C) -> Option<Self> {
        let per_second = bucket.per_second?;
        let burst = bucket.burst.unwrap_or(per_second);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let buckets = Buckets(Cache::new(max_keys));
        Some(Self(RateLimiter::new(quota, buckets, clock)))
    }

    fn count(&self, key: &K) -> Result<(), Cause> {
        self.check(key).map_err(Cause::Rate)
    }

    /// Takes one out of the bucket, or says when there will be one.
    fn check(&self, key: &K) -> Result<(), Duration> {
        self.0
            .check_key(key)
            .map_err(|until| until.wait_time_from(self.0.clock().now()))
    }
}

/// At most so many buckets. One that is asked for again and again stays: keys that come
/// once, however many, do not drive it out and so do not fill it again.
struct Buckets<K>(Cache<K, Arc<InMemoryState>>);

impl<K: Clone + Eq + Hash> StateStore for Buckets<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let bucket = self
            .0
            .get_or_insert_with(key, || Ok::<_, Infallible>(Arc::default()));
        let Ok(bucket) = bucket;
        bucket.measure_and_replace(&NotKeyed::NonKey, f)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limiter<K: Clone + Eq + Hash>(
        per_second: u32,
        burst: u32,
        keys: usize,
    ) -> (Limiter<K, FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        // A limiter that was made this very moment has no past.
        clock.advance(Duration::from_secs(1));
        let bucket = config::Bucket {
            per_second: NonZeroU32::new(per_second),
            burst: NonZeroU32::new(burst),
        };
        let limiter = Limiter::with_clock(&bucket, keys, clock.clone()).unwrap();
        (limiter, clock)
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (limiter, clock) = limiter(10, 3, 8);
        for _ in 0..3 {
            assert_eq!(limiter.check(&"a"), Ok(()));
        }
        assert_eq!(limiter.check(&"a"), Err(Duration::from_millis(100)));
        assert_eq!(limiter.check(&"b"), Ok(()), "another one's");
        clock.advance(Duration::from_millis(100));
        assert_eq!(limiter.check(&"a"), Ok(()));
        assert!(limiter.check(&"a").is_err());
        clock.advance(Duration::from_secs(60));
        for _ in 0..3 {
            assert_eq!(limiter.check(&"a"), Ok(()));
        }
        assert!(
            limiter.check(&"a").is_err(),
            "more than the burst was saved"
        );
    }

    #[test]
    fn buckets_are_bounded_and_a_crowd_does_not_refill_one() {
        let (limiter, _) = limiter(1, 2, 1000);
        let empty = |limiter: &Limiter<_, _>| while limiter.check(&u32::MAX).is_ok() {};
        empty(&limiter);
        for other in 0..100_000 {
            assert_eq!(limiter.check(&other), Ok(()));
            if other % 100 == 0 {
                assert!(limiter.check(&u32::MAX).is_err(), "forgotten at {other}");
            }
        }
        let count = limiter.0.into_state_store().0.len();
        assert!(count <= 1000, "{count}");
    }

    #[test]
    fn an_address_of_ipv6_is_its_network() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn names_cannot_be_mixed_up() {
        let of = |tenant: Option<&str>, actor: Option<&str>| {
            name(&Claims {
                json: String::new(),
                actor: actor.map(str::to_owned),
                tenant: tenant.map(str::to_owned),
                expires: None,
            })
        };
        let all = [
            of(Some("a"), Some("b")),
            of(Some("ab"), None),
            of(None, Some("ab")),
            of(None, None),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{one:?}");
        }
    }
}
