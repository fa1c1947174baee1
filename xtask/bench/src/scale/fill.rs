//! Fills a database with a table as long as one likes, by SQL alone.
//!
//! The gateway has made the schema before. Nine in ten messages are in channels of 100,
//! as far apart as the table allows: a page of 20 is on 20 pages of the heap. The others
//! are in a few large channels. Ids are ordered by time, as those of the service are.

use anyhow::{Result, ensure};

use super::step;
use super::words::Words;
use crate::raw::{self, Connection};

/// Rows of one statement.
const BATCH: u64 = 1_000_000;

/// Messages in a channel of the usual size; one in 50 is deleted.
const CHANNEL: u64 = 100;

/// Who reads and writes in the measurements: a member of every measured channel.
pub(crate) const READER: &str = crate::sign::ACTOR;

/// How a table of so many messages is made up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) messages: u64,
}

impl Shape {
    /// Channels of the usual size, numbered from 0.
    fn channels(self) -> u64 {
        self.messages / 10 * 9 / CHANNEL
    }

    /// Large channels, numbered from there.
    fn large(self) -> u64 {
        (self.messages / 1_000_000).max(1)
    }

    fn users(self) -> u64 {
        (self.channels() / 10).max(10)
    }

    /// The numbers of the channels that are measured: at most 1,000, far apart.
    pub(crate) fn measured(self) -> impl Iterator<Item = u64> {
        (0..self.channels()).step_by(self.every())
    }

    fn every(self) -> usize {
        usize::try_from(self.channels().div_ceil(1_000)).unwrap_or(usize::MAX)
    }

    /// The `nth` message of a channel of the usual size.
    pub(crate) fn message(self, channel: u64, nth: u64) -> u64 {
        let among_usual = nth * self.channels() + channel;
        among_usual / 9 * 10 + among_usual % 9
    }
}

/// The id of a channel.
pub(crate) fn channel_id(number: u64) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

/// The id of a message.
pub(crate) fn message_id(number: u64) -> String {
    let millis = 1_735_689_600_000 + number * 1_000;
    let (high, low) = (millis >> 16, millis & 0xffff);
    let mixed = number * 2_654_435_761 % (1 << 32);
    format!(
        "{high:08x}-{low:04x}-7{:03x}-8000-{:012x}",
        mixed % 4_096,
        mixed
    )
}

/// Makes the rows, and then what the migrations made beside the tables.
pub(crate) async fn fill(url: &str, shape: Shape) -> Result<()> {
    let words = Words(raw::dialect(url)?);
    let mut connection = Connection::open(url).await?;
    connection.run(words.settings()).await?;
    let indexes = words.indexes(&mut connection).await?;
    for index in &indexes {
        connection.run(&index.drop).await?;
    }
    step(
        "channels and members",
        channels(&mut connection, words, shape),
    )
    .await?;
    for first in (0..shape.messages).step_by(usize::try_from(BATCH)?) {
        let last = shape.messages.min(first + BATCH);
        let rows = messages(words, shape, first, last);
        step(&format!("messages up to {last}"), connection.run(&rows)).await?;
        connection
            .run(&recipients(words, shape, first, last))
            .await?;
    }
    for index in &indexes {
        step(&index.create, connection.run(&index.create)).await?;
    }
    let again = words.indexes(&mut connection).await?;
    ensure!(again == indexes, "other indexes than before: {again:?}");
    for last in words.finish() {
        step(last, connection.run(last)).await?;
    }
    Ok(())
}

async fn channels(connection: &mut Connection, words: Words, shape: Shape) -> Result<()> {
    let (all, usual, users) = (
        shape.channels() + shape.large(),
        shape.channels(),
        shape.users(),
    );
    let (id, owner, time) = (
        words.channel("i"),
        words.user(&format!("i * 5 % {users}")),
        words.time("0"),
    );
    let numbers = words.numbers(0, all);
    connection
        .run(&format!(
            "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on) \
             SELECT 'bench', {id}, 'group', {owner}, {time} FROM {numbers} AS n"
        ))
        .await?;
    // Five in a usual channel, a thousand in a large one.
    let member = words.user(&format!("(n.i * 5 + k.i) % {users}"));
    let id = words.channel("n.i");
    let (n, five) = (words.numbers(0, usual), words.numbers(0, 5));
    let (large, many) = (
        words.numbers(usual, all),
        words.numbers(0, users.min(1_000)),
    );
    for (n, k) in [(n, five), (large, many)] {
        connection
            .run(&format!(
                "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) \
                 SELECT 'bench', {id}, {member}, CASE k.i WHEN 0 THEN 'owner' ELSE 'member' END, \
                 {time} FROM {n} AS n CROSS JOIN {k} AS k"
            ))
            .await?;
    }
    let numbers = words.numbers(0, all);
    let (id, every) = (words.channel("i"), shape.every());
    connection
        .run(&format!(
            "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) \
             SELECT 'bench', {id}, '{READER}', 'member', {time} FROM {numbers} AS n \
             WHERE i % {every} = 0 OR i >= {usual}"
        ))
        .await
}

/// Every row with its number `i`, its channel `c`, and which of the channel it is, `k`.
fn rows(words: Words, shape: Shape, first: u64, last: u64) -> String {
    let (usual, large) = (shape.channels(), shape.large());
    let numbers = words.numbers(first, last);
    let tenth = words.div("i", 10);
    format!(
        "(SELECT i, CASE WHEN i % 10 < 9 THEN j % {usual} ELSE {usual} + {tenth} % {large} END AS c, \
         CASE WHEN i % 10 < 9 THEN {k} ELSE {k_large} END AS k \
         FROM (SELECT i, {tenth} * 9 + i % 10 AS j FROM {numbers} AS n) AS x) AS y",
        k = words.div("j", usual),
        k_large = words.div("i", 10 * large),
    )
}

fn messages(words: Words, shape: Shape, first: u64, last: u64) -> String {
    let rows = rows(words, shape, first, last);
    let (id, time, channel) = (words.id("i"), words.time("i"), words.channel("c"));
    let sender = words.user(&format!("(c * 5 + k % 5) % {}", shape.users()));
    format!(
        "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status, \
         created_by, created_on, modified_by, modified_on, deleted) \
         SELECT {id}, 'bench', {channel}, 'group', \
         'A message of an ordinary length, as people write them.', 0, {sender}, {time}, \
         {sender}, {time}, k % 50 = 7 FROM {rows} ORDER BY i"
    )
}

/// One in ten messages has a recipient; the id of that row is the message's.
fn recipients(words: Words, shape: Shape, first: u64, last: u64) -> String {
    let rows = rows(words, shape, first, last);
    let (id, time, channel) = (words.id("i"), words.time("i"), words.channel("c"));
    let users = shape.users();
    let sender = words.user(&format!("(c * 5 + k % 5) % {users}"));
    let recipient = words.user(&format!("(c * 5 + k % 5 + 1) % {users}"));
    format!(
        "INSERT INTO chat_recipients (id, tenant_id, message_id, channel_id, recipient_id, \
         holder_id, is_favorite, is_forwarded, is_read, created_by, created_on, modified_by, \
         modified_on, deleted) \
         SELECT {id}, 'bench', {id}, {channel}, {recipient}, {recipient}, FALSE, FALSE, FALSE, \
         {sender}, {time}, {sender}, {time}, FALSE FROM {rows} WHERE k % 10 = 3 ORDER BY i"
    )
}
