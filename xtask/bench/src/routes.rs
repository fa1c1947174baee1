//! The six routes that are compared with the original service, and the data that they
//! are asked on: 10,000 messages with a recipient each.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use chat::ports::Dialect;
use serde_json::Value;

use crate::raw::Connection;
use crate::{load, raw, sign};

/// Messages before anything is measured.
const MESSAGES: usize = 10_000;

/// Messages on a page.
const PAGE: usize = 20;

/// Connections that fill.
const CONNECTIONS: usize = 16;

/// A recipient for every message; its id is the message's, since any other would do.
const RECIPIENTS: &str = "INSERT INTO chat_recipients (id, tenant_id, message_id, channel_id, \
     recipient_id, holder_id, is_favorite, is_forwarded, is_read, created_by, created_on, \
     modified_by, modified_on, deleted) \
     SELECT id, tenant_id, id, channel_id, 'recipient', 'recipient', FALSE, FALSE, FALSE, \
     created_by, created_on, modified_by, modified_on, FALSE FROM chat_messages";

/// One of the routes.
pub(crate) struct Route {
    pub(crate) name: &'static str,
    /// Sent in turn; each must be answered with 200.
    pub(crate) requests: Vec<Vec<u8>>,
}

/// Fills the database behind a gateway at `hosted`, and returns the routes in the order
/// in which they are to be measured: POST makes the table grow, and so comes last.
pub(crate) async fn prepare(hosted: SocketAddr, database: &str) -> Result<Vec<Route>> {
    let token = sign::token()?;
    let channel = format!("bench-{}", std::process::id());
    let body = format!(
        r#"{{"body":"A message of an ordinary length, as people write them.","channelId":"{channel}","channelType":"group"}}"#
    );
    let post = load::post("/messages", &token, &body);
    let id = fill(hosted, &post, database).await?;

    let filtered = |filter: String| {
        let path = format!("/messages?filter={}", escape(&filter));
        load::get(&path, Some(&token))
    };
    let newest =
        format!(r#""where":{{"channelId":"{channel}"}},"order":"createdOn DESC","limit":{PAGE}"#);
    let list = filtered(format!(r#"{{"limit":{PAGE}}}"#));
    let page = filtered(format!("{{{newest}}}"));
    let with_recipients = filtered(format!(r#"{{{newest},"include":["messageRecipients"]}}"#));
    let by_id = load::get(&format!("/messages/{id}"), Some(&token));
    let count = load::get("/messages/count", Some(&token));

    check_page(hosted, &list, 0).await?;
    check_page(hosted, &page, 0).await?;
    check_page(hosted, &with_recipients, 1).await?;
    let route = |name, request| Route {
        name,
        requests: vec![request],
    };
    Ok(vec![
        route("list of 20", list),
        route("page of 20", page),
        route("page of 20 with recipients", with_recipients),
        route("by id", by_id),
        route("count", count),
        route("POST", post),
    ])
}

/// Writes the messages that are read later; the id of one of them.
async fn fill(hosted: SocketAddr, post: &[u8], database: &str) -> Result<String> {
    let first = load::once(hosted, post).await?;
    let message: Value = serde_json::from_str(&first)?;
    let id = message.get("id").and_then(Value::as_str).context("no id")?;
    load::count(hosted, post, MESSAGES, CONNECTIONS).await?;
    let mut past = Connection::open(database).await?;
    past.run(RECIPIENTS).await?;
    // PostgreSQL does so by itself, within a minute or two. Before, it takes the table for
    // one of a few rows, and reads all of a tenant's for a page. SQLite never does.
    if raw::dialect(database)? == Dialect::Postgres {
        past.run("ANALYZE").await?;
    }
    Ok(id.to_owned())
}

/// A page that is fast because something is missing from it would flatter.
async fn check_page(hosted: SocketAddr, request: &[u8], recipients: usize) -> Result<()> {
    let answer = load::once(hosted, request).await?;
    let page: Vec<Value> = serde_json::from_str(&answer)?;
    ensure!(page.len() == PAGE, "{} rows: {answer}", page.len());
    for message in &page {
        let found = message.get("messageRecipients").and_then(Value::as_array);
        let found = found.map_or(0, Vec::len);
        ensure!(found == recipients, "{found} recipients: {message}");
    }
    Ok(())
}

/// Percent-encodes what a query may not hold.
pub(crate) fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
