//! What one request costs its instance: CPU time and memory, each with its limit.

use std::time::{Duration, Instant};

use wasmtime::{CallHook, ResourceLimiter, StoreContextMut, UpdateDeadline};

use super::engine::TICK;
use super::instance::State;

/// Counts what the guest uses, and says no when it is too much.
#[derive(Debug)]
pub(super) struct Meter {
    cpu_limit: Duration,
    memory_limit: usize,
    table_limit: usize,
    cpu: Duration,
    /// When the guest last began to run, or was last looked at.
    running_since: Instant,
    memory: usize,
    memory_denied: bool,
}

/// The guest ran for longer than it may. Travels as the cause of the trap.
#[derive(Debug, thiserror::Error)]
#[error("the CPU limit of {0:?} is used up")]
pub(super) struct CpuExhausted(Duration);

impl Meter {
    pub(super) fn new(limits: &crate::config::Limits) -> Self {
        Self {
            cpu_limit: limits.cpu_time,
            memory_limit: limits.memory,
            table_limit: limits.table,
            cpu: Duration::ZERO,
            running_since: Instant::now(),
            memory: 0,
            memory_denied: false,
        }
    }

    /// Begins to count for another request.
    pub(super) fn reset(&mut self) {
        self.cpu = Duration::ZERO;
        self.memory_denied = false;
    }

    /// Whether the guest was refused memory since the last [`reset`](Self::reset).
    pub(super) fn memory_denied(&self) -> bool {
        self.memory_denied
    }

    /// The guest's linear memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    fn resumed(&mut self) {
        self.running_since = Instant::now();
    }

    /// Adds the time since the guest was last looked at. One tick at most, since a guest
    /// is looked at once a tick: whatever is longer was spent by others on this thread.
    fn charge(&mut self) -> Result<(), CpuExhausted> {
        let now = Instant::now();
        self.cpu += now.duration_since(self.running_since).min(TICK);
        self.running_since = now;
        if self.cpu > self.cpu_limit {
            Err(CpuExhausted(self.cpu_limit))
        } else {
            Ok(())
        }
    }
}

/// Called when the guest and the host change places.
pub(super) fn on_switch(
    mut store: StoreContextMut<'_, State>,
    hook: CallHook,
) -> wasmtime::Result<()> {
    let meter = &mut store.data_mut().meter;
    if hook.entering_host() {
        meter.charge()?;
    } else {
        meter.resumed();
    }
    Ok(())
}

/// Called when a tick passed while the guest ran. Yielding lets the thread's other tasks
/// go on beside a busy guest, and lets a deadline end it.
pub(super) fn on_tick(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    store.data_mut().meter.charge()?;
    Ok(UpdateDeadline::YieldCustom(
        1,
        Box::pin(tokio::task::yield_now()),
    ))
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.memory_limit;
        if allowed {
            self.memory = desired;
        } else {
            self.memory_denied = true;
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_limit)
    }
}
