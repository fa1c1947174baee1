//! What one request costs its instance: CPU time and memory, each with its limit.

use std::time::Duration;

use wasmtime::{CallHook, ResourceLimiter, StoreContextMut, UpdateDeadline, WasmBacktrace};

use super::engine::{TICK, Ticks};

/// Counts what the guest uses, and says no when it is too much.
#[derive(Debug)]
pub(super) struct Meter {
    cpu_limit: Duration,
    memory_limit: usize,
    table_limit: usize,
    cpu: Duration,
    ticks: Ticks,
    /// The tick in which the guest last began to run, or was last looked at.
    running_since: u64,
    memory: usize,
    memory_denied: bool,
}

/// What a guest may use at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    /// Time that its own code may run.
    pub(super) cpu_time: Duration,
    /// Bytes of its linear memory.
    pub(super) memory: usize,
    /// Elements of one of its tables.
    pub(super) table: usize,
}

/// The guest ran for longer than it may. Travels as the cause of the trap.
#[derive(Debug, thiserror::Error)]
#[error("the CPU limit of {0:?} is used up")]
pub(super) struct CpuExhausted(Duration);

impl Meter {
    pub(super) fn new(most: Most, ticks: Ticks) -> Self {
        Self {
            cpu_limit: most.cpu_time,
            memory_limit: most.memory,
            table_limit: most.table,
            cpu: Duration::ZERO,
            running_since: ticks.now(),
            ticks,
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

    /// The CPU time of the guest since the last [`reset`](Self::reset), in whole ticks:
    /// right on average only, see [`charge`](Self::charge).
    pub(super) fn cpu(&self) -> Duration {
        self.cpu
    }

    /// The guest's linear memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    fn resumed(&mut self) {
        self.running_since = self.ticks.now();
    }

    /// Adds a tick when one fell into the time since the guest was last looked at.
    ///
    /// A guest that runs for a part of a tick meets one as often as that part is long, so
    /// the sum is right on average; and reading a counter costs next to nothing, where
    /// reading the clock at every change of places would cost more than the call. One
    /// tick at most, since a guest is looked at once a tick: whatever is longer was spent
    /// by others on this thread.
    fn charge(&mut self) -> Result<(), CpuExhausted> {
        let now = self.ticks.now();
        if now != self.running_since {
            self.running_since = now;
            self.cpu += TICK;
        }
        if self.cpu > self.cpu_limit {
            Err(CpuExhausted(self.cpu_limit))
        } else {
            Ok(())
        }
    }
}

/// Called when the guest and the host change places.
pub(super) fn on_switch<T: AsMut<Meter>>(
    mut store: StoreContextMut<'_, T>,
    hook: CallHook,
) -> wasmtime::Result<()> {
    let meter = store.data_mut().as_mut();
    if hook.entering_host() {
        meter.charge()?;
    } else {
        meter.resumed();
    }
    Ok(())
}

/// Called when a tick passed while the guest ran. Yielding lets the thread's other tasks
/// go on beside a busy guest, and lets a deadline end it.
pub(super) fn on_tick<T: AsMut<Meter>>(
    mut store: StoreContextMut<'_, T>,
) -> wasmtime::Result<UpdateDeadline> {
    if let Err(exhausted) = store.data_mut().as_mut().charge() {
        // A trap carries its place by itself, an error of ours does not.
        let place = WasmBacktrace::capture(&store);
        return Err(wasmtime::Error::new(exhausted).context(place));
    }
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
