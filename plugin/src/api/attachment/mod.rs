//! Files with their bytes: how they come in, who gets them, and what is told of both.

mod content;
mod create;
mod digest;
mod finding;
mod form;
mod history;
mod inspected;
mod link;
mod manage;
mod range;
mod refusal;
mod tus;
mod upload;

use serde_json::{Map, Value, json};

use self::content::Wanted;
use super::error::Failure;
use super::http::Answer;
use super::route::Context;
use crate::domain::attachment::{Attachment, is_inline};
use crate::domain::caller::Permission;
use crate::domain::time;
use crate::ports::Ports;
use crate::store;

pub use inspected::inspected;
pub(super) use link::follow;
pub(super) use refusal::{Refusal, of_store};
pub(super) use tus::{is_path as is_tus, options as tus_options, seal as seal_tus};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Announces one, or takes all of it as a form.
    Create,
    Read,
    /// Takes the bytes.
    Upload,
    /// Gives the bytes.
    Content,
    /// Gives those of the small picture.
    Thumbnail,
    /// Keeps it back, or gives it free.
    SetState,
    Delete,
    /// Makes a link to it.
    Link,
    /// Who downloaded it.
    Downloads,
    /// An upload in parts: begins it, tells how far it is, adds to it, and ends it.
    Begin,
    Offset,
    Append,
    Cancel,
}

/// A method of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) action: Action,
    pub(super) permission: Permission,
}

pub(super) const CONTENT: &str = "/attachments/{id}/content";
/// The same for those who know a file by its older path.
pub(super) const FILE_CONTENT: &str = "/attach-files/{id}/content";
/// Where a link leads; whoever has it needs no token.
pub(super) const LINK: &str = "/links/{id}";
pub(super) const UPLOADS: &str = "/attachments/uploads";

pub(super) static OPERATIONS: [Operation; 14] = {
    use Action::{
        Append, Begin, Cancel, Content, Create, Delete, Downloads, Link, Offset, Read, SetState,
        Thumbnail, Upload,
    };
    use Permission::{
        CreateAttachmentFile as CREATE, DeleteAttachmentFile as DELETE,
        UpdateAttachmentFile as UPDATE, ViewAttachmentFile as VIEW,
    };
    const ONE: &str = "/attachments/{id}";
    const UPLOAD: &str = "/attachments/uploads/{id}";
    const fn on(
        method: &'static str,
        path: &'static str,
        action: Action,
        permission: Permission,
    ) -> Operation {
        Operation {
            method,
            path,
            action,
            permission,
        }
    }
    [
        on("POST", "/attachments", Create, CREATE),
        on("GET", ONE, Read, VIEW),
        on("PATCH", ONE, SetState, UPDATE),
        on("DELETE", ONE, Delete, DELETE),
        on("PUT", CONTENT, Upload, CREATE),
        on("GET", CONTENT, Content, VIEW),
        on("GET", FILE_CONTENT, Content, VIEW),
        on("GET", "/attachments/{id}/thumbnail", Thumbnail, VIEW),
        on("POST", "/attachments/{id}/links", Link, VIEW),
        on("GET", "/attachments/{id}/downloads", Downloads, VIEW),
        on("POST", UPLOADS, Begin, CREATE),
        on("HEAD", UPLOAD, Offset, CREATE),
        on("PATCH", UPLOAD, Append, CREATE),
        on("DELETE", UPLOAD, Cancel, CREATE),
    ]
};

pub(super) fn run<P: Ports>(context: Context<'_, P>, action: Action) -> Result<Answer<P>, Failure> {
    let response = match action {
        Action::Content => return content::answer(&context, Wanted::Content),
        Action::Thumbnail => return content::answer(&context, Wanted::Thumbnail),
        Action::Create => create::create(context)?,
        Action::Read => manage::read(&context)?,
        Action::Upload => upload::put(context)?,
        Action::SetState => manage::set_state(&context)?,
        Action::Delete => manage::delete(&context)?,
        Action::Link => link::make(&context)?,
        Action::Downloads => history::list(&context)?,
        Action::Begin => tus::begin(&context)?,
        Action::Offset => tus::offset(&context)?,
        Action::Append => tus::append(context)?,
        Action::Cancel => tus::cancel(&context)?,
    };
    Ok(response.into())
}

/// What is told of an attachment; `clean_by` must have called it clean before it is served.
fn shown(attachment: &Attachment, clean_by: &[String]) -> Map<String, Value> {
    let mut created = Vec::new();
    time::write(&mut created, attachment.created_on);
    let digest = attachment.sha256.as_deref().map(store::hex);
    let shown = json!({
        "id": attachment.id.to_string(),
        "channelId": attachment.channel,
        "messageId": attachment.message.map(|id| id.to_string()),
        "name": attachment.name,
        "size": attachment.size,
        "declaredType": attachment.declared,
        "type": attachment.sniffed,
        "sha256": digest,
        "state": attachment.state.word(),
        "available": attachment.is_served(clean_by),
        "inline": is_inline(attachment.media_type()),
        "width": attachment.sides.map(|(width, _)| width),
        "height": attachment.sides.map(|(_, height)| height),
        "thumbnail": attachment.thumbnail.is_some(),
        "createdBy": attachment.owner,
        "createdOn": String::from_utf8_lossy(&created),
    });
    match shown {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn to_json(object: Map<String, Value>) -> Vec<u8> {
    Value::Object(object).to_string().into_bytes()
}
