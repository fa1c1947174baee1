//! The one WebAssembly engine of the process, and the thread that moves its clock.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Cache, CacheConfig, Config, Engine as Wasmtime, InstanceAllocationStrategy, OptLevel,
    PoolingAllocationConfig, RegallocAlgorithm,
};

use crate::config::{Inspection, Inspector, Optimize, Plugin};

/// How often a running guest is looked at: the grain of its CPU limit, and the longest
/// that it keeps a worker thread to itself.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The stack of a guest. A deeper recursion is a trap, not a crash.
const GUEST_STACK: usize = 512 * 1024;

/// The fiber's stack: the guest's, and room for the host functions that it calls.
const FIBER_STACK: usize = GUEST_STACK + 512 * 1024;

/// Memory, and tables, of a slot that are cleared by hand and kept when its instance
/// goes; the rest is given back to the system. Measured for a fresh instance a request:
/// clearing more costs more than the page faults that it saves.
const KEEP_RESIDENT: usize = 64 * 1024;

/// Slots that are given back to the system together, since each time flushes the address
/// translations of all cores.
const DECOMMIT_BATCH: usize = 16;

/// The engine with its ticker; the ticker ends when the last clone is dropped.
#[derive(Clone)]
pub struct Engine {
    wasmtime: Wasmtime,
    ticker: Arc<Ticker>,
}

/// How often the engine's clock has moved.
#[derive(Debug, Clone)]
pub(super) struct Ticks(Arc<AtomicU64>);

impl Ticks {
    /// The ticks so far.
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Engine {
    /// An engine with room for the instances of all `plugins`, whose compiled code is
    /// kept below `cache`: apart for each way to `optimize`, so that one never takes what
    /// the other made.
    ///
    /// # Errors
    /// The cache folder can't be made, or the address space for the instances can't be
    /// reserved.
    pub fn new<'a>(
        plugins: impl IntoIterator<Item = &'a Plugin>,
        optimize: Optimize,
        cache: &Path,
    ) -> wasmtime::Result<Self> {
        Self::with(plugins, None, optimize, cache)
    }

    /// As [`new`](Self::new), with room for inspectors as well.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_inspectors<'a>(
        plugins: impl IntoIterator<Item = &'a Plugin>,
        inspectors: impl IntoIterator<Item = &'a Inspector>,
        inspection: &Inspection,
        optimize: Optimize,
        cache: &Path,
    ) -> wasmtime::Result<Self> {
        let looking = Room {
            instances: u32::try_from(inspection.concurrency).unwrap_or(u32::MAX / 2),
            ..Room::of(inspectors)
        };
        Self::with(plugins, Some(looking), optimize, cache)
    }

    fn with<'a>(
        plugins: impl IntoIterator<Item = &'a Plugin>,
        looking: Option<Room>,
        optimize: Optimize,
        cache: &Path,
    ) -> wasmtime::Result<Self> {
        let mut cache_config = CacheConfig::new();
        cache_config.with_directory(cache);

        // Most of what is left without optimizations is the allocation of registers.
        let (level, registers) = match optimize {
            Optimize::Speed => (OptLevel::Speed, RegallocAlgorithm::Backtracking),
            Optimize::None => (OptLevel::None, RegallocAlgorithm::SinglePass),
        };
        let mut config = Config::new();
        config
            .cranelift_opt_level(level)
            .cranelift_regalloc_algorithm(registers)
            .epoch_interruption(true)
            .max_wasm_stack(GUEST_STACK)
            .async_stack_size(FIBER_STACK)
            .cache(Some(Cache::new(cache_config)?))
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(plugins, looking)));

        let wasmtime = Wasmtime::new(&config)?;
        let ticker = Ticker::start(wasmtime.clone())?;
        Ok(Self {
            wasmtime,
            ticker: Arc::new(ticker),
        })
    }

    /// The engine itself.
    #[must_use]
    pub fn wasmtime(&self) -> &Wasmtime {
        &self.wasmtime
    }

    /// Its clock.
    pub(super) fn ticks(&self) -> Ticks {
        self.ticker.ticks.clone()
    }
}

/// What instances need at most.
#[derive(Debug, Clone, Copy, Default)]
struct Room {
    instances: u32,
    memory: usize,
    table: usize,
}

impl Room {
    fn of<'a>(inspectors: impl IntoIterator<Item = &'a Inspector>) -> Self {
        inspectors
            .into_iter()
            .fold(Self::default(), |room, one| Self {
                memory: room.memory.max(one.limits.memory),
                table: room.table.max(one.limits.table),
                ..room
            })
    }
}

/// Slots for every instance that may live at once: as many busy as a plugin may have, as
/// many warm ones of the version that serves and of one beside it. A few more for each
/// plugin are used while a version is checked, and while an instance is replaced.
fn pool<'a>(
    plugins: impl IntoIterator<Item = &'a Plugin>,
    looking: Option<Room>,
) -> PoolingAllocationConfig {
    let Room {
        mut instances,
        mut memory,
        mut table,
    } = looking.unwrap_or_default();
    for plugin in plugins {
        let limit = u32::try_from(plugin.limits.instances).unwrap_or(u32::MAX / 2);
        instances = instances
            .saturating_add(limit.saturating_mul(3))
            .saturating_add(SPARE);
        memory = memory.max(plugin.limits.memory);
        table = table.max(plugin.limits.table);
    }
    let cores = instances.saturating_mul(CORES_PER_COMPONENT);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(cores)
        .total_memories(instances)
        .total_tables(cores)
        .total_stacks(instances)
        .max_core_instances_per_component(CORES_PER_COMPONENT)
        .max_memories_per_component(1)
        .max_tables_per_component(CORES_PER_COMPONENT)
        .max_memory_size(memory)
        .table_elements(table)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT)
        .decommit_batch_size(DECOMMIT_BATCH)
        .max_unused_warm_slots(32);
    pool
}

/// Slots of a plugin beside those for its requests.
const SPARE: u32 = 8;

/// A component made by `wit-component` holds the plugin's module and two small ones that
/// join it to its imports.
const CORES_PER_COMPONENT: u32 = 4;

/// The part of a fiber's stack that a usual request touches.
const STACK_KEEP_RESIDENT: usize = 32 * 1024;

struct Ticker {
    ticks: Ticks,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: Wasmtime) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let ticks = Ticks(Arc::default());
        let count = ticks.clone();
        let thread = std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                while !seen.load(Ordering::Relaxed) {
                    std::thread::sleep(TICK);
                    count.0.fetch_add(1, Ordering::Relaxed);
                    engine.increment_epoch();
                }
            })?;
        Ok(Self {
            ticks,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It can only have ended by its flag; a panic in it has been printed.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    /// Two engines with the same key may run each other's code.
    fn key(optimize: Optimize, cache: &Path) -> u64 {
        let engine = Engine::new([], optimize, cache).unwrap();
        let mut hasher = DefaultHasher::new();
        let own = engine.wasmtime().precompile_compatibility_hash();
        own.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn what_was_compiled_otherwise_is_not_taken_from_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let speed = key(Optimize::Speed, folder.path());
        assert_eq!(key(Optimize::Speed, folder.path()), speed);
        assert_ne!(key(Optimize::None, folder.path()), speed);
    }
}
