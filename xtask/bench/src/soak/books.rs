//! What was written beside what is there afterwards.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::attachments;
use super::clients::Target;
use super::log::Books;
use crate::load;
use crate::raw::Connection;
use crate::routes::escape;
use crate::wire::Wire;

/// Messages on a page.
const PAGE: usize = 1_000;

/// Pages at most: a list that goes on for longer has no end.
const PAGES: usize = 10_000;

/// What is not as the books say.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// Writes that were answered.
    pub(super) answered: usize,
    /// Of those: not there.
    pub(super) lost: usize,
    /// There more than once.
    pub(super) duplicated: usize,
    /// There, and never sent.
    pub(super) unknown: usize,
}

/// Reads everything back: messages and attachments through the service, rows past it.
pub(super) async fn audit(books: &Books, target: &Target, database: &str) -> Result<Audit> {
    let mut audit = Audit::default();
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for (body, id) in messages(target).await? {
        found.entry(body).or_default().push(id);
    }
    for (body, id) in &books.messages {
        let there = found.remove(body).unwrap_or_default();
        audit.duplicated += usize::from(there.len() > 1);
        if let Some(id) = id {
            audit.answered += 1;
            audit.lost += usize::from(!there.contains(id));
        }
    }
    audit.unknown += found.len();

    let rows = Connection::open(database)
        .await?
        .texts("SELECT id FROM misfit_rows")
        .await?;
    // The id is the key of the table: none can be there twice.
    let mut found: HashSet<u64> = rows
        .iter()
        .flatten()
        .map(|id| id.parse())
        .collect::<Result<_, _>>()?;
    for (id, answered) in &books.rows {
        let there = found.remove(id);
        audit.answered += usize::from(*answered);
        audit.lost += usize::from(*answered && !there);
    }
    audit.unknown += found.len();

    audit.answered += books.attachments.len();
    audit.lost += attachments::lost(&books.attachments, target).await?;
    Ok(audit)
}

/// Bodies and ids of all messages of the channel.
async fn messages(target: &Target) -> Result<Vec<(String, String)>> {
    let filter = format!(
        r#"{{"where":{{"channelId":"{}"}},"order":"createdOn ASC","limit":{PAGE}}}"#,
        target.channel
    );
    let first = format!("/messages?filter={}", escape(&filter));
    let mut path = first.clone();
    let mut wire = Wire::open(target.addr).await?;
    let mut all = Vec::new();
    for _ in 0..PAGES {
        let answer = wire.ask(&load::get(&path, Some(&target.token))).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        let rows: Vec<Value> = serde_json::from_slice(answer.body)?;
        for row in &rows {
            let text = |key| row.get(key).and_then(Value::as_str).context("no message");
            all.push((text("body")?.to_owned(), text("id")?.to_owned()));
        }
        match answer.header("x-next-cursor") {
            Some(cursor) => path = format!("{first}&cursor={cursor}"),
            None => return Ok(all),
        }
    }
    anyhow::bail!("the list has no end")
}
