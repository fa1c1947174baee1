//! Tasks that end well, badly, or not at all.

use super::contract::exports::gateway::plugin::handler::Response;
use super::contract::exports::gateway::plugin::task::{
    Count, Guest, Parameter, StepReport, TaskInfo,
};
use super::contract::gateway::plugin::source;
use super::contract::gateway::plugin::sql::{Kind, Value};
use super::{Misfit, answer, database, resources, tell_of_panics};

impl Guest for Misfit {
    fn tasks() -> Vec<TaskInfo> {
        let rows = Parameter {
            name: "rows".to_owned(),
            summary: "how many rows to write, one a step".to_owned(),
            required: true,
            default: None,
        };
        vec![
            TaskInfo {
                dry_run: true,
                ..task("count", vec![rows])
            },
            TaskInfo {
                needs_source: true,
                ..task("read-source", Vec::new())
            },
            TaskInfo {
                needs_source: true,
                ..task("write-source", Vec::new())
            },
            // It says that it needs none, and so it gets none.
            task("read-no-source", Vec::new()),
            task("fail", Vec::new()),
            task("trap", Vec::new()),
            task("spin", Vec::new()),
            task("write-then-trap", Vec::new()),
            task("for-ever", Vec::new()),
        ]
    }

    fn step(
        task: String,
        parameters: String,
        dry_run: bool,
        state: Option<String>,
    ) -> Result<StepReport, String> {
        tell_of_panics();
        let done = state.map_or(0, |state| state.parse::<u64>().unwrap_or(0)) + 1;
        match task.as_str() {
            "count" => {
                let rows = number(&parameters).ok_or("rows is no number")?;
                if !dry_run {
                    database::insert_row(done)?;
                }
                Ok(report(done, done >= rows))
            }
            "read-source" | "read-no-source" => {
                let rows = source::query(
                    "SELECT note FROM theirs WHERE id = ?",
                    &[Value::Integer(1)],
                    &[Kind::Text],
                );
                // The only column is text, and the heap is all of it.
                let text = rows.map(|rows| String::from_utf8_lossy(&rows.heap).into_owned());
                Ok(StepReport {
                    lines: vec![format!("{:?} {text:?}", source::which())],
                    ..report(1, true)
                })
            }
            "write-source" => {
                let tried = source::query("DELETE FROM theirs", &[], &[]);
                Err(format!("{tried:?}"))
            }
            "fail" if done == 2 => Err("it fails on purpose".to_owned()),
            "fail" | "for-ever" => Ok(report(done, false)),
            "trap" => core::arch::wasm32::unreachable(),
            "spin" => resources::spin(),
            "write-then-trap" => {
                database::insert_then(|| core::arch::wasm32::unreachable());
                Err("it is still here".to_owned())
            }
            other => Err(format!("there is no task {other}")),
        }
    }
}

/// Asks for the second database while a request is served.
pub(super) fn source_of_a_request() -> Response {
    answer(200, format!("{:?}", source::which()))
}

fn task(name: &str, parameters: Vec<Parameter>) -> TaskInfo {
    TaskInfo {
        name: name.to_owned(),
        summary: format!("the task {name}"),
        parameters,
        needs_source: false,
        dry_run: false,
    }
}

fn report(steps: u64, done: bool) -> StepReport {
    StepReport {
        state: steps.to_string(),
        done,
        progress: vec![Count {
            name: "steps".to_owned(),
            value: steps,
        }],
        lines: if done {
            vec![format!("done after {steps} steps")]
        } else {
            Vec::new()
        },
    }
}

/// The number in `{"rows":"N"}`, without a JSON library.
fn number(parameters: &str) -> Option<u64> {
    parameters
        .split('"')
        .find_map(|piece| piece.parse::<u64>().ok())
}
