//! The facts in the tables, written past the service, and what a request changed there.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Value as Json, json};

use super::rules::{Facts, Membership, SELF, Tenant};
use crate::support::{START, Service, User, join};

pub(super) const TABLES: [&str; 23] = [
    "chat_bans",
    "chat_blocks",
    "chat_client_ids",
    "chat_directs",
    "chat_hidden",
    "chat_mentions",
    "chat_message_versions",
    "chat_pins",
    "chat_presence",
    "chat_rates",
    "chat_reactions",
    "chat_reports",
    "chat_tickets",
    "chat_members",
    "chat_messages",
    "chat_recipients",
    "chat_files",
    "chat_channels",
    "chat_idempotency",
    "chat_imports",
    "chat_import_channels",
    "chat_usage",
    "chat_links",
];

/// The content of the files.
const BLOB: &str = "00000000-0000-7000-8000-0000000000ff";

/// Every row of every table, by its table and key.
pub(super) type Dump = BTreeMap<(&'static str, String), String>;

/// One service for many scenes, one after the other.
pub(super) struct Stage {
    pub(super) service: Service,
    /// The tables that the migrations make.
    pub(super) tables: Vec<String>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let service = Service::new();
        let tables = names(&service.0.connection);
        service.0.shelf.plant(&service.0.connection, BLOB, b"x");
        Self { service, tables }
    }

    /// That no table is left out of the comparison.
    pub(super) fn knows_all_tables(&self) {
        let mut known = TABLES.map(str::to_owned).to_vec();
        known.sort();
        assert_eq!(self.tables, known);
    }

    /// Puts the facts there, and nothing else.
    pub(super) fn set(&self, facts: &Facts) -> Dump {
        let connection = &self.service.0.connection;
        let wipe: String = TABLES
            .iter()
            .map(|table| format!("DELETE FROM {table};"))
            .collect();
        connection.execute_batch(&wipe).unwrap();
        connection.execute_batch(&script(facts)).unwrap();
        if let (Some(role), Membership::Newcomer) =
            (facts.case.membership.role(), facts.case.membership)
        {
            let sql = "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) \
                VALUES ('t', 'c', ?, ?, ?)";
            connection.execute(sql, (SELF, role, START)).unwrap();
        } else if let Some(role) = facts.case.membership.role() {
            join(&self.service, "c", SELF, role);
        }
        if facts.case.membership == Membership::Left {
            join(&self.service, "c", SELF, "member");
            connection
                .execute("DELETE FROM chat_members WHERE user_id = ?", [SELF])
                .unwrap();
        }
        self.service.0.statements.borrow_mut().clear();
        self.service.0.audit.borrow_mut().clear();
        self.dump()
    }

    pub(super) fn user(&self, facts: &Facts) -> User {
        let user = self.service.user(SELF);
        let user = match facts.case.moderates {
            true => user.moderator(),
            false => user,
        };
        match facts.case.tenant {
            Tenant::Same => user,
            Tenant::Other => user.claim("tenantId", json!("u")),
            Tenant::None => user.claim("tenantId", Json::Null),
        }
    }

    pub(super) fn dump(&self) -> Dump {
        let mut dump = Dump::new();
        for table in TABLES {
            let sql = format!("SELECT * FROM {table}");
            let mut statement = self.service.0.connection.prepare_cached(&sql).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query(()).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<_> = (0..columns)
                    .map(|index| shown(row.get_ref(index).unwrap()))
                    .collect();
                let key = match table {
                    "chat_members"
                    | "chat_bans"
                    | "chat_hidden"
                    | "chat_mentions"
                    | "chat_blocks"
                    | "chat_pins"
                    | "chat_message_versions" => values[..3].join(" "),
                    "chat_client_ids" | "chat_reactions" => values[..4].join(" "),
                    "chat_channels"
                    | "chat_import_channels"
                    | "chat_usage"
                    | "chat_directs"
                    | "chat_presence"
                    | "chat_rates" => values[..2].join(" "),
                    _ => values[0].clone(),
                };
                dump.insert((table, key), values.join("|"));
            }
        }
        dump
    }
}

