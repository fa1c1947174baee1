//! Calls of a plugin without any HTTP around them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gateway::capability::sql::Database;
use gateway::config::{Config, Environment, Flags, Isolation, Plugin as Settings};
use gateway::plugin::{Body, Call, Engine, Identity, Loaded, Resources, Turnstile, Version};
use gateway::telemetry::Metrics;

use crate::report::Report;

/// Calls for one figure; the median of them counts.
const CALLS: usize = 20_000;

/// Instances that are made in one go.
const INSTANCES: usize = 50;

/// How often that is done; the median counts.
const ROUNDS: usize = 51;

/// The cost of a call in a warm instance, and of making an instance.
pub(crate) fn measure(plugins: &Path, report: &mut Report) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(measure_all(plugins, report))
}

async fn measure_all(plugins: &Path, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let misfit = plugins.join("misfit.wasm");
    let environment: Environment = BTreeMap::from([
        ("GATEWAY_DATA", folder.path().display().to_string()),
        ("GATEWAY_PLUGIN_MISFIT_FILE", misfit.display().to_string()),
    ])
    .into_iter()
    .collect();
    let config = Config::load(None, &environment, &Flags::default())?;
    let settings = config.plugins.get("misfit").context("no plugin")?;

    let cache = folder.path().join("cache");
    let engine = Engine::new(config.plugins.values(), config.engine.optimize, &cache)
        .map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let loaded = Loaded::from_file(&engine, &misfit)?;
    let database = Database::connect(&config.database).await?;

    let warm = call_time(&engine, &loaded, settings.clone(), &database).await?;
    report.figure(
        "a call in a warm instance",
        micros(warm),
        "us",
        "at most 3 us",
    );
    let make = make_time(&engine, &loaded, settings.clone(), &database).await?;
    report.figure("making an instance", micros(make), "us", "at most 20 us");
    let mut fresh = settings.clone();
    fresh.isolation = Isolation::Fresh;
    let fresh = call_time(&engine, &loaded, fresh, &database).await?;
    report.figure(
        "a call in a fresh instance, its end included",
        micros(fresh),
        "us",
        "",
    );
    database.close().await;
    Ok(())
}

/// The time of one instance of many that are kept.
async fn make_time(
    engine: &Engine,
    loaded: &Loaded,
    mut settings: Settings,
    database: &Database,
) -> Result<Duration> {
    settings.limits.instances = INSTANCES + 1;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let (settings, database) = (settings.clone(), database.clone());
        let plugin = version(engine, loaded, &settings, database).await?;
        let begun = Instant::now();
        plugin.warm_up(INSTANCES + 1).await?;
        times.push(begun.elapsed() / u32::try_from(INSTANCES)?);
    }
    times.sort_unstable();
    Ok(times.get(ROUNDS / 2).copied().unwrap_or_default())
}

async fn version(
    engine: &Engine,
    loaded: &Loaded,
    settings: &Settings,
    database: Database,
) -> Result<Version> {
    let identity = Identity::of("misfit", loaded.facts());
    let turnstile = Arc::new(Turnstile::new(&settings.limits));
    Ok(Version::start(
        engine,
        identity,
        loaded,
        settings,
        Resources {
            database,
            blobs: None,
            events: None,
        },
        turnstile,
        &Metrics::unread(),
    )
    .await?)
}

async fn call_time(
    engine: &Engine,
    loaded: &Loaded,
    settings: Settings,
    database: &Database,
) -> Result<Duration> {
    let plugin = version(engine, loaded, &settings, database.clone()).await?;
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let call = Call {
            id: String::new(),
            method: "GET".to_owned(),
            path: "/bytes/13".to_owned(),
            query: None,
            headers: Vec::new(),
            body: Body::Empty,
            address: None,
            claims: None,
            trace: None,
        };
        let begun = Instant::now();
        plugin.handle(call).await?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(CALLS / 2).copied().unwrap_or_default())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
