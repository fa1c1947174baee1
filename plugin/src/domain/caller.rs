//! Who asks: what the service reads from the claims of a token.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::id::is_external;

/// What a route may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    ViewMessage,
    CreateMessage,
    UpdateMessage,
    DeleteMessage,
    CreateMessageRecipient,
    ViewMessageRecipient,
    UpdateMessageRecipient,
    DeleteMessageRecipient,
    CreateAttachmentFile,
    ViewAttachmentFile,
    UpdateAttachmentFile,
    DeleteAttachmentFile,
    /// To change what others wrote, wherever the caller may see it. Has no number.
    ModerateMessage,
}

impl Permission {
    const ALL: [Self; 13] = [
        Self::ViewMessage,
        Self::CreateMessage,
        Self::UpdateMessage,
        Self::DeleteMessage,
        Self::CreateMessageRecipient,
        Self::ViewMessageRecipient,
        Self::UpdateMessageRecipient,
        Self::DeleteMessageRecipient,
        Self::CreateAttachmentFile,
        Self::ViewAttachmentFile,
        Self::UpdateAttachmentFile,
        Self::DeleteAttachmentFile,
        Self::ModerateMessage,
    ];

    /// The name, and the number where there is one. A number is a text in a token: 1 is
    /// not "1".
    pub(crate) const fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::ViewMessage => ("ViewMessage", Some("1")),
            Self::CreateMessage => ("CreateMessage", Some("2")),
            Self::UpdateMessage => ("UpdateMessage", Some("3")),
            Self::DeleteMessage => ("DeleteMessage", Some("4")),
            Self::CreateMessageRecipient => ("CreateMessageRecipient", Some("5")),
            Self::ViewMessageRecipient => ("ViewMessageRecipient", Some("6")),
            Self::UpdateMessageRecipient => ("UpdateMessageRecipient", Some("7")),
            Self::DeleteMessageRecipient => ("DeleteMessageRecipient", Some("8")),
            Self::CreateAttachmentFile => ("CreateAttachmentFile", None),
            Self::ViewAttachmentFile => ("ViewAttachmentFile", None),
            Self::UpdateAttachmentFile => ("UpdateAttachmentFile", None),
            Self::DeleteAttachmentFile => ("DeleteAttachmentFile", None),
            Self::ModerateMessage => ("ModerateMessage", None),
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| {
            let (name, number) = permission.words();
            word == name || Some(word) == number
        })
    }
}

/// The one who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Stands in `createdBy` and `modifiedBy`, and is a member of channels.
    pub(crate) actor: String,
    /// Empty for a token that names none: a tenant like any other.
    pub(crate) tenant: String,
    permissions: Vec<Permission>,
}

impl Caller {
    /// Reads a JSON object of claims. None when it names nobody: `userTenantId`, or
    /// else `id`, or else `sub`. The first that is there counts, and an unusable one
    /// is never passed over for the next, which may be somebody else.
    pub(crate) fn from_claims(json: &str) -> Option<Self> {
        let claims: Claims = serde_json::from_str(json).ok()?;
        let actor = claims.user_tenant_id.or(claims.id).or(claims.sub)?;
        let tenant = claims
            .tenant_id
            .map_or(Some(String::new()), |claim| match claim {
                Word::Text(text) if text.is_empty() => Some(text),
                claim => claim.external_id(),
            })?;
        Some(Self {
            actor: actor.external_id()?,
            tenant,
            permissions: claims.permissions.map_or_else(Vec::new, Permissions::known),
        })
    }

    /// Somebody who is no more than that.
    pub(crate) fn without_permissions(actor: &str, tenant: &str) -> Self {
        Self {
            actor: actor.to_owned(),
            tenant: tenant.to_owned(),
            permissions: Vec::new(),
        }
    }

    /// Somebody who has shown elsewhere that it may listen.
    pub(crate) fn listener(actor: &str, tenant: &str) -> Self {
        Self {
            permissions: vec![Permission::ViewMessage],
            ..Self::without_permissions(actor, tenant)
        }
    }

    /// Whether the token grants a permission.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    user_tenant_id: Option<Word>,
    id: Option<Word>,
    sub: Option<Word>,
    tenant_id: Option<Word>,
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Other(IgnoredAny),
}

impl Word {
    fn external_id(self) -> Option<String> {
        match self {
            Self::Text(text) if is_external(&text) => Some(text),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Permissions {
    List(Vec<Word>),
    Other(IgnoredAny),
}

impl Permissions {
    fn known(self) -> Vec<Permission> {
        let Self::List(words) = self else {
            return Vec::new();
        };
        let known = words.iter().filter_map(|word| match word {
            Word::Text(text) => Permission::from_word(text),
            Word::Other(_) => None,
        });
        known.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(claims: &str) -> Option<String> {
        Caller::from_claims(claims).map(|caller| caller.actor)
    }

    #[test]
    fn the_first_claim_that_is_there_names_the_actor() {
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(
            actor(r#"{"userTenantId":"a","id":"b","sub":"c"}"#),
            some("a")
        );
        assert_eq!(
            actor(r#"{"userTenantId":null,"id":"b","sub":"c"}"#),
            some("b")
        );
        assert_eq!(actor(r#"{"sub":"c"}"#), some("c"));
    }

    #[test]
    fn an_unusable_claim_is_not_passed_over() {
        for claims in [
            "{}",
            "[]",
            "null",
            "",
            r#"{"userTenantId":"","id":"b"}"#,
            r#"{"userTenantId":1,"id":"b"}"#,
            r#"{"userTenantId":{"a":1},"sub":"b"}"#,
            r#"{"id":"a\u0000"}"#,
            r#"{"id":"a "}"#,
            r#"{"id":"a","id":"b"}"#,
            r#"{"id":"a","tenantId":7}"#,
            r#"{"id":"a","tenantId":"t\n"}"#,
        ] {
            assert_eq!(actor(claims), None, "{claims}");
        }
    }

    #[test]
    fn a_missing_tenant_is_the_empty_one() {
        let tenant = |claims| Caller::from_claims(claims).map(|caller| caller.tenant);
        assert_eq!(tenant(r#"{"id":"a"}"#), Some(String::new()));
        assert_eq!(tenant(r#"{"id":"a","tenantId":null}"#), Some(String::new()));
        assert_eq!(tenant(r#"{"id":"a","tenantId":""}"#), Some(String::new()));
        assert_eq!(tenant(r#"{"id":"a","tenantId":"t"}"#), Some("t".to_owned()));
    }

    #[test]
    fn permissions_are_names_or_numbers_in_strings() {
        let granted = |list: &str| {
            Caller::from_claims(&format!(r#"{{"id":"a","permissions":{list}}}"#))
                .unwrap()
                .permissions
        };
        assert_eq!(
            granted(r#"["ViewMessage","2","x"]"#),
            [Permission::ViewMessage, Permission::CreateMessage]
        );
        assert_eq!(
            granted(r#"[3, null, {"4":4}, ["1"], "4"]"#),
            [Permission::DeleteMessage]
        );
        for none in [
            r#""ViewMessage""#,
            "null",
            "1",
            r#"{"ViewMessage":true}"#,
            "[]",
        ] {
            assert_eq!(granted(none), [], "{none}");
        }
    }
}
