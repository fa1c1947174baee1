//! Randomness, in pieces of a bounded length.

use rand::RngCore;
use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::random::random::Host;

/// The most that one call gives, in bytes: what a browser's `getRandomValues` gives. WASI's
/// own implementation would make 64 MiB of the host's memory for a guest that may have less.
const MAX_LENGTH: usize = 64 * 1024;

/// Marks [`View`] for the linker.
#[derive(Debug)]
pub struct Capability;

impl HasData for Capability {
    type Data<'a> = View;
}

/// What the calls of this capability may touch: nothing of the instance.
#[derive(Debug)]
pub struct View;

impl Host for View {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        let length = usize::try_from(length)
            .ok()
            .filter(|&length| length <= MAX_LENGTH);
        let Some(length) = length else {
            // The interface has no error to give.
            wasmtime::bail!("more than {MAX_LENGTH} random bytes at once");
        };
        let mut bytes = vec![0; length];
        rand::rng().fill_bytes(&mut bytes);
        Ok(bytes)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(rand::random())
    }
}
