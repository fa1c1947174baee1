//! What the databases do with the very statements of the service: which index, how many
//! rows are looked at, whether anything is sorted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use chat::ports::Value;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::fill::Shape;
use super::{Findings, by_id, of, page};
use crate::native::Twin;
use crate::raw::Connection;
use crate::routes::escape;

/// Steps of SQLite's machine that go with a row.
const STEPS: u64 = 100;

/// What a database does for a statement.
struct Plan {
    /// As the database tells it.
    text: String,
    looked_at: u64,
    /// What is counted; SQLite counts no rows, but the steps of its machine.
    unit: &'static str,
    indexes: Vec<String>,
    sorts: bool,
    /// Reads a table from one end to the other.
    scans: bool,
}

/// Asks for a page and a count of a channel of 100 messages, and for one message.
pub(super) async fn look(
    name: &str,
    url: &str,
    shape: Shape,
    findings: &mut Findings,
) -> Result<()> {
    let twin = Twin::open(url).await?;
    let mut connection = Connection::open(url).await?;
    let channel = shape.measured().last().context("no channel")?;
    let filter = format!("filter={}", escape(&page(channel)));
    let condition = format!("where={}", escape(&of(channel)));
    let message = by_id(shape, channel, 11);
    // Each with the rows that may be looked at for it: those that are asked for, as many
    // once more, and a few for the membership.
    let asked = [
        ("page of 20 of a channel", "/messages", Some(filter), 40),
        (
            "count of a channel",
            "/messages/count",
            Some(condition),
            220,
        ),
        ("by id", message.as_str(), None, 10),
    ];
    for (what, path, query, rows) in asked {
        for (statement, params) in twin.statements(path, query.as_deref()).await? {
            println!("\n{name}, {what}: {statement}");
            for plan in plans(&mut connection, &statement, &params).await? {
                println!("{}", plan.text);
                findings.plan(&format!("{what}, {name}"), &plan, rows);
            }
        }
    }
    Ok(())
}

impl Findings {
    fn plan(&mut self, what: &str, plan: &Plan, rows: u64) {
        if plan.looked_at > rows || plan.sorts || plan.scans {
            self.beyond.push(format!("the plan of {what}"));
        }
        let cells = [
            what.to_owned(),
            format!("{} {}", plan.looked_at, plan.unit),
            plan.indexes.join(", "),
            if plan.sorts { "yes" } else { "no" }.to_owned(),
        ];
        let json = json!({
            "statement": what,
            "looked_at": plan.looked_at,
            "unit": plan.unit,
            "indexes": plan.indexes,
            "sorts": plan.sorts,
            "scans": plan.scans,
            "plan": plan.text,
        });
        self.plans.add(cells, json);
    }
}

async fn plans(
    connection: &mut Connection,
    statement: &str,
    params: &[Value],
) -> Result<Vec<Plan>> {
    Ok(match connection {
        Connection::Sqlite(_) => vec![on_sqlite(connection, statement, params).await?],
        Connection::Postgres(_) => {
            // The two ways in which a prepared statement is run.
            let generic = on_postgres(connection, "force_generic_plan", statement, params).await?;
            let custom = on_postgres(connection, "force_custom_plan", statement, params).await?;
            vec![generic, custom]
        }
        Connection::Mysql(_) => vec![on_mysql(connection, statement, params).await?],
    })
}

async fn on_sqlite(connection: &mut Connection, statement: &str, params: &[Value]) -> Result<Plan> {
    // Planned with the values unknown, as a prepared statement is.
    let plan = connection
        .texts(&format!("EXPLAIN QUERY PLAN {statement}"))
        .await?;
    let lines: Vec<String> = plan.into_iter().filter_map(|mut row| row.pop()).collect();
    let sql = spelled_out(statement, params, |bytes| format!("X'{bytes}'"))?;
    let Connection::Sqlite(sqlite) = connection else {
        bail!("not SQLite");
    };
    let steps = steps(sqlite, &sql).await?;
    let index = |line: &String| {
        let (_, rest) = line.split_once(" USING ")?;
        rest.split(" (").next().map(str::to_owned)
    };
    Ok(Plan {
        looked_at: steps.div_ceil(STEPS),
        unit: "hundred steps",
        indexes: lines.iter().filter_map(index).collect(),
        sorts: lines.iter().any(|line| line.contains("TEMP B-TREE")),
        scans: lines
            .iter()
            .any(|line| line.starts_with("SCAN ") && !line.starts_with("SCAN CONSTANT ROW")),
        text: format!("{}\n{steps} steps", lines.join("\n")),
    })
}

async fn steps(sqlite: &mut SqliteConnection, sql: &str) -> Result<u64> {
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    sqlite
        .lock_handle()
        .await?
        .set_progress_handler(1, move || {
            counter.fetch_add(1, Ordering::Relaxed);
            true
        });
    sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(&mut *sqlite)
        .await?;
    sqlite.lock_handle().await?.remove_progress_handler();
    Ok(steps.load(Ordering::Relaxed))
}

