//! A component that looks into content: an instance for each content, which sees nothing
//! else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use super::check::World;
use super::engine::{Engine, Ticks};
use super::failure::Failure;
use super::load::{LoadError, Loaded};
use super::meter::{self, Meter, Most};
use crate::capability::log;
use crate::config;
use crate::contract::InspectorPre;
use crate::contract::content;
use crate::contract::inspect::{Findings, Verdict};

/// The most that one read hands over, whatever the inspector asks for.
const MAX_READ: u64 = 1024 * 1024;

/// What findings may hold, in bytes or in number; see the contract.
const MAX_REASON: usize = 300;
const MAX_FACTS: usize = 32;
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 1024;
const MAX_DERIVED: usize = 8;
const MAX_MEDIA_TYPE: usize = 128;

/// Where the bytes of one content come from.
pub trait Source: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;
    /// Those of a part that is within the content.
    fn read(&self, offset: u64, length: u64) -> BoxFuture<'_, Result<Bytes, Unreadable>>;
}

/// The content could not be read, which is none of the inspector's faults.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the content can't be read: {0}")]
pub struct Unreadable(pub String);

/// What came of one content.
#[derive(Debug)]
pub enum Seen {
    /// The inspector's findings, within their limits.
    Findings(Findings),
    /// It had nothing to say; its text says why.
    Nothing(String),
    /// It came to no end.
    Failed(Failure),
    /// What it said breaks a limit of the contract.
    Invalid(&'static str),
}

/// An inspector that can be asked.
pub struct Inspector {
    name: String,
    config: config::Inspector,
    engine: Engine,
    pre: InspectorPre<State>,
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector")
            .field("name", &self.name)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// What the host keeps beside the guest's memory.
struct State {
    meter: Meter,
    name: String,
    job: String,
    source: Arc<dyn Source>,
    log_lines: u32,
    log_lines_dropped: u32,
}

impl AsMut<Meter> for State {
    fn as_mut(&mut self) -> &mut Meter {
        &mut self.meter
    }
}

impl Inspector {
    /// Checks and links a component. Blocks for as long as it takes to compile it.
    ///
    /// # Errors
    /// It can't be read, or imports more than the world `inspector` offers.
    pub fn load(
        engine: &Engine,
        name: &str,
        config: &config::Inspector,
    ) -> Result<Self, LoadError> {
        let loaded = Loaded::from_file(engine, &config.file)?;
        let misfit = |misfits| LoadError::NoInspector {
            path: config.file.clone(),
            misfits,
        };
        let other = |error: wasmtime::Error| misfit(vec![format!("{error:#}")]);
        let misfits = World::inspector()
            .map_err(other)?
            .misfits(engine.wasmtime(), loaded.component());
        if !misfits.is_empty() {
            return Err(misfit(misfits));
        }
        let pre = linker(engine)
            .and_then(|linker| linker.instantiate_pre(loaded.component()))
            .and_then(InspectorPre::new)
            .map_err(other)?;
        Ok(Self {
            name: name.to_owned(),
            config: config.clone(),
            engine: engine.clone(),
            pre,
        })
    }

    /// The name that the operator gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is shown content of a media type.
    #[must_use]
    pub fn sees(&self, media_type: &str) -> bool {
        self.config.sees(media_type)
    }

