//! Attachments: what is sent and answered where the bytes themselves are.

use serde_json::{Map, Value, json};

use super::operation::ID;
use super::{reference, response, schema};
use crate::api::attachment::{Action, LINK, Operation};
use crate::domain::attachment::MAX_NAME;

const ATTACHMENT: &str = "Attachment";
const ANNOUNCEMENT: &str = "NewAttachment";
const DOWNLOAD: &str = "AttachmentDownload";
const MADE_LINK: &str = "AttachmentLink";
const TAG: &str = "AttachmentController";

pub(super) fn tag() -> Value {
    json!({ "name": TAG })
}

pub(super) fn describe(operation: &Operation) -> Value {
    let (name, _) = operation.permission.words();
    let (method, summary) = words(operation.action);
    let id = match operation.path.starts_with("/attach-files") {
        true => "contentOfFile",
        false => method,
    };
    let mut description = json!({
        "tags": [TAG],
        "operationId": format!("{TAG}.{id}"),
        "x-controller-name": TAG,
        "x-operation-name": id,
        "summary": summary,
        "description": format!("Needs the permission `{name}`."),
        "x-permissions": [name],
        "parameters": parameters(operation),
        "responses": responses(operation.action),
    });
    if let (Some(description), Some(body)) = (description.as_object_mut(), body(operation.action)) {
        description.insert("requestBody".to_owned(), body);
    }
    description
}

/// What needs no token.
pub(super) fn link() -> (&'static str, Value) {
    let id = json!({
        "name": ID,
        "in": "path",
        "required": true,
        "description": "The secret of the link.",
        "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 64 },
    });
    let follow = json!({
        "tags": [TAG],
        "operationId": format!("{TAG}.follow"),
        "summary": "Download by a link",
        "description": "Needs no token, and takes none. The rights of whoever made the link \
            count, as they are now.",
        "security": [],
        "parameters": [id, header("Range", false)],
        "responses": responses(Action::Content),
    });
    (LINK, json!({ "get": follow }))
}

const fn words(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create => ("create", "Announce an attachment, or upload it as a form"),
        Action::Read => ("findById", "Read what is known of an attachment"),
        Action::Upload => ("upload", "Upload the content of an attachment"),
        Action::Content => ("content", "Download the content of an attachment"),
        Action::Thumbnail => (
            "thumbnail",
            "Download the small picture that was made of an attachment",
        ),
        Action::SetState => ("setState", "Keep an attachment back, or give it free"),
        Action::Delete => ("deleteById", "Delete an attachment and its content"),
        Action::Link => ("link", "Make a link that works without a token"),
        Action::Downloads => (
            "downloads",
            "Who downloaded an attachment, the newest first",
        ),
        Action::Begin => ("beginUpload", "Begin an upload in parts (tus 1.0.0)"),
        Action::Offset => (
            "uploadOffset",
            "How much of an upload has arrived (tus 1.0.0)",
        ),
        Action::Append => ("appendUpload", "Upload the next part (tus 1.0.0)"),
        Action::Cancel => ("cancelUpload", "Throw an upload away (tus 1.0.0)"),
    }
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let mut all = Vec::new();
    if operation.path.contains("{id}") {
        all.push(reference::parameter(ID));
    }
    match operation.action {
        Action::Content | Action::Thumbnail => all.push(header("Range", false)),
        Action::Upload => all.push(header("Content-Digest", false)),
        Action::Downloads => {
            all.push(reference::parameter("cursor"));
            all.push(json!({
                "name": "limit",
                "in": "query",
                "schema": { "type": "integer", "minimum": 1, "maximum": 100, "default": 50 },
            }));
        }
        Action::Begin => {
            all.push(header("Tus-Resumable", true));
            all.push(header("Upload-Length", true));
            all.push(header("Upload-Metadata", true));
        }
        Action::Append => {
            all.push(header("Tus-Resumable", true));
            all.push(header("Upload-Offset", true));
        }
        Action::Offset | Action::Cancel => all.push(header("Tus-Resumable", true)),
        Action::Create | Action::Read | Action::SetState | Action::Delete | Action::Link => {}
    }
    if matches!(
        operation.action,
        Action::Read | Action::Downloads | Action::Content | Action::Thumbnail
    ) {
        all.push(reference::parameter("If-None-Match"));
    }
    all
}

