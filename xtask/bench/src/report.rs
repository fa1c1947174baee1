//! The figures: tables for people, the same as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::Outcome;

/// Rows under a head, each with what JSON has of it.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    json: Vec<Value>,
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
            json: Vec::new(),
        }
    }

    /// Adds a row, and shows it at once: the table is a long time coming.
    pub(crate) fn add(&mut self, cells: impl Into<Vec<String>>, json: Value) {
        let cells = cells.into();
        eprintln!("    {}", cells.join("  "));
        self.rows.push(cells);
        self.json.push(json);
    }

    /// Prints it as Markdown: the first column to the left, figures to the right.
    pub(crate) fn print(&self) {
        println!("\n| {} |", self.head.join(" | "));
        println!("|---|{}", "---:|".repeat(self.head.len().saturating_sub(1)));
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }

    pub(crate) fn json(&self) -> &[Value] {
        &self.json
    }
}

/// What was measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    figures: Table,
    routes: Table,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            figures: Table::new(&["what", "hosted", "native", "ratio", "aim"]),
            routes: Table::new(&[
                "route",
                "requests/s",
                "p50",
                "p99",
                "CPU for 1,000 requests",
                "memory",
            ]),
        }
    }

    /// Two servers under the same load.
    pub(crate) fn pair(&mut self, what: &str, pair: &Pair, aim: &str) {
        let cells = [
            what.to_owned(),
            format!("{:.0}/s", pair.first.per_second),
            format!("{:.0}/s", pair.second.per_second),
            format!("{:.2}", pair.rates),
            aim.to_owned(),
        ];
        let json = json!({
            "what": what,
            "hosted_per_second": pair.first.per_second,
            "native_per_second": pair.second.per_second,
            "ratio": pair.rates,
        });
        self.figures.add(cells, json);
    }

    /// A figure of ours beside that of somebody else.
    pub(crate) fn beside(&mut self, what: &str, [ours, other]: [f64; 2], unit: &str) {
        let ratio = ours / other;
        let cells = [
            what.to_owned(),
            format!("{ours:.0} {unit}"),
            format!("{other:.0} {unit}"),
            format!("{ratio:.2}"),
            String::new(),
        ];
        let json = json!({ "what": what, "value": ours, "beside": other, "unit": unit });
        self.figures.add(cells, json);
    }

    /// A figure of its own.
    pub(crate) fn figure(&mut self, what: &str, value: f64, unit: &str, aim: &str) {
        let cells = [
            what.to_owned(),
            format!("{value:.1} {unit}"),
            String::new(),
            String::new(),
            aim.to_owned(),
        ];
        self.figures
            .add(cells, json!({ "what": what, "value": value, "unit": unit }));
    }

    /// A route of the service: what its clients see, and what it takes. `cpu` is for
    /// 1,000 requests; `memory` is resident after the load, in bytes.
    pub(crate) fn route(&mut self, what: &str, side: &Side, cpu: Duration, memory: u64) {
        let cells = [
            what.to_owned(),
            format!("{:.0}", side.per_second),
            millis(side.p50),
            millis(side.p99),
            format!("{:.3} s", cpu.as_secs_f64()),
            format!("{:.1} MiB", mebibytes(memory)),
        ];
        let json = json!({
            "route": what,
            "per_second": side.per_second,
            "p50_ms": side.p50.as_secs_f64() * 1e3,
            "p99_ms": side.p99.as_secs_f64() * 1e3,
            "cpu_seconds_per_1000": cpu.as_secs_f64(),
            "memory_bytes": memory,
        });
        self.routes.add(cells, json);
    }

    /// Prints the tables.
    pub(crate) fn print(&self) {
        for table in [&self.figures, &self.routes] {
            if !table.rows.is_empty() {
                table.print();
            }
        }
        println!("\n{}", machine());
    }

    /// The figures as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({
            "machine": machine(),
            "rows": self.figures.json(),
            "routes": self.routes.json(),
        })
    }
}

/// One server over all rounds: the median of each figure.
#[derive(Debug)]
pub(crate) struct Side {
    /// Answers in all.
    pub(crate) answers: usize,
    /// Answers a second.
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Side {
    fn of(rounds: &[Outcome]) -> Self {
        let time = |of: fn(&Outcome) -> Duration| {
            Duration::from_secs_f64(median(rounds.iter().map(|round| of(round).as_secs_f64())))
        };
        Self {
            answers: rounds.iter().map(|round| round.answers).sum(),
            per_second: median(rounds.iter().map(|round| round.per_second)),
            p50: time(|round| round.p50),
            p99: time(|round| round.p99),
        }
    }
}

/// Two servers under the same load, in turn. A ratio is the median of the rounds'
/// ratios, not the ratio of the medians: what the machine does besides hits both sides
/// of a round.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) first: Side,
    pub(crate) second: Side,
    /// Answers a second of the first to those of the second.
    pub(crate) rates: f64,
    /// Median latency of the second to that of the first.
    pub(crate) p50: f64,
    /// The same of the latency that one in a hundred exceeds.
    pub(crate) p99: f64,
}

impl Pair {
    pub(crate) fn of([first, second]: &[Vec<Outcome>; 2]) -> Self {
        let ratio = |of: fn(&Outcome, &Outcome) -> f64| {
            median(first.iter().zip(second).map(|(a, b)| of(a, b)))
        };
        Self {
            first: Side::of(first),
            second: Side::of(second),
            rates: ratio(|a, b| a.per_second / b.per_second),
            p50: ratio(|a, b| b.p50.as_secs_f64() / a.p50.as_secs_f64()),
            p99: ratio(|a, b| b.p99.as_secs_f64() / a.p99.as_secs_f64()),
        }
    }
}

/// The middle one; 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes of memory, far below 2^52"
)]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A latency, for people.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// What the figures came from.
pub(crate) fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, server on one core, load on another ({cores} visible to the load)")
}
