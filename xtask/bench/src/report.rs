//! The figures: one table for people, the same as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::Outcome;

/// What was measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    hosted: String,
    native: String,
    ratio: Option<f64>,
    aim: &'static str,
    json: Value,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Two servers under the same load.
    pub(crate) fn pair(&mut self, what: &str, pair: &Pair, aim: &'static str) {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        self.add(Row {
            what: what.to_owned(),
            hosted: format!("{:.0}/s", pair.hosted),
            native: format!("{:.0}/s", pair.native),
            ratio: Some(pair.ratio),
            aim,
            json: json!({
                "what": what,
                "hosted_per_second": pair.hosted,
                "native_per_second": pair.native,
                "ratio": pair.ratio,
                "hosted_p50_ms": millis(pair.p50),
                "hosted_p99_ms": millis(pair.p99),
            }),
        });
    }

    /// A figure of its own.
    pub(crate) fn figure(&mut self, what: &str, value: f64, unit: &str, aim: &'static str) {
        self.add(Row {
            what: what.to_owned(),
            hosted: format!("{value:.1} {unit}"),
            native: String::new(),
            ratio: None,
            aim,
            json: json!({ "what": what, "value": value, "unit": unit }),
        });
    }

    fn add(&mut self, row: Row) {
        eprintln!("{:>12}  {}", row.hosted, row.what);
        self.rows.push(row);
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!("\n| what | hosted | native | ratio | aim |");
        println!("|---|---:|---:|---:|---|");
        for row in &self.rows {
            let ratio = row
                .ratio
                .map(|ratio| format!("{ratio:.2}"))
                .unwrap_or_default();
            println!(
                "| {} | {} | {} | {ratio} | {} |",
                row.what, row.hosted, row.native, row.aim
            );
        }
        println!("\n{}", machine());
    }

    /// The figures as JSON.
    pub(crate) fn json(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(|row| &row.json).collect();
        json!({ "machine": machine(), "rows": rows }).to_string()
    }
}

/// Two servers under the same load, in turn; each figure is the median of the rounds.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Answers a second of the hosted side.
    pub(crate) hosted: f64,
    native: f64,
    /// The median of the rounds' ratios, not the ratio of the medians.
    ratio: f64,
    p50: Duration,
    p99: Duration,
}

impl Pair {
    pub(crate) fn of(hosted: &[Outcome], native: &[Outcome]) -> Self {
        let rate = |side: &[Outcome]| median(side.iter().map(|outcome| outcome.per_second));
        let seconds = |time: Duration| time.as_secs_f64();
        let rounds = hosted.iter().zip(native);
        Self {
            hosted: rate(hosted),
            native: rate(native),
            ratio: median(rounds.map(|(h, n)| h.per_second / n.per_second)),
            p50: Duration::from_secs_f64(median(hosted.iter().map(|o| seconds(o.p50)))),
            p99: Duration::from_secs_f64(median(hosted.iter().map(|o| seconds(o.p99)))),
        }
    }
}

/// The middle one; 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What the figures came from.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, server on one core, load on another ({cores} visible to the load)")
}
