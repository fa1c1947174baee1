//! What is sent and told of channels.

use serde_json::{Value, json};

use super::{reference, schema};
use crate::api::conversation::{MAX_INVITED, MAX_SLOW, RETENTION};
use crate::domain::channel::{MAX_NAME, MAX_REASON, MAX_TOPIC};

fn text() -> Value {
    json!({ "type": "string" })
}

fn text_or_null() -> Value {
    json!({ "type": "string", "nullable": true })
}

fn sent_text(most: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": most, "pattern": "^[^\\u0000]*$" })
}

fn nullable(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("nullable".to_owned(), true.into());
    }
    schema
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn number() -> Value {
    json!({ "type": "integer", "format": "int64" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn array(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn word(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

fn object(title: &str, properties: Value, required: &[&str]) -> (String, Value) {
    let mut schema = json!({
        "title": title,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
        schema.insert("required".to_owned(), required.into());
    }
    (title.to_owned(), schema)
}

/// Everything that is told of something, all of which is always there.
fn told(title: &str, properties: Value) -> (String, Value) {
    let names: Vec<_> = properties
        .as_object()
        .map_or_else(Vec::new, |it| it.keys().cloned().collect());
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    object(title, properties, &names)
}

fn with(mut properties: Value, more: Value) -> Value {
    if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
        properties.extend(more);
    }
    properties
}

pub(in crate::api::openapi) fn schemas() -> Vec<(String, Value)> {
    let mut all = sent();
    all.extend(channels());
    all.extend(messages());
    all.extend(live());
    all.extend(notes());
    all
}

fn notes() -> Vec<(String, Value)> {
    let states = || word(&["open", "resolved", "dismissed"]);
    let rows = array(&json!({ "type": "object", "additionalProperties": true }));
    let others = json!({
        "memberships": rows, "recipients": rows, "attachments": rows, "reactions": rows,
        "blocked": rows, "reports": rows,
    });
    vec![
        told(
            "Reacted",
            json!({ "emoji": text(), "userId": text(), "createdOn": time() }),
        ),
        told(
            "MessageVersion",
            json!({
                "version": number(),
                "body": text(),
                "subject": text_or_null(),
                "writtenBy": text(),
                "writtenOn": time(),
            }),
        ),
        object(
            "Forward",
            json!({ "channelId": schema::external(), "clientMessageId": schema::external() }),
            &["channelId"],
        ),
        told("Block", json!({ "userId": text(), "createdOn": time() })),
        told(
            "Report",
            json!({
                "id": schema::uuid(),
                "channelId": text(),
                "messageId": schema::uuid(),
                "reporterId": text(),
                "reason": text_or_null(),
                "state": states(),
                "createdOn": time(),
                "closedBy": text_or_null(),
                "closedOn": nullable(time()),
            }),
        ),
        object("ReportState", json!({ "state": states() }), &["state"]),
        told(
            "OwnData",
            json!({
                "userId": text(),
                "messages": array(&reference::schema("ChatMessage")),
                "others": {
                    "type": "object",
                    "nullable": true,
                    "properties": others,
                    "additionalProperties": false,
                },
            }),
        ),
        told("Erasure", json!({ "userId": text(), "done": flag() })),
    ]
}

fn live() -> Vec<(String, Value)> {
    let event = json!({
        "id": text(),
        "cursor": text(),
        "topic": text(),
        "type": text(),
        "at": time(),
        "data": { "type": "object", "additionalProperties": true },
    });
    let reset = json!({ "type": "object", "additionalProperties": true });
    let events = array(&reference::schema("Event"));
    let whole = json!({ "cursor": text(), "events": events, "reset": reset });
    let statuses = || word(&["online", "away", "offline"]);
    vec![
        object("Event", event, &["topic", "type", "data"]),
        object("Events", whole, &[]),
        told(
            "Ticket",
            json!({ "ticket": text(), "url": text(), "expiresAt": time() }),
        ),
        told(
            "State",
            json!({
                "cursor": text(),
                "userId": text(),
                "blocked": array(&text()),
                "channels": array(&reference::schema("ChannelEntry")),
            }),
        ),
        object("Typing", json!({ "typing": flag() }), &[]),
        object("NewPresence", json!({ "status": statuses() }), &["status"]),
        told(
            "Presence",
            json!({ "userId": text(), "status": statuses(), "seenOn": time() }),
        ),
    ]
}

fn sent() -> Vec<(String, Value)> {
    let role = || word(&["owner", "moderator", "member"]);
    let seconds =
        |low: i64, high: i64| json!({ "type": "integer", "minimum": low, "maximum": high });
    let users = |most: usize| {
        json!({
            "type": "array", "items": schema::external(), "maxItems": most, "uniqueItems": true,
        })
    };
    let new = json!({
        "kind": word(&["direct", "group", "public"]),
        "userId": schema::external(),
        "name": sent_text(MAX_NAME),
        "topic": sent_text(MAX_TOPIC),
        "members": users(MAX_INVITED),
    });
    let (name, mut new) = object("NewChannel", new, &["kind"]);
    if let Some(new) = new.as_object_mut() {
        let text = "A direct conversation has a `userId` and nothing else; the others have none.";
        new.insert("description".to_owned(), text.into());
    }
    vec![
        (name, new),
        object(
            "ChannelEdit",
            json!({
                "name": nullable(sent_text(MAX_NAME)),
                "topic": nullable(sent_text(MAX_TOPIC)),
                "kind": word(&["group", "public"]),
                "slowSeconds": seconds(0, MAX_SLOW),
                "retentionSeconds": nullable(seconds(RETENTION.0, RETENTION.1)),
            }),
            &[],
        ),
        object("MemberRole", json!({ "role": role() }), &[]),
        object("Reason", json!({ "reason": sent_text(MAX_REASON) }), &[]),
        object("Mute", json!({ "until": time() }), &[]),
        object(
            "Place",
            json!({ "seq": { "type": "integer", "format": "int64", "minimum": 1 } }),
            &["seq"],
        ),
        channel_message(),
    ]
}

/// A new message, without what the path says.
fn channel_message() -> (String, Value) {
    let mut schemas = schema::operations();
    let mut new = schemas.remove("NewMessage").unwrap_or_default();
    let name = "ChannelMessage";
    if let Some(new) = new.as_object_mut() {
        new.insert("title".to_owned(), name.into());
        new.insert("required".to_owned(), json!(["body"]));
        if let Some(properties) = new.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove("channelId");
            properties.remove("channelType");
        }
    }
    (name.to_owned(), new)
}

fn channel() -> Value {
    json!({
        "id": text(),
        "kind": word(&["direct", "group", "public"]),
        "channelType": text(),
        "name": text_or_null(),
        "topic": text_or_null(),
        "createdBy": text(),
        "createdOn": time(),
        "activeOn": time(),
        "archivedOn": nullable(time()),
        "lastSeq": number(),
        "slowSeconds": number(),
        "retentionSeconds": nullable(number()),
    })
}

fn membership() -> Value {
    json!({
        "role": word(&["owner", "moderator", "member"]),
        "joinedOn": time(),
        "readSeq": number(),
        "deliveredSeq": number(),
        "mutedUntil": nullable(time()),
    })
}

fn channels() -> Vec<(String, Value)> {
    let mut own = nullable(told("Membership", membership()).1);
    if let Some(own) = own.as_object_mut() {
        let text = "What the caller is there; null for a public channel that it has not joined.";
        own.insert("description".to_owned(), text.into());
    }
    let entry = with(
        channel(),
        json!({
            "membership": own.clone(),
            "lastMessage": nullable(told("MessageCore", message()).1),
            "unread": { "type": "integer", "minimum": 0, "maximum": 999 },
            "hasMoreUnread": flag(),
        }),
    );
    let required: Vec<_> = channel()
        .as_object()
        .map_or_else(Vec::new, |it| it.keys().cloned().collect());
    let required: Vec<_> = required.iter().map(String::as_str).collect();
    let member = json!({
        "channelId": text(),
        "userId": text(),
        "role": word(&["owner", "moderator", "member"]),
        "joinedOn": time(),
        "readSeq": number(),
        "deliveredSeq": number(),
    });
    vec![
        object(
            "Channel",
            with(channel(), json!({ "membership": own })),
            &required,
        ),
        told("ChannelEntry", entry),
        told("ChannelMember", member),
        told(
            "ChannelBan",
            json!({
                "channelId": text(),
                "userId": text(),
                "reason": text_or_null(),
                "bannedBy": text(),
                "bannedOn": time(),
            }),
        ),
        told(
            "ReadState",
            json!({
                "channelId": text(),
                "readSeq": number(),
                "deliveredSeq": number(),
                "unread": { "type": "integer", "minimum": 0, "maximum": 999 },
                "hasMoreUnread": flag(),
                "lastSeq": number(),
            }),
        ),
    ]
}

fn message() -> Value {
    json!({
        "id": schema::uuid(),
        "channelId": text(),
        "channelType": text(),
        "seq": nullable(number()),
        "body": text(),
        "subject": text_or_null(),
        "status": number(),
        "toUserId": text_or_null(),
        "parentMessageId": nullable(schema::uuid()),
        "createdBy": text(),
        "createdOn": time(),
        "modifiedOn": time(),
        "editedOn": nullable(time()),
        "version": number(),
        "clientMessageId": text_or_null(),
        "mentions": array(&text()),
        "forwardedFrom": nullable(schema::uuid()),
    })
}

fn messages() -> Vec<(String, Value)> {
    let whole = with(
        message(),
        json!({
            "attachments": array(&reference::schema("SentAttachment")),
            "replyCount": number(),
            "lastReplyOn": nullable(time()),
            "reactions": array(&reference::schema("Reaction")),
            "pinnedBy": text_or_null(),
            "pinnedOn": nullable(time()),
            "isFavorite": flag(),
        }),
    );
    vec![
        told("ChatMessage", whole),
        told(
            "SentAttachment",
            json!({
                "id": schema::uuid(),
                "name": text_or_null(),
                "size": nullable(number()),
                "type": text_or_null(),
                "state": text_or_null(),
                "fileKey": text_or_null(),
                "width": nullable(number()),
                "height": nullable(number()),
                "thumbnail": flag(),
            }),
        ),
        told(
            "Reaction",
            json!({ "emoji": text(), "count": number(), "mine": flag() }),
        ),
        told(
            "History",
            json!({
                "messages": array(&reference::schema("ChatMessage")),
                "hasBefore": flag(),
                "hasAfter": flag(),
            }),
        ),
    ]
}