/// The index of words keeps tables of its own.
pub(super) fn names(connection: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'host_%' \
        AND name NOT LIKE 'chat_message_texts%' AND name <> 'chat_text_ids' ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    let names = statement.query_map((), |row| row.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

/// Ids as the API writes them.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Blob(bytes) if bytes.len() == 16 => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            [
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..],
            ]
            .join("-")
        }
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

fn script(facts: &Facts) -> String {
    use std::fmt::Write;
    let id = |id: &str| format!("X'{}'", id.replace('-', ""));
    let id_or_null = |it: Option<&str>| it.map_or_else(|| "NULL".to_owned(), id);
    let text_or_null =
        |it: Option<&str>| it.map_or_else(|| "NULL".to_owned(), |it| format!("'{it}'"));
    // Both tenants have a channel `c` with a member `author`, and a message that is nobody
    // else's business.
    let mut sql = String::new();
    for tenant in ["t", "u"] {
        write!(
            sql,
            "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on) \
             VALUES ('{tenant}', 'c', 'group', 'author', 0);\
             INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) \
             VALUES ('{tenant}', 'c', 'author', 'member', 0);"
        )
        .unwrap();
    }
    let insert = "INSERT INTO chat_messages (id, tenant_id, channel_id, channel_type, body, status, \
         to_user_id, parent_message_id, created_by, created_on, modified_by, modified_on, deleted, seq) \
         VALUES";
    write!(
        sql,
        "INSERT INTO chat_channels (tenant_id, channel_id, channel_type, created_by, created_on) \
         VALUES ('t', 'd', 'group', 'author', 0);\
         {insert} (X'{:032x}', 'u', 'c', 'group', 'elsewhere', 0, NULL, NULL, 'author', 1, 'author', 1, FALSE, 1);\
         {insert} (X'{:032x}', 't', 'd', 'group', 'elsewhere', 0, NULL, NULL, 'author', 1, 'author', 1, FALSE, 1);",
        1, 2
    )
    .unwrap();
    for it in &facts.messages {
        write!(
            sql,
            "{insert} ({}, 't', 'c', 'group', 'text', 0, {}, {}, '{}', 1, '{}', 1, {}, 1);",
            id(it.id),
            text_or_null(it.addressee),
            id_or_null(it.parent),
            it.sender,
            it.sender,
            it.deleted,
        )
        .unwrap();
    }
    for it in &facts.recipients {
        let holder = (!it.deleted).then_some(it.user);
        let forwarder = it.forwarded.then_some(it.creator);
        write!(
            sql,
            "INSERT INTO chat_recipients (id, tenant_id, message_id, channel_id, recipient_id, \
             holder_id, forwarded_by, is_favorite, is_forwarded, is_read, created_by, created_on, \
             modified_by, modified_on, deleted) VALUES ({}, 't', {}, 'c', '{}', {}, {}, FALSE, {}, \
             FALSE, '{}', 1, '{}', 1, {});",
            id(it.id),
            id(it.message),
            it.user,
            text_or_null(holder),
            text_or_null(forwarder),
            it.forwarded,
            it.creator,
            it.creator,
            it.deleted,
        )
        .unwrap();
    }
    for it in &facts.files {
        let channel = it.message.map(|_| "c");
        write!(
            sql,
            "INSERT INTO chat_files (id, tenant_id, channel_id, file_key, message_id, created_by, \
             created_on, modified_by, modified_on, deleted, state, name, size_bytes, sniffed_type, \
             sha256, blob_id) VALUES ({}, 't', {}, 'key', {}, '{}', {START}, '{}', 1, {}, '{}', 'n', \
             1, 'text/plain', X'00', {});",
            id(it.id),
            text_or_null(channel),
            id_or_null(it.message),
            it.creator,
            it.creator,
            it.deleted,
            if it.deleted { "purged" } else { "ready" },
            text_or_null((!it.deleted).then_some(BLOB)),
        )
        .unwrap();
    }
    sql
}
