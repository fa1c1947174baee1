//! The figures: one table for people, the same as JSON.

use serde_json::{Value, json};

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

    /// A pair of request rates.
    pub(crate) fn ratio(
        &mut self,
        what: &str,
        hosted: f64,
        native: f64,
        ratio: f64,
        aim: &'static str,
    ) {
        self.add(Row {
            what: what.to_owned(),
            hosted: format!("{hosted:.0}/s"),
            native: format!("{native:.0}/s"),
            ratio: Some(ratio),
            aim,
            json: json!({ "what": what, "hosted": hosted, "native": native, "ratio": ratio }),
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