    /// Has it look into one content, which `job` names in the log. Dropping the future ends
    /// the guest where it stands.
    ///
    /// # Errors
    /// The content could not be read; nothing is said of it then.
    pub async fn look(
        &self,
        job: &str,
        media_type: &str,
        source: Arc<dyn Source>,
    ) -> Result<Seen, Unreadable> {
        let limits = &self.config.limits;
        let mut store = self.store(self.engine.ticks(), job, source);
        let looked = async {
            let inspector = self.pre.instantiate_async(&mut store).await?;
            store.set_epoch_deadline(1);
            inspector
                .gateway_plugin_inspect()
                .call_inspect(&mut store, media_type)
                .await
        };
        let limit: Duration = limits.wall_time;
        let outcome = tokio::time::timeout(limit, looked).await;
        let State {
            meter,
            log_lines_dropped,
            ..
        } = store.data();
        if *log_lines_dropped > 0 {
            let (inspector, dropped) = (&self.name, log_lines_dropped);
            tracing::warn!(inspector, job, dropped, "log lines beyond the limit");
        }
        Ok(match outcome {
            Ok(Ok(Ok(findings))) => match bounded(findings, limits.derived) {
                Ok(findings) => Seen::Findings(findings),
                Err(limit) => Seen::Invalid(limit),
            },
            Ok(Ok(Err(reason))) => Seen::Nothing(cut(reason, MAX_REASON)),
            Ok(Err(error)) => match error.downcast::<Unreadable>() {
                Ok(unreadable) => return Err(unreadable),
                Err(error) => Seen::Failed(Failure::of_trap(error, meter.memory_denied())),
            },
            Err(_) => Seen::Failed(Failure::Deadline(limit)),
        })
    }

    /// All limits of the guest are set here.
    fn store(&self, ticks: Ticks, job: &str, source: Arc<dyn Source>) -> Store<State> {
        let limits = &self.config.limits;
        let most = Most {
            cpu_time: limits.cpu_time,
            memory: limits.memory,
            table: limits.table,
        };
        let state = State {
            meter: Meter::new(most, ticks),
            name: self.name.clone(),
            job: job.to_owned(),
            source,
            log_lines: limits.log_lines,
            log_lines_dropped: 0,
        };
        let mut store = Store::new(self.engine.wasmtime(), state);
        // What the guest hands over is the host's memory.
        store.set_hostcall_fuel(limits.derived.saturating_add(MAX_FINDINGS));
        store.limiter(|state| &mut state.meter);
        store.call_hook(meter::on_switch::<State>);
        store.epoch_deadline_callback(meter::on_tick::<State>);
        store.set_epoch_deadline(1);
        store
    }
}

/// Bytes of findings beside what is derived; also of a log line and the like.
const MAX_FINDINGS: usize = 256 * 1024;

/// The findings, if they are within their limits.
fn bounded(mut findings: Findings, most: usize) -> Result<Findings, &'static str> {
    if let Verdict::Suspicious(reason) = &mut findings.verdict {
        *reason = cut(std::mem::take(reason), MAX_REASON);
    }
    if findings.facts.len() > MAX_FACTS {
        return Err("more than 32 facts");
    }
    let too_long = |text: &str, most| text.is_empty() || text.len() > most || text.contains('\0');
    for fact in &findings.facts {
        if too_long(&fact.name, MAX_NAME) || fact.value.len() > MAX_VALUE {
            return Err("a fact that is too long");
        }
    }
    if findings.derived.len() > MAX_DERIVED {
        return Err("more than 8 derived contents");
    }
    let mut bytes = 0_usize;
    for derived in &findings.derived {
        if too_long(&derived.name, MAX_NAME) || too_long(&derived.media_type, MAX_MEDIA_TYPE) {
            return Err("a derived content with a name or a media type that is too long");
        }
        bytes = bytes.saturating_add(derived.bytes.len());
    }
    match bytes > most {
        true => Err("derived contents with too many bytes"),
        false => Ok(findings),
    }
}

fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine.wasmtime());
    crate::contract::log::add_to_linker::<State, log::Capability>(&mut linker, |state| {
        log::View {
            plugin: &state.name,
            request: &state.job,
            left: &mut state.log_lines,
            dropped: &mut state.log_lines_dropped,
        }
    })?;
    content::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

impl content::Host for State {
    async fn size(&mut self) -> wasmtime::Result<u64> {
        Ok(self.source.size())
    }

    async fn read(&mut self, offset: u64, length: u32) -> wasmtime::Result<Vec<u8>> {
        let size = self.source.size();
        let begin = offset.min(size);
        let length = u64::from(length).min(MAX_READ).min(size - begin);
        if length == 0 {
            return Ok(Vec::new());
        }
        Ok(self.source.read(begin, length).await?.into())
    }
}