async fn on_postgres(
    connection: &mut Connection,
    mode: &str,
    statement: &str,
    params: &[Value],
) -> Result<Plan> {
    let mut numbered = String::new();
    for (number, part) in statement.split('?').enumerate() {
        if number > 0 {
            numbered += &format!("${number}");
        }
        numbered += part;
    }
    let values: Vec<String> = params
        .iter()
        .map(|value| literal(value, |bytes| format!("'{bytes}'")))
        .collect::<Result<_>>()?;
    let explain = format!(
        "DEALLOCATE ALL; SET plan_cache_mode = {mode}; PREPARE it AS {numbered}; \
         EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE it ({})",
        values.join(", ")
    );
    let rows = connection.texts(&explain).await?;
    let text = rows.into_iter().flatten().collect::<String>();
    let plan: Json = serde_json::from_str(&text)?;
    let mut nodes = Vec::new();
    let root = plan.pointer("/0/Plan").context("no plan")?;
    every(root, "Plans", &mut nodes);
    let kind = |node: &Json, it: &str| {
        let kind = node.get("Node Type").and_then(Json::as_str);
        kind.is_some_and(|kind| kind.contains(it))
    };
    // PostgreSQL 18 has fractions there.
    let number = |node: &Json, name: &str| node.get(name).and_then(Json::as_f64).unwrap_or(0.0);
    let tables = nodes
        .iter()
        .filter(|node| node.get("Relation Name").is_some());
    let looked_at: f64 = tables
        .map(|it| {
            (number(it, "Actual Rows") + number(it, "Rows Removed by Filter"))
                * number(it, "Actual Loops")
        })
        .sum();
    let indexes = nodes.iter().filter_map(|it| it.get("Index Name")?.as_str());
    Ok(Plan {
        looked_at: looked_at.ceil() as u64,
        unit: "rows",
        indexes: indexes.map(str::to_owned).collect(),
        sorts: nodes.iter().any(|it| kind(it, "Sort")),
        scans: nodes.iter().any(|it| kind(it, "Seq Scan")),
        text: format!("{mode}: {plan}"),
    })
}

/// A node and all that are below it.
fn every<'p>(node: &'p Json, below: &str, nodes: &mut Vec<&'p Json>) {
    nodes.push(node);
    for child in node
        .get(below)
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        every(child, below, nodes);
    }
}

async fn on_mysql(connection: &mut Connection, statement: &str, params: &[Value]) -> Result<Plan> {
    let sql = spelled_out(statement, params, |bytes| format!("X'{bytes}'"))?;
    // MySQL has another format by default.
    let explain = format!("EXPLAIN FORMAT=TRADITIONAL {sql}");
    let plan = connection
        .fields(&explain, &["table", "type", "key", "Extra"])
        .await?;
    let before = handled(connection).await?;
    connection.run(&sql).await?;
    let looked_at = handled(connection).await? - before;
    let column = |index: usize| {
        let fields = plan.iter().filter_map(move |row| row.get(index));
        fields.filter(|field| !field.is_empty())
    };
    Ok(Plan {
        looked_at,
        unit: "rows",
        indexes: column(2).cloned().collect(),
        sorts: column(3).any(|it| it.contains("filesort") || it.contains("temporary")),
        scans: column(1).any(|it| it == "ALL" || it == "index"),
        text: format!(
            "{}\n{looked_at} rows",
            plan.iter()
                .map(|row| row.join(" | "))
                .collect::<Vec<_>>()
                .join("\n")
        ),
    })
}

/// Rows that this session has read from tables.
async fn handled(connection: &mut Connection) -> Result<u64> {
    let status = "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_first', \
                  'Handler_read_key', 'Handler_read_last', 'Handler_read_next', \
                  'Handler_read_prev', 'Handler_read_rnd')";
    let rows = connection.fields(status, &["Value"]).await?;
    rows.into_iter()
        .flatten()
        .map(|value| Ok(value.parse::<u64>()?))
        .sum()
}

/// The statement with its values in place.
fn spelled_out(
    statement: &str,
    params: &[Value],
    bytes: impl Fn(&str) -> String,
) -> Result<String> {
    let mut params = params.iter();
    let mut text = String::new();
    for (number, part) in statement.split('?').enumerate() {
        if number > 0 {
            text += &literal(params.next().context("no parameter")?, &bytes)?;
        }
        text += part;
    }
    Ok(text)
}

fn literal(value: &Value, bytes: impl Fn(&str) -> String) -> Result<String> {
    Ok(match value {
        Value::Null => "NULL".to_owned(),
        Value::Boolean(true) => "TRUE".to_owned(),
        Value::Boolean(false) => "FALSE".to_owned(),
        Value::Integer(it) => it.to_string(),
        // All of them are ours: ids without quotes or backslashes.
        Value::Text(it) => format!("'{it}'"),
        Value::Uuid((high, low)) => bytes(&format!("{high:016x}{low:016x}")),
        other => bail!("no request of ours has a parameter such as {other:?}"),
    })
}
