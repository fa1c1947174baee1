//! The requests that show that a version works, before it serves anybody.

/// A GET, and the status of the right answer.
#[derive(Debug, Clone, Copy)]
pub struct Smoke {
    /// Path and query.
    pub target: &'static str,
    /// The claims that it carries, as JSON; none for no token.
    pub claims: Option<&'static str>,
    /// The status of the right answer.
    pub status: u16,
}

/// A user of a tenant that is nobody's. There is nothing that it may see, so that what is
/// asked costs the same whatever the tables hold.
const NOBODY: Option<&str> = Some(
    r#"{"userTenantId":"smoke-test","tenantId":"smoke-test","permissions":["ViewMessage","1","2","3","4","ViewMessageRecipient","ViewAttachmentFile"]}"#,
);

/// What a version must answer: its document, a refusal, and a statement of each kind that
/// reads.
#[must_use]
pub fn smoke() -> Vec<Smoke> {
    let get = |target, claims, status| Smoke {
        target,
        claims,
        status,
    };
    vec![
        get("/openapi.json", None, 200),
        get("/messages", None, 401),
        get("/messages", NOBODY, 200),
        get(
            "/messages?filter=%7B%22where%22%3A%7B%22channelId%22%3A%22smoke%22%7D%2C%22limit%22%3A1%7D",
            NOBODY,
            200,
        ),
        get("/messages/count", NOBODY, 200),
        get(
            "/messages/00000000-0000-7000-8000-000000000000",
            NOBODY,
            404,
        ),
        get(
            "/attachments/00000000-0000-7000-8000-000000000000",
            NOBODY,
            404,
        ),
        get("/no-such-route", NOBODY, 404),
    ]
}
