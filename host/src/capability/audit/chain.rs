//! What a row's hash is made of.
//!
//! SHA-256 over the words `gateway-audit-1`, then every column in the order of the
//! table without `hash`. A row that has one of `via`, `address` and `agent`, which came
//! later, begins with `gateway-audit-2`, and has the three before `prev_hash`. A column is one byte (0 for NULL, 1 otherwise), the length of
//! its bytes as eight bytes, and its bytes; so no two rows give the same input. Numbers
//! are eight bytes. Both are big-endian. The time is in microseconds since 1970.

use sha2::{Digest, Sha256};

use super::{Entry, Outcome, Stamp};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// The hash before the first row of a chain.
pub(super) const START: Hash = [0; 32];

/// The number of chains.
pub(super) const CHAINS: u8 = 16;

/// One row without its hashes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) chain: u8,
    pub(super) seq: i64,
    pub(super) at: i64,
    pub(super) stamp: &'a Stamp,
    pub(super) entry: &'a Entry,
}

impl Row<'_> {
    /// The row's hash, which follows on `previous`.
    pub(super) fn hash(&self, previous: &Hash) -> Hash {
        let mut sha = Sha256::new();
        let mut column = |bytes: Option<&[u8]>| {
            let bytes_or_empty = bytes.unwrap_or_default();
            sha.update([u8::from(bytes.is_some())]);
            sha.update((bytes_or_empty.len() as u64).to_be_bytes());
            sha.update(bytes_or_empty);
        };
        let (stamp, entry) = (self.stamp, self.entry);
        let newer = [&stamp.via, &stamp.address, &stamp.agent];
        let is_newer = newer.iter().any(|column| column.is_some());
        column(Some(match is_newer {
            true => b"gateway-audit-2",
            false => b"gateway-audit-1",
        }));
        column(Some(&i64::from(self.chain).to_be_bytes()));
        column(Some(&self.seq.to_be_bytes()));
        column(Some(&self.at.to_be_bytes()));
        column(stamp.actor.as_deref().map(str::as_bytes));
        column(stamp.tenant.as_deref().map(str::as_bytes));
        column(Some(stamp.request.as_bytes()));
        column(Some(stamp.plugin.as_bytes()));
        column(Some(stamp.version.as_bytes()));
        column(Some(entry.action.as_bytes()));
        column(Some(entry.entity.as_bytes()));
        column(Some(entry.entity_id.as_bytes()));
        column(Some(outcome_name(entry.outcome).as_bytes()));
        column(entry.details.as_deref().map(str::as_bytes));
        if is_newer {
            for text in newer {
                column(text.as_deref().map(str::as_bytes));
            }
        }
        column(Some(previous));
        sha.finalize().into()
    }
}

/// The chain of a request: all of its entries are in one, and two requests are mostly
/// in different ones.
pub(super) fn chain_of(request: &str) -> u8 {
    Sha256::digest(request)
        .first()
        .map_or(0, |byte| byte % CHAINS)
}

pub(super) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Denied => "denied",
        Outcome::Failed => "failed",
    }
}

pub(super) fn outcome_of(name: &str) -> Option<Outcome> {
    [Outcome::Allowed, Outcome::Denied, Outcome::Failed]
        .into_iter()
        .find(|outcome| outcome_name(*outcome) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_spread_over_all_chains() {
        let mut counts = [0; CHAINS as usize];
        for number in 0..1600 {
            counts[usize::from(chain_of(&format!("0198-7000-{number:08}")))] += 1;
        }
        assert!(
            counts.iter().all(|count| (50..200).contains(count)),
            "{counts:?}"
        );
    }

    /// Guards the rows that exist: a change here makes every row look forged.
    #[test]
    fn the_hash_is_what_it_was() {
        let stamp = Stamp {
            actor: Some("ann".into()),
            tenant: None,
            request: "r1".into(),
            plugin: "notes".into(),
            version: "0.1.0".into(),
            ..Stamp::default()
        };
        let entry = Entry {
            action: "message.create".into(),
            entity: "message".into(),
            entity_id: "7".into(),
            outcome: Outcome::Allowed,
            details: Some("{}".into()),
        };
        let row = Row {
            chain: 3,
            seq: 1,
            at: 1_750_000_000_000_000,
            stamp: &stamp,
            entry: &entry,
        };
        // Computed apart from this code, from the description above.
        let wanted = "a9db8e19f06678896ce808d695d4717e1a2991f3ba15062a7abd04432a478649";
        assert_eq!(hex::encode(row.hash(&START)), wanted);
        let moved = Row { seq: 2, ..row };
        assert_ne!(hex::encode(moved.hash(&START)), wanted);
        let placed = Stamp {
            address: Some("192.0.2.1".into()),
            ..stamp.clone()
        };
        let row = Row {
            stamp: &placed,
            ..moved
        };
        assert_ne!(row.hash(&START), moved.hash(&START));
    }
}
