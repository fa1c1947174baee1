//! Attachments of the chat: bytes that go between the client and the store while versions
//! change places, and are all there afterwards.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::clients::{SLOW, Target, expect};
use super::log::Failure;
use crate::load;
use crate::wire::{Answer, Wire};

/// Bytes of one that is sent: many pieces of what the host reads at once.
const SENT: usize = 512 * 1024;

/// Bytes of the one that is read, again and again: more than sockets keep.
const READ: usize = 4 << 20;

/// Announces one, and sends it in pieces; its id.
pub(super) async fn send(
    wire: &mut Wire,
    target: &Target,
    number: u64,
    time: Duration,
) -> Result<String, Failure> {
    put(wire, target, &content(number, SENT), time).await
}

/// Sends the one that clients read.
pub(super) async fn prepare(wire: &mut Wire, target: &Target) -> Result<String, Failure> {
    put(wire, target, &content(0, READ), Duration::ZERO).await
}

/// Reads the one that is there for it, in pieces.
pub(super) async fn read(wire: &mut Wire, target: &Target) -> Result<(), Failure> {
    let request = load::get(&path(&target.attachment), Some(&target.token));
    let answer = wire.read_slowly(&request, READ, SLOW).await?;
    compare(&expect(answer, 200)?, &content(0, READ))
}

/// How many of those that were sent, ids and numbers, are not there as they were sent.
pub(super) async fn lost(
    sent: &HashMap<String, u64>,
    target: &Target,
) -> Result<usize, anyhow::Error> {
    let mut wire = Wire::open(target.addr).await?;
    let mut lost = 0;
    for (id, number) in sent {
        let request = load::get(&path(id), Some(&target.token));
        let answer = wire.ask(&request).await?;
        let there = expect(answer, 200).and_then(|it| compare(&it, &content(*number, SENT)));
        lost += usize::from(there.is_err());
    }
    Ok(lost)
}

async fn put(
    wire: &mut Wire,
    target: &Target,
    content: &[u8],
    time: Duration,
) -> Result<String, Failure> {
    let body = json!({
        "channelId": target.channel,
        "name": "soak.bin",
        "size": content.len(),
    });
    let request = load::post("/attachments", &target.token, &body.to_string());
    let id = super::clients::id(&expect(wire.ask(&request).await?, 201)?)?;
    let head = load::put(&path(&id), &target.token, content.len());
    let answer = wire.ask_slowly(&head, content, time).await?;
    let stored: Value = serde_json::from_slice(expect(answer, 200)?.body)?;
    match stored.get("state").and_then(Value::as_str) {
        Some("ready") => Ok(id),
        _ => Err(Failure::Wrong(format!("not ready: {stored}"))),
    }
}

fn path(id: &str) -> String {
    format!("/attachments/{id}/content")
}

/// No two numbers have the same: equal content is stored once.
fn content(number: u64, length: usize) -> Vec<u8> {
    let words = (0_u64..).flat_map(|place| (number ^ (place << 32)).to_be_bytes());
    words.take(length).collect()
}

fn compare(answer: &Answer<'_>, content: &[u8]) -> Result<(), Failure> {
    match answer.body == content {
        true => Ok(()),
        false => Err(Failure::Wrong("other bytes".to_owned())),
    }
}
