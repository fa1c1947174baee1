//! Why a call of a plugin came to nothing.

use std::time::Duration;

use wasmtime::Trap;

use super::meter::CpuExhausted;

/// Why a call of a plugin came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// As many requests wait as may wait, or this one waited for as long as it may.
    #[error("no instance became free in time")]
    Busy,
    /// The answer took longer than the wall time limit.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
    /// The guest's own code ran for longer than the CPU limit.
    #[error("the guest used up its CPU time")]
    Cpu(#[source] wasmtime::Error),
    /// The guest wanted more memory than its limit, and gave up.
    #[error("the guest ran out of memory")]
    Memory(#[source] wasmtime::Error),
    /// The guest's stack overflowed.
    #[error("the guest's stack overflowed")]
    Stack(#[source] wasmtime::Error),
    /// Any other trap, or a host function that found its caller at fault.
    #[error("the guest trapped")]
    Trap(#[source] wasmtime::Error),
    /// Its version was retired, and the time to finish was over.
    #[error("the version was retired, and did not finish in time")]
    Retired,
    /// No instance could be made.
    #[error("no instance could be made")]
    Instantiate(#[source] wasmtime::Error),
}

impl Failure {
    /// Sorts what ended a guest; `memory_denied` tells whether it was refused memory in
    /// this request, since a guest that gives up traps like any other.
    pub(super) fn of_trap(error: wasmtime::Error, memory_denied: bool) -> Self {
        if error.is::<CpuExhausted>() {
            return Self::Cpu(error);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => Self::Stack(error),
            _ if memory_denied => Self::Memory(error),
            _ => Self::Trap(error),
        }
    }

    /// The kind as one word, for log lines and counters.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Deadline(_) => "deadline",
            Self::Cpu(_) => "cpu",
            Self::Memory(_) => "memory",
            Self::Stack(_) => "stack",
            Self::Trap(_) => "trap",
            Self::Retired => "retired",
            Self::Instantiate(_) => "instantiate",
        }
    }
}
