//! What came out of the soaks, and what of it is not as it has to be.

use std::time::Duration;

use serde_json::{Value, json};

use super::log::Log;
use super::{Outcome, Soak};
use crate::report::{Table, machine, mebibytes, millis};

/// How much more memory may be resident afterwards: with 100 swaps of two plugins, far less
/// than one instance or one version's code each. What the allocator keeps differs by half of
/// that from run to run, with 300 swaps as with 100.
const MORE_MEMORY: u64 = 32 << 20;

/// How many more files may be open afterwards: connections to the database, of which the
/// pools may have opened more. With 100 swaps, far less than one each.
const MORE_FILES: usize = 12;

/// What came out, of all databases.
pub(super) struct Findings {
    requests: Table,
    /// A column for each database, in this order.
    on: Vec<&'static str>,
    figures: Vec<Figure>,
    beyond: Vec<String>,
}

/// A figure of each database.
struct Figure {
    what: &'static str,
    on: Vec<String>,
    aim: String,
}

impl Findings {
    pub(super) fn new() -> Self {
        Self {
            requests: Table::new(&[
                "request",
                "sent during swaps",
                "failed",
                "lost",
                "p50 without",
                "p50 during",
                "p99 without",
                "p99 during",
            ]),
            on: Vec::new(),
            figures: Vec::new(),
            beyond: Vec::new(),
        }
    }

    /// What is not as it has to be.
    pub(super) fn beyond(&self) -> &[String] {
        &self.beyond
    }

    /// Prints the tables.
    pub(super) fn print(&self) {
        self.requests.print();
        let head = [&["what"], self.on.as_slice(), &["aim"]].concat();
        let mut table = Table::new(&head);
        for figure in &self.figures {
            let (what, aim) = (figure.what.to_owned(), figure.aim.clone());
            let cells = [&[what], figure.on.as_slice(), &[aim]].concat();
            table.add(cells, Value::Null);
        }
        table.print();
        println!("\n{}", machine());
    }

    /// The same as JSON.
    pub(super) fn json(&self) -> Value {
        let figures = self.figures.iter().map(|figure| {
            let of: Value = self.on.iter().copied().zip(figure.on.clone()).collect();
            json!({ "what": figure.what, "on": of, "aim": figure.aim })
        });
        json!({
            "machine": machine(),
            "requests": self.requests.json(),
            "figures": figures.collect::<Vec<_>>(),
            "beyond": self.beyond,
        })
    }

    /// Adds what came out on one database.
    pub(super) fn add(&mut self, on: &'static str, soak: &Soak, outcome: &Outcome) {
        let Outcome {
            logs,
            swaps,
            taken: [first, last],
            audit,
            canary,
        } = outcome;
        self.on.push(on);
        self.requests(on, logs);

        let (asked, done) = (soak.swaps * 2, swaps.done * 2);
        self.figure(
            "swaps of both plugins",
            format!("{done} in {:.1} s", swaps.time.as_secs_f64()),
            asked.to_string(),
            done == asked,
        );
        self.figure(
            "a swap under load, median and longest",
            format!("{:.0} ms, {:.0} ms", swaps.median, swaps.longest),
            String::new(),
            true,
        );
        self.figure(
            "versions drained, requests cut",
            format!("{}, {}", swaps.drained, swaps.cut),
            format!("{asked}, 0"),
            [swaps.drained, swaps.cut] == [done, 0],
        );
        let wrong = logs.iter().map(|log| log.sum(|tally| tally.wrong)).sum();
        self.none("requests that failed", wrong);
        let lost = logs.iter().map(|log| log.sum(|tally| tally.lost)).sum();
        self.none("requests without an answer", lost);
        self.figure(
            "writes that were answered",
            audit.answered.to_string(),
            String::new(),
            audit.answered > 0,
        );
        self.none("of those, not there afterwards", audit.lost);
        self.none("there more than once", audit.duplicated);
        self.none("there and never sent", audit.unknown);
        let [before, after] = [first, last].map(|taken| mebibytes(taken.memory));
        self.figure(
            "resident memory before and after the swaps",
            format!("{before:.1} MiB, {after:.1} MiB"),
            format!("at most {:.0} MiB more", mebibytes(MORE_MEMORY)),
            last.memory <= first.memory + MORE_MEMORY,
        );
        self.figure(
            "open files before and after the swaps",
            format!("{}, {}", first.files, last.files),
            format!("at most {MORE_FILES} more"),
            last.files <= first.files + MORE_FILES,
        );
        self.figure(
            "canary that traps on 1 request in 10: affected requests",
            format!("{} of {}", canary.affected, canary.requests),
            "rolled back".to_owned(),
            canary.affected > 0 && canary.answered > 0,
        );
        self.figure(
            "from its activation to its rollback",
            format!("{:.2} s", canary.after.as_secs_f64()),
            String::new(),
            true,
        );
        self.none("failures beside it and afterwards", canary.failed);
        let told = logs.iter().flat_map(|log| &log.told);
        self.beyond.extend(told.map(|text| format!("{on}: {text}")));
    }

    fn requests(&mut self, on: &str, logs: &[Log; 2]) {
        let [quiet, swapped] = logs;
        for (kind, during) in &swapped.tallies {
            let Some(without) = quiet.tallies.get(kind) else {
                continue;
            };
            let what = format!("{}, {on}", kind.name());
            let times = [0.5, 0.99].map(|share| [without.time(share), during.time(share)]);
            let [[p50_without, p50_during], [p99_without, p99_during]] = times;
            let seconds = |time: Duration| time.as_secs_f64() * 1e3;
            let json = json!({
                "request": what,
                "sent": [without.sent, during.sent],
                "failed": [without.wrong, during.wrong],
                "lost": [without.lost, during.lost],
                "p50_ms": [seconds(p50_without), seconds(p50_during)],
                "p99_ms": [seconds(p99_without), seconds(p99_during)],
            });
            let cells = [
                what,
                during.sent.to_string(),
                during.wrong.to_string(),
                during.lost.to_string(),
                millis(p50_without),
                millis(p50_during),
                millis(p99_without),
                millis(p99_during),
            ];
            self.requests.add(cells, json);
        }
    }

    /// A count that has to be 0.
    fn none(&mut self, what: &'static str, count: usize) {
        self.figure(what, count.to_string(), "0".to_owned(), count == 0);
    }

    /// A figure of the database that was added last.
    fn figure(&mut self, what: &'static str, figure: String, aim: String, holds: bool) {
        if !holds {
            let on = self.on.last().copied().unwrap_or_default();
            self.beyond.push(format!("{on}: {what}: {figure}"));
        }
        match self.figures.iter_mut().find(|known| known.what == what) {
            Some(known) => known.on.push(figure),
            None => self.figures.push(Figure {
                what,
                on: vec![figure],
                aim,
            }),
        }
    }
}