fn header(name: &str, required: bool) -> Value {
    let digits = json!({ "type": "string", "pattern": "^[0-9]{1,18}$" });
    let (description, schema) = match name {
        "Range" => (
            "One range of bytes. Several are answered with the whole.",
            json!({ "type": "string" }),
        ),
        "Content-Digest" => (
            "The SHA-256 of the content (RFC 9530); another content is a 422.",
            json!({ "type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$" }),
        ),
        "Tus-Resumable" => (
            "The version of the protocol.",
            json!({ "type": "string", "enum": ["1.0.0"] }),
        ),
        "Upload-Length" => ("Bytes of the whole.", digits),
        "Upload-Offset" => ("Bytes that are there.", digits),
        _ => (
            "`channelId`, `filename` and `filetype`, each with its value in base64.",
            json!({ "type": "string" }),
        ),
    };
    json!({
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": schema,
    })
}

fn body(action: Action) -> Option<Value> {
    let of_type = |name: &str, schema: Value| json!({ name: { "schema": schema } });
    let bytes = || json!({ "type": "string", "format": "binary" });
    let content = match action {
        Action::Create => json!({
            "application/json": { "schema": reference::schema(ANNOUNCEMENT) },
            "multipart/form-data": { "schema": form() },
        }),
        Action::SetState => of_type("application/json", state()),
        Action::Link => of_type("application/json", wish()),
        Action::Upload => of_type("application/octet-stream", bytes()),
        Action::Append => of_type("application/offset+octet-stream", bytes()),
        Action::Read
        | Action::Content
        | Action::Thumbnail
        | Action::Delete
        | Action::Downloads
        | Action::Begin
        | Action::Offset
        | Action::Cancel => return None,
    };
    let required = !matches!(action, Action::Link | Action::Upload | Action::Append);
    Some(json!({ "required": required, "content": content }))
}

fn responses(action: Action) -> Map<String, Value> {
    let json = |schema: Value| {
        json!({
            "description": "Done",
            "content": { "application/json": { "schema": schema } },
        })
    };
    let attachment = || json(reference::schema(ATTACHMENT));
    let done = || json!({ "description": "Done" });
    let bytes = |description: &str| {
        let content = json!({ "*/*": { "schema": { "type": "string", "format": "binary" } } });
        json!({ "description": description, "content": content })
    };
    let (good, others): (Vec<(&str, Value)>, &[u16]) = match action {
        Action::Create => (vec![("201", attachment())], &[422, 429, 507]),
        Action::Read => (vec![("200", attachment())], &[304, 404]),
        Action::Upload => (vec![("200", attachment())], &[404, 409, 422, 507]),
        Action::Content | Action::Thumbnail => (
            vec![
                ("200", bytes("The content")),
                ("206", bytes("A part of the content")),
                (
                    "307",
                    json!({ "description": "The store has it, at `Location`" }),
                ),
            ],
            &[304, 404, 416],
        ),
        Action::SetState => (vec![("204", done())], &[404, 409, 422]),
        Action::Delete => (vec![("204", done())], &[404]),
        Action::Link => (
            vec![("201", json(reference::schema(MADE_LINK)))],
            &[404, 422],
        ),
        Action::Downloads => {
            let items = reference::schema(DOWNLOAD);
            let list = json!({ "type": "array", "items": items });
            (vec![("200", json(list))], &[304, 404])
        }
        Action::Begin => (vec![("201", done())], &[412, 422, 429, 507]),
        Action::Offset => (vec![("200", done())], &[404, 412]),
        Action::Append => (vec![("204", done())], &[404, 409, 412, 422, 507]),
        Action::Cancel => (vec![("204", done())], &[404, 412]),
    };
    let mut responses = Map::new();
    for (status, response) in good {
        responses.insert(status.to_owned(), response);
    }
    let mut statuses: Vec<_> = response::ALWAYS.iter().chain(others).collect();
    statuses.sort_unstable();
    for status in statuses {
        let status = status.to_string();
        let response = reference::response(&status);
        responses.insert(status, response);
    }
    responses
}

