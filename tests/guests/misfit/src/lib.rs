//! A component that misbehaves as the path of a request tells it to, so that tests can
//! watch the host's limits hold. `guest::route` lists what it can do.

#[cfg(target_arch = "wasm32")]
mod guest;
