//! Who may operate.

use std::sync::Arc;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};

use crate::config::Secret;

/// The operator's token, of which only the hash is kept.
#[derive(Debug)]
pub struct Token(ArcSwap<[u8; 32]>);

impl Token {
    /// The token that lets operators in.
    #[must_use]
    pub fn new(token: &Secret) -> Self {
        Self(ArcSwap::from_pointee(hash(&token.0)))
    }

    /// Lets another one in, and the one before no more.
    pub(crate) fn set(&self, token: &Secret) {
        self.0.store(Arc::new(hash(&token.0)));
    }

    /// Whether it is the one. Compared by their hashes, so that the time tells nothing.
    pub(super) fn is(&self, given: &str) -> bool {
        **self.0.load() == hash(given)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
