//! The names of all metrics, and how they are told. `docs/operating.md` says what they
//! mean; a test compares the two.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelValue, EncodeMetric, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::process::{self, Process};
use super::version::{METHODS, Route, STATUSES, Statement, Version};
use super::{Counts, Live, Pool, Traffic};

use MetricType::{Counter, Gauge, Histogram, Info};

impl Collector for Counts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut told = Exposition(&mut encoder);
        told.build()?;
        told.process()?;
        told.gateway(self)?;
        let versions = self.versions.read().clone();
        told.requests(&versions, &self.host)?;
        told.plugins(&versions)?;
        told.statements(&versions)?;
        told.swaps(self)?;
        let traffic = self.traffic.read().clone();
        told.blobs(&traffic)?;
        let live = self.live.read().clone();
        told.live(&live)?;
        let databases = self.databases.read().clone();
        let pools: Vec<_> = databases
            .iter()
            .flat_map(|(name, database)| {
                database
                    .pools()
                    .into_iter()
                    .map(move |pool| (&**name, pool))
            })
            .collect();
        told.pools(&pools)
    }
}

struct Exposition<'e, 'w>(&'e mut DescriptorEncoder<'w>);

impl Exposition<'_, '_> {
    fn family(
        &mut self,
        name: &'static str,
        kind: MetricType,
        help: &'static str,
    ) -> Result<Family<'_>, Error> {
        let encoder = self.0.encode_descriptor(name, help, None, kind)?;
        Ok(Family(encoder))
    }

    fn build(&mut self) -> Result<(), Error> {
        let mut family = self.family("gateway_build", Info, "What runs")?;
        family
            .0
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }

    fn process(&mut self) -> Result<(), Error> {
        let Process {
            resident,
            descriptors,
        } = Process::read();
        let help = "Resident memory";
        let mut family = self.family("process_resident_memory_bytes", Gauge, help)?;
        resident.map_or(Ok(()), |bytes| family.alone_gauge(bytes))?;
        let mut family = self.family("process_open_fds", Gauge, "Open file descriptors")?;
        descriptors.map_or(Ok(()), |count| family.alone_gauge(count))?;
        let help = "When the process started, since 1970";
        let mut family = self.family("process_start_time_seconds", Gauge, help)?;
        family.alone_gauge(process::started().as_secs())
    }

    fn gateway(&mut self, counts: &Counts) -> Result<(), Error> {
        let help = "Open connections of clients";
        self.family("gateway_connections", Gauge, help)?
            .alone(&counts.connections)?;
        let help = "Requests being handled or waiting";
        self.family("gateway_requests_in_flight", Gauge, help)?
            .alone(&counts.in_flight)?;
        let help = "Requests that wait for a place";
        self.family("gateway_queue_waiting", Gauge, help)?
            .alone(&counts.waiting)?;
        let help = "How long requests waited for a place, of those that had to";
        let family = self.family("gateway_queue_wait_seconds", Histogram, help)?;
        counts.waits.encode(family.0)?;
        let help = "Requests that the gateway answered itself, by cause";
        let mut family = self.family("gateway_refusals", Counter, help)?;
        for (cause, count) in counts.refusals.counts() {
            family.count([("cause", cause)], count)?;
        }
        let help = "Batches of spans for the collector, by how it went";
        let mut family = self.family("gateway_trace_exports", Counter, help)?;
        for (outcome, count) in counts.exports.counts() {
            family.count([("outcome", outcome)], count)?;
        }
        Ok(())
    }

    fn requests(&mut self, versions: &[Arc<Version>], host: &Route) -> Result<(), Error> {
        let routes: Vec<_> = versions
            .iter()
            .map(|version| (version, version.routes.all()))
            .collect();
        let of_host = std::iter::once(("", "", host));
        let of_plugins = routes.iter().flat_map(|(version, routes)| {
            routes
                .iter()
                .map(|route| (&*version.plugin, &*version.version, &**route))
        });
        let all: Vec<_> = of_host.chain(of_plugins).collect();

        let mut family = self.family("gateway_requests", Counter, "Requests that ended")?;
        for (plugin, version, route) in &all {
            for (method, answers) in METHODS.iter().zip(&route.methods) {
                let Some(answers) = answers.get() else {
                    continue;
                };
                for (status, count) in STATUSES.iter().zip(&answers.statuses) {
                    let labels = [
                        ("plugin", *plugin),
                        ("version", *version),
                        ("route", &*route.name),
                        ("method", *method),
                        ("status", *status),
                    ];
                    match count.load(Ordering::Relaxed) {
                        0 => {}
                        count => family.count(labels, count)?,
                    }
                }
            }
        }
        let help = "From a request's head to its answer";
        let mut family = self.family("gateway_request_duration_seconds", Histogram, help)?;
        for (plugin, version, route) in &all {
            for (method, answers) in METHODS.iter().zip(&route.methods) {
                let Some(answers) = answers.get() else {
                    continue;
                };
                let labels = [
                    ("plugin", *plugin),
                    ("version", *version),
                    ("route", &*route.name),
                    ("method", *method),
                ];
                answers.duration.encode(family.0.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn plugins(&mut self, versions: &[Arc<Version>]) -> Result<(), Error> {
        let mut family = self.family("gateway_instances", Gauge, "Instances by what they do")?;
        for version in versions {
            let [plugin, number] = version.labels();
            family.with([plugin, number, ("state", "warm")], &version.warm)?;
            family.with([plugin, number, ("state", "busy")], &version.busy)?;
        }
        let help = "Instances that were made";
        let mut family = self.family("gateway_instances_created", Counter, help)?;
        for version in versions {
            family.with(version.labels(), &version.created)?;
        }
        let help = "Requests that wait for an instance";
        let mut family = self.family("gateway_instance_waiting", Gauge, help)?;
        for version in versions {
            family.with(version.labels(), &version.waiting)?;
        }
        let help = "How long requests waited for an instance, of those that had to";
        let mut family = self.family("gateway_instance_wait_seconds", Histogram, help)?;
        for version in versions {
            version
                .waits
                .encode(family.0.encode_family(&version.labels())?)?;
        }
        let help = "Calls that came to nothing, by kind";
        let mut family = self.family("gateway_failures", Counter, help)?;
        for version in versions {
            let [plugin, number] = version.labels();
            for (kind, count) in version.failures.counts() {
                family.count([plugin, number, ("kind", kind)], count)?;
            }
        }
        let help = "CPU time of the guest for a request, in ticks of 10 ms";
        let mut family = self.family("gateway_guest_cpu_seconds", Histogram, help)?;
        for version in versions {
            version
                .cpu
                .encode(family.0.encode_family(&version.labels())?)?;
        }
        let help = "The most linear memory that an instance had";
        let mut family = self.family("gateway_guest_memory_peak_bytes", Gauge, help)?;
        for version in versions {
            let peak = version.memory.load(Ordering::Relaxed);
            family.with(version.labels(), &ConstGauge::new(peak))?;
        }
        Ok(())
    }

    fn statements(&mut self, versions: &[Arc<Version>]) -> Result<(), Error> {
        let help = "What guests asked of their database, by kind";
        let mut family = self.family("gateway_sql_duration_seconds", Histogram, help)?;
        for version in versions {
            let [plugin, number] = version.labels();
            for (kind, times) in Statement::ALL.iter().zip(&version.statements) {
                let labels = [plugin, number, ("kind", kind.word())];
                times.encode(family.0.encode_family(&labels)?)?;
            }
        }
        let help = "What the database did not do, by kind and error";
        let mut family = self.family("gateway_sql_errors", Counter, help)?;
        for version in versions {
            let [plugin, number] = version.labels();
            for ((kind, error), count) in version.sql_errors.counts() {
                family.count([plugin, number, ("kind", kind), ("error", error)], count)?;
            }
        }
        Ok(())
    }

    fn swaps(&mut self, counts: &Counts) -> Result<(), Error> {
        let swaps = &counts.swaps;
        let help = "Versions that became active";
        self.family("gateway_activations", Counter, help)?
            .alone(&swaps.activations)?;
        let help = "Of those, the ones that went back to an earlier version";
        self.family("gateway_rollbacks", Counter, help)?
            .alone(&swaps.rollbacks)?;
        let help = "Old versions that ended and were freed";
        self.family("gateway_versions_drained", Counter, help)?
            .alone(&swaps.drained)?;
        let help = "Requests that were cut at the end of a drain";
        self.family("gateway_requests_cut", Counter, help)?
            .alone(&swaps.cut)?;
        let help = "Old versions that have requests in flight";
        self.family("gateway_versions_draining", Gauge, help)?
            .alone(&swaps.draining)
    }

    fn blobs(&mut self, traffic: &[Arc<Traffic>]) -> Result<(), Error> {
        type Of = fn(&Traffic) -> u64;
        let help = "Bodies on their way into the blob store";
        let mut family = self.family("gateway_blob_uploads_in_flight", Gauge, help)?;
        for of in traffic {
            family.with([("plugin", &*of.plugin)], &of.uploading)?;
        }
        let help = "Downloads that are open";
        let mut family = self.family("gateway_blob_downloads_in_flight", Gauge, help)?;
        for of in traffic {
            family.with([("plugin", &*of.plugin)], &of.downloading)?;
        }
        let help = "Bodies that came for the blob store, by how it went";
        let mut family = self.family("gateway_blob_uploads", Counter, help)?;
        for of in traffic {
            for (outcome, count) in of.uploads.counts() {
                family.count([("plugin", &of.plugin), ("outcome", outcome)], count)?;
            }
        }
        let help = "Downloads that ended, by how they did";
        let mut family = self.family("gateway_blob_downloads", Counter, help)?;
        for of in traffic {
            for (outcome, count) in of.downloads.counts() {
                family.count([("plugin", &of.plugin), ("outcome", outcome)], count)?;
            }
        }
        let help = "Contents that an inspector looked into, by what came of it";
        let mut family = self.family("gateway_inspections", Counter, help)?;
        for of in traffic {
            for ((inspector, outcome), count) in of.inspections.counts() {
                let labels = [
                    ("plugin", &*of.plugin),
                    ("inspector", &*inspector),
                    ("outcome", outcome),
                ];
                family.count(labels, count)?;
            }
        }
        let sums: [(&'static str, &'static str, Of); 4] = [
            (
                "gateway_blob_received_bytes",
                "Bytes written to the blob store",
                |of| of.received.load(Ordering::Relaxed),
            ),
            (
                "gateway_blob_sent_bytes",
                "Bytes of downloads that ended",
                |of| of.sent.load(Ordering::Relaxed),
            ),
            (
                "gateway_blob_collected",
                "Blobs that nobody needed and that were removed",
                |of| of.collected.load(Ordering::Relaxed),
            ),
            ("gateway_blob_collected_bytes", "Their bytes", |of| {
                of.collected_bytes.load(Ordering::Relaxed)
            }),
        ];
        for (name, help, sum) in sums {
            let mut family = self.family(name, Counter, help)?;
            for of in traffic {
                family.count([("plugin", &of.plugin)], sum(of))?;
            }
        }
        Ok(())
    }

    fn live(&mut self, live: &[Arc<Live>]) -> Result<(), Error> {
        type Of = fn(&Live) -> u64;
        let help = "Live connections that are open";
        let mut family = self.family("gateway_live_connections", Gauge, help)?;
        for of in live {
            family.with([("plugin", &*of.plugin)], &of.connections)?;
        }
        let help = "Live connections that the gateway ended, by why";
        let mut family = self.family("gateway_live_closes", Counter, help)?;
        for of in live {
            for (reason, count) in of.closes.counts() {
                family.count([("plugin", &of.plugin), ("reason", reason)], count)?;
            }
        }
        let help = "Clients that came back with a place, by what they were told";
        let mut family = self.family("gateway_live_replays", Counter, help)?;
        for of in live {
            for (outcome, count) in of.replays.counts() {
                family.count([("plugin", &of.plugin), ("outcome", outcome)], count)?;
            }
        }
        let sums: [(&'static str, &'static str, Of); 5] = [
            (
                "gateway_events_published",
                "Rows of the event log that were committed here",
                |of| of.published.load(Ordering::Relaxed),
            ),
            (
                "gateway_events_dispatched",
                "Rows of the event log that were handed out here",
                |of| of.dispatched.load(Ordering::Relaxed),
            ),
            (
                "gateway_events_delivered",
                "Events that were put into the queue of a connection",
                |of| of.delivered.load(Ordering::Relaxed),
            ),
            (
                "gateway_events_fetched",
                "Rows of the event log that no notice brought and a look found",
                |of| of.fetched.load(Ordering::Relaxed),
            ),
            (
                "gateway_events_removed",
                "Rows of the event log that were removed for their age or number",
                |of| of.removed.load(Ordering::Relaxed),
            ),
        ];
        for (name, help, sum) in sums {
            let mut family = self.family(name, Counter, help)?;
            for of in live {
                family.count([("plugin", &of.plugin)], sum(of))?;
            }
        }
        let gauges: [(&'static str, &'static str, Of); 2] = [
            (
                "gateway_events_lag",
                "Rows of the event log that the last look at it found behind",
                |of| of.lag.load(Ordering::Relaxed),
            ),
            (
                "gateway_events_bus_up",
                "Whether the other gateways can be heard over the bus",
                |of| of.is_bus_up.load(Ordering::Relaxed).into(),
            ),
        ];
        for (name, help, value) in gauges {
            let mut family = self.family(name, Gauge, help)?;
            for of in live {
                family.with([("plugin", &*of.plugin)], &ConstGauge::new(value(of)))?;
            }
        }
        Ok(())
    }

    fn pools(&mut self, pools: &[(&str, Pool)]) -> Result<(), Error> {
        let help = "Open connections to a database, by what they do";
        let mut family = self.family("gateway_sql_pool_connections", Gauge, help)?;
        for (database, pool) in pools {
            let [database, name] = [("database", *database), ("pool", pool.name)];
            let labels = |state| [database, name, ("state", state)];
            family.with(labels("in_use"), &ConstGauge::new(pool.in_use))?;
            family.with(labels("idle"), &ConstGauge::new(pool.idle))?;
        }
        let help = "Connections to a database that there may be";
        let mut family = self.family("gateway_sql_pool_size", Gauge, help)?;
        for (database, pool) in pools {
            let labels = [("database", *database), ("pool", pool.name)];
            family.with(labels, &ConstGauge::new(pool.size))?;
        }
        let help = "Callers that wait for a connection";
        let mut family = self.family("gateway_sql_pool_waiting", Gauge, help)?;
        for (database, pool) in pools {
            let labels = [("database", *database), ("pool", pool.name)];
            family.with(labels, &ConstGauge::new(pool.waiting))?;
        }
        let help = "How long callers waited for a connection";
        let mut family = self.family("gateway_sql_pool_wait_seconds", Histogram, help)?;
        for (database, pool) in pools {
            let labels = [("database", *database), ("pool", pool.name)];
            pool.waits.encode(family.0.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Version {
    fn labels(&self) -> [(&'static str, &str); 2] {
        [("plugin", &*self.plugin), ("version", &*self.version)]
    }
}

/// One metric, for any number of label sets.
struct Family<'e>(MetricEncoder<'e>);

impl Family<'_> {
    fn alone(self, metric: &impl EncodeMetric) -> Result<(), Error> {
        metric.encode(self.0)
    }

    fn alone_gauge(&mut self, value: u64) -> Result<(), Error> {
        let none: [(&str, &str); 0] = [];
        self.with(none, &ConstGauge::new(value))
    }

    fn count<const N: usize>(
        &mut self,
        labels: [(&str, &str); N],
        count: u64,
    ) -> Result<(), Error> {
        self.with(labels, &ConstCounter::new(count))
    }

    fn with<V: EncodeLabelValue, const N: usize>(
        &mut self,
        labels: [(&str, V); N],
        metric: &impl EncodeMetric,
    ) -> Result<(), Error> {
        metric.encode(self.0.encode_family(&labels)?)
    }
}