pub(super) fn schemas() -> [(String, Value); 4] {
    [
        (ATTACHMENT.to_owned(), attachment()),
        (ANNOUNCEMENT.to_owned(), announcement()),
        (DOWNLOAD.to_owned(), download()),
        (MADE_LINK.to_owned(), made_link()),
    ]
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn or_null() -> Value {
    json!({ "type": "string", "nullable": true })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn object(title: &str, properties: &Value, required: &[&str]) -> Value {
    json!({
        "title": title,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn attachment() -> Value {
    let properties = json!({
        "id": schema::uuid(),
        "channelId": text(),
        "messageId": { "type": "string", "format": "uuid", "nullable": true },
        "name": text(),
        "size": { "type": "integer", "format": "int64", "minimum": 0 },
        "declaredType": or_null(),
        "type": {
            "type": "string",
            "nullable": true,
            "description": "What the first bytes say that it is.",
        },
        "sha256": or_null(),
        "state": { "type": "string", "enum": ["pending", "ready", "quarantined", "purged"] },
        "available": {
            "type": "boolean",
            "description": "Whether its content can be downloaded.",
        },
        "inline": { "type": "boolean", "description": "Whether browsers may show it." },
        "width": side("Of a picture, in pixels."),
        "height": side("Of a picture, in pixels."),
        "thumbnail": { "type": "boolean", "description": "Whether it has a small picture." },
        "createdBy": text(),
        "createdOn": time(),
        "contentUrl": { "type": "string", "description": "Relative to the request's address." },
    });
    object(
        ATTACHMENT,
        &properties,
        &["id", "channelId", "name", "size", "state"],
    )
}

fn side(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 1, "nullable": true, "description": description })
}

fn name() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_NAME })
}

fn announcement() -> Value {
    let properties = json!({
        "channelId": schema::external(),
        "name": name(),
        "size": { "type": "integer", "format": "int64", "minimum": 0 },
        "type": { "type": "string", "maxLength": 127, "example": "image/png" },
    });
    object(ANNOUNCEMENT, &properties, &["channelId", "name", "size"])
}

/// The fields come before the file.
fn form() -> Value {
    json!({
        "type": "object",
        "properties": {
            "channelId": schema::external(),
            "name": name(),
            "type": { "type": "string", "maxLength": 127 },
            "file": { "type": "string", "format": "binary" },
        },
        "required": ["channelId", "file"],
        "additionalProperties": false,
    })
}

fn state() -> Value {
    json!({
        "type": "object",
        "properties": { "state": { "type": "string", "enum": ["quarantined", "ready"] } },
        "required": ["state"],
        "additionalProperties": false,
    })
}

fn wish() -> Value {
    json!({
        "type": "object",
        "properties": {
            "expiresIn": { "type": "integer", "minimum": 1, "description": "In seconds." },
            "once": { "type": "boolean", "default": false },
        },
        "additionalProperties": false,
    })
}

fn made_link() -> Value {
    let properties = json!({
        "id": schema::uuid(),
        "url": { "type": "string", "description": "Relative to the request's address." },
        "expiresAt": time(),
        "once": { "type": "boolean" },
    });
    object(MADE_LINK, &properties, &["id", "url", "expiresAt", "once"])
}

fn download() -> Value {
    let ended = json!({
        "type": "object",
        "nullable": true,
        "properties": {
            "at": time(),
            "sent": { "type": "integer", "format": "int64", "minimum": 0 },
            "how": text(),
        },
        "required": ["at", "sent", "how"],
        "additionalProperties": false,
    });
    let properties = json!({
        "at": time(),
        "actor": or_null(),
        "via": { "type": "string", "nullable": true, "description": "The link, if it was one." },
        "address": { "type": "string", "nullable": true, "description": "For moderators." },
        "userAgent": { "type": "string", "nullable": true, "description": "For moderators." },
        "requestId": text(),
        "version": text(),
        "outcome": { "type": "string", "enum": ["allowed", "denied", "failed"] },
        "what": { "type": "string", "enum": ["content", "thumbnail"] },
        "reason": or_null(),
        "method": or_null(),
        "messageId": or_null(),
        "channelId": or_null(),
        "range": or_null(),
        "ended": ended,
    });
    object(DOWNLOAD, &properties, &["at", "outcome", "ended"])
}
