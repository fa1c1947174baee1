//! Bytes that nothing can make smaller, made on the way.

use sha2::{Digest, Sha256};

use super::PIECE;

/// So many MiB of noise; no piece of it is equal to another.
pub(super) struct Content {
    mib: u64,
    noise: Vec<u8>,
}

impl Content {
    pub(super) fn new(mib: u64) -> Self {
        let mut noise = vec![0; PIECE];
        rand::fill(noise.as_mut_slice());
        Self { mib, noise }
    }

    /// In bytes.
    pub(super) fn length(&self) -> u64 {
        self.mib << 20
    }

    pub(super) fn pieces(&self) -> u64 {
        self.mib * ((1 << 20) / PIECE as u64)
    }

    /// Writes one piece into `to`, which is as long as one.
    pub(super) fn fill(&self, number: u64, to: &mut [u8]) {
        to.copy_from_slice(&self.noise);
        if let Some(begin) = to.first_chunk_mut() {
            *begin = number.to_be_bytes();
        }
    }

    /// Its SHA-256, in hexadecimal digits.
    pub(super) fn digest(&self) -> String {
        let mut hasher = Hasher::default();
        let mut piece = vec![0; PIECE];
        for number in 0..self.pieces() {
            self.fill(number, &mut piece);
            hasher.add(&piece);
        }
        hasher.finish()
    }
}

/// SHA-256 of bytes that come in pieces.
#[derive(Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In hexadecimal digits.
    pub(super) fn finish(self) -> String {
        let digest = self.0.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
