//! The 34 operations: what each answers, and how it refuses.

use serde_json::{Value, json};

/// A status, a name and a code.
pub(crate) type Error = (u16, &'static str, Option<&'static str>);

/// A method and its path.
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    /// A body that is taken, for those that take one.
    body: Option<Value>,
    query: Query,
    /// What is answered when the path names what isn't there.
    missing: Option<Error>,
}

/// What the query is read for.
#[derive(Clone, Copy, PartialEq)]
enum Query {
    Nothing,
    Filter,
    Where,
}

/// How an answer looks.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// 204 and nothing.
    Done,
    /// 200 and `{"count":n}`.
    Count(u64),
    /// 200 and a thing as it is answered to a creation: these keys, none of them null.
    Created(&'static [&'static str]),
    /// The same in a list.
    AllCreated(&'static [&'static str]),
    /// 200 and a thing as it is read: these keys, null where nothing is set.
    Read(&'static [&'static str]),
    /// The same in a list of so many.
    List(&'static [&'static str], usize),
}

/// A request that succeeds.
pub(crate) struct Success {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    pub(crate) shape: Shape,
}

/// Whose token a request carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token {
    None,
    WithoutPermissions,
    Full,
}

/// A request that is refused.
pub(crate) struct Refusal {
    pub(crate) token: Token,
    pub(crate) path: String,
    /// The content type and the text.
    pub(crate) body: Option<(&'static str, String)>,
    pub(crate) error: Error,
}

/// The things that the requests are about.
pub(crate) struct Things {
    pub(crate) parent: String,
    /// A reply to the parent.
    pub(crate) message: String,
    pub(crate) recipient: String,
    pub(crate) file: String,
}

pub(crate) const MESSAGE: [&str; 15] = [
    "deleted",
    "deletedOn",
    "deletedBy",
    "createdOn",
    "modifiedOn",
    "createdBy",
    "modifiedBy",
    "id",
    "body",
    "channelId",
    "channelType",
    "status",
    "subject",
    "toUserId",
    "parentMessageId",
];
const RECIPIENT: [&str; 15] = [
    "deleted",
    "deletedOn",
    "deletedBy",
    "createdOn",
    "modifiedOn",
    "createdBy",
    "modifiedBy",
    "id",
    "channelId",
    "forwardedBy",
    "isFavorite",
    "isForwarded",
    "isRead",
    "recipientId",
    "messageId",
];
const FILE: [&str; 12] = [
    "deleted",
    "deletedOn",
    "deletedBy",
    "createdOn",
    "modifiedOn",
    "createdBy",
    "modifiedBy",
    "id",
    "channelId",
    "fileKey",
    "messageId",
    "metaData",
];
const NEW_MESSAGE: [&str; 10] = [
    "deleted",
    "createdOn",
    "modifiedOn",
    "createdBy",
    "modifiedBy",
    "id",
    "body",
    "channelId",
    "channelType",
    "status",
];
const NEW_REPLY: [&str; 11] = [
    "deleted",
    "createdOn",
    "modifiedOn",
    "createdBy",
    "modifiedBy",
    "id",
    "body",
    "channelId",
    "channelType",
    "status",
    "parentMessageId",
];
const NEW_RECIPIENT: [&str; 12] = [
    "deleted",
    "createdOn",
    "modifiedOn",
    "createdBy",
    "modifiedBy",
    "id",
    "channelId",
    "isFavorite",
    "isForwarded",
    "isRead",
    "recipientId",
    "messageId",
];
const NEW_FILE: [&str; 10] = [
    "deleted",
    "createdOn",
    "modifiedOn",
    "createdBy",
    "modifiedBy",
    "id",
    "channelId",
    "fileKey",
    "messageId",
    "metaData",
];
const EMPTY_FILE: [&str; 6] = [
    "deleted",
    "createdOn",
    "modifiedOn",
    "createdBy",
    "modifiedBy",
    "id",
];

const MESSAGES: &str = "/messages";
const ONE_MESSAGE: &str = "/messages/{id}";
const REPLIES: &str = "/messages/{id}/messages";
const ADDRESSEES: &str = "/messages/{id}/message-recipients";
const RECIPIENTS: &str = "/message-recipients";
const ONE_RECIPIENT: &str = "/message-recipients/{id}";
const FILES: &str = "/attach-files";
const ONE_FILE: &str = "/attach-files/{id}";
const UNKNOWN: &str = "9b2f5bd6-0c3f-4a8e-8a39-2f1d3c4b5a69";

const NOT_FOUND: Error = (404, "NotFoundError", None);
const NO_ENTITY: Error = (404, "Error", Some("ENTITY_NOT_FOUND"));
const PARAMETER: Error = (400, "BadRequestError", Some("INVALID_PARAMETER_VALUE"));
const SCHEMA: Error = (422, "UnprocessableEntityError", Some("VALIDATION_FAILED"));

fn said(body: &str) -> Value {
    json!({"body": body, "channelId": "general", "channelType": "group"})
}

fn addressed(message: &str, user: &str) -> Value {
    json!({"channelId": "general", "recipientId": user, "messageId": message})
}

/// All operations, in the order of the original's documentation.
pub(crate) fn operations() -> Vec<Operation> {
    use Query::{Filter, Nothing, Where};
    let of = |method, route, body, query, missing| Operation {
        method,
        route,
        body,
        query,
        missing,
    };
    let status = || Some(json!({"status": 1}));
    let mark = || Some(json!({"isRead": true}));
    let key = || Some(json!({"fileKey": "k"}));
    let row = || Some(addressed(UNKNOWN, "ann"));
    let below = || Some(json!({"channelId": "general", "recipientId": "ann"}));
    let bulk = || Some(json!({"attachmentFiles": [{}]}));
    vec![
        of("POST", MESSAGES, Some(said("x")), Nothing, None),
        of("GET", MESSAGES, None, Filter, None),
        of("PATCH", MESSAGES, status(), Where, None),
        of("GET", "/messages/count", None, Where, None),
        of("GET", ONE_MESSAGE, None, Filter, Some(NOT_FOUND)),
        of("PATCH", ONE_MESSAGE, status(), Nothing, Some(NO_ENTITY)),
        of(
            "PUT",
            ONE_MESSAGE,
            Some(said("x")),
            Nothing,
            Some(NO_ENTITY),
        ),
        of("DELETE", ONE_MESSAGE, None, Nothing, Some(NO_ENTITY)),
        of("GET", REPLIES, None, Filter, None),
        of("POST", REPLIES, Some(said("x")), Nothing, Some(NOT_FOUND)),
        of("PATCH", REPLIES, status(), Where, None),
        of("DELETE", REPLIES, None, Where, None),
        of("GET", ADDRESSEES, None, Filter, None),
        of("POST", ADDRESSEES, below(), Nothing, Some(NOT_FOUND)),
        of("PATCH", ADDRESSEES, mark(), Where, None),
        of("DELETE", ADDRESSEES, None, Where, None),
        of("POST", RECIPIENTS, row(), Nothing, None),
        of("GET", RECIPIENTS, None, Filter, None),
        of("PATCH", RECIPIENTS, mark(), Where, None),
        of("GET", "/message-recipients/count", None, Where, None),
        of("GET", ONE_RECIPIENT, None, Filter, Some(NOT_FOUND)),
        of("PATCH", ONE_RECIPIENT, mark(), Nothing, Some(NO_ENTITY)),
        of("PUT", ONE_RECIPIENT, row(), Nothing, Some(NO_ENTITY)),
        of("DELETE", ONE_RECIPIENT, None, Nothing, Some(NO_ENTITY)),
        of(
            "GET",
            "/message-recipients/{id}/message",
            None,
            Nothing,
            Some(NOT_FOUND),
        ),
        of("POST", FILES, Some(json!({})), Nothing, None),
        of("POST", "/attach-files/bulk", bulk(), Nothing, None),
        of("GET", FILES, None, Filter, None),
        of("PATCH", FILES, key(), Where, None),
        of("GET", "/attach-files/count", None, Where, None),
        of("GET", ONE_FILE, None, Filter, Some(NOT_FOUND)),
        of("PATCH", ONE_FILE, key(), Nothing, Some(NO_ENTITY)),
        of("PUT", ONE_FILE, key(), Nothing, Some(NO_ENTITY)),
        of("DELETE", ONE_FILE, None, Nothing, Some(NO_ENTITY)),
    ]
}

impl Operation {
    /// Everything that each operation of its kind refuses.
    pub(crate) fn refusals(&self, things: &Things, encode: fn(&str) -> String) -> Vec<Refusal> {
        const JSON: &str = "application/json";
        let path = self.route.replace("{id}", UNKNOWN);
        let body = self.body.as_ref().map(|body| (JSON, body.to_string()));
        let mut all = Vec::new();
        let mut add = |token, path: &str, body: Option<(&'static str, String)>, error| {
            all.push(Refusal {
                token,
                path: path.to_owned(),
                body,
                error,
            });
        };
        add(
            Token::None,
            &path,
            body.clone(),
            (401, "UnauthorizedError", None),
        );
        let forbidden = (403, "ForbiddenError", None);
        add(Token::WithoutPermissions, &path, body.clone(), forbidden);
        if let Some(error) = self.missing {
            add(Token::Full, &path, body.clone(), error);
            let malformed = self.route.replace("{id}", "no-uuid");
            add(Token::Full, &malformed, body.clone(), error);
        }
        if body.is_some() {
            let text = |text: &str| Some((JSON, text.to_owned()));
            let nothing = (400, "BadRequestError", Some("MISSING_REQUIRED_PARAMETER"));
            add(Token::Full, &path, None, nothing);
            add(Token::Full, &path, text("{"), (400, "SyntaxError", None));
            let media = (
                415,
                "UnsupportedMediaTypeError",
                Some("UNSUPPORTED_MEDIA_TYPE"),
            );
            add(
                Token::Full,
                &path,
                Some(("text/plain", "{}".to_owned())),
                media,
            );
            let long = text(&" ".repeat(1024 * 1024 + 1));
            add(
                Token::Full,
                &path,
                long,
                (413, "PayloadTooLargeError", None),
            );
            let unknown = json!({"nonsense": 1, "attachmentFiles": [{"nonsense": 1}]});
            add(Token::Full, &path, text(&unknown.to_string()), SCHEMA);
        }
        if self.method == "PUT" {
            let mut other = self.body.clone().unwrap_or_default();
            other["id"] = json!(things.parent);
            add(
                Token::Full,
                &path,
                Some((JSON, other.to_string())),
                (400, "Error", None),
            );
        }
        for (parameter, value, error) in self.query.refusals() {
            let path = format!("{path}?{parameter}={}", encode(&value));
            add(Token::Full, &path, body.clone(), error);
        }
        for (body, error) in self.special(things) {
            let path = self.route.replace("{id}", &things.message);
            add(Token::Full, &path, Some((JSON, body.to_string())), error);
        }
        all
    }

    /// What the operation alone refuses.
    fn special(&self, things: &Things) -> Vec<(Value, Error)> {
        const BLANK: Error = (422, "ValidationError", None);
        const CONFLICT: Error = (409, "ConflictError", None);
        let mut reply = said("x");
        reply["parentMessageId"] = json!(UNKNOWN);
        match (self.method, self.route) {
            ("POST", MESSAGES) => vec![(said(""), BLANK), (reply, NOT_FOUND)],
            ("POST", REPLIES) | ("PUT", ONE_MESSAGE) => vec![(said(""), BLANK)],
            ("POST", ADDRESSEES | RECIPIENTS) => {
                let mut own = addressed(&things.message, "ann");
                own["isRead"] = json!(true);
                let mut others = addressed(&things.message, "bob");
                others["isRead"] = json!(true);
                let mut all = vec![(own, CONFLICT), (others, SCHEMA)];
                if self.route == RECIPIENTS {
                    all.push((addressed(UNKNOWN, "bob"), NOT_FOUND));
                }
                all
            }
            ("POST", FILES) => vec![(json!({"messageId": UNKNOWN}), NOT_FOUND)],
            ("POST", "/attach-files/bulk") => vec![
                (json!({"attachmentFiles": []}), SCHEMA),
                (
                    json!({"attachmentFiles": [{}, {"messageId": UNKNOWN}]}),
                    NOT_FOUND,
                ),
            ],
            _ => Vec::new(),
        }
    }
}

impl Query {
    fn refusals(self) -> Vec<(&'static str, String, Error)> {
        let inclusion = (400, "Error", Some("INVALID_INCLUSION_FILTER"));
        match self {
            Self::Nothing => Vec::new(),
            Self::Filter => vec![
                ("filter", "{".to_owned(), PARAMETER),
                ("filter", json!({"nonsense": 1}).to_string(), PARAMETER),
                ("filter", json!({"fields": "id"}).to_string(), PARAMETER),
                (
                    "filter",
                    json!({"include": ["messageFiles"]}).to_string(),
                    inclusion,
                ),
            ],
            Self::Where => vec![
                ("where", "{".to_owned(), PARAMETER),
                ("where", json!({"nonsense": 1}).to_string(), PARAMETER),
                (
                    "where",
                    json!({"id": {"nonsense": 1}}).to_string(),
                    PARAMETER,
                ),
                (
                    "where",
                    json!({"createdOn": "yesterday"}).to_string(),
                    PARAMETER,
                ),
            ],
        }
    }
}

/// What is made first: each by the path, the body, and the keys of the answer.
pub(crate) fn making(made: &[String]) -> Option<(&'static str, Value, Shape)> {
    Some(match made {
        [] => (MESSAGES, said("question"), Shape::Created(&NEW_MESSAGE)),
        [parent] => {
            let mut reply = said("answer");
            reply["parentMessageId"] = json!(parent);
            (MESSAGES, reply, Shape::Created(&NEW_REPLY))
        }
        [_, message] => {
            let row = addressed(message, "ann");
            (RECIPIENTS, row, Shape::Created(&NEW_RECIPIENT))
        }
        [_, message, _] => {
            let file = json!({
                "channelId": "general", "fileKey": "k", "messageId": message, "metaData": {"n": 1},
            });
            (FILES, file, Shape::Created(&NEW_FILE))
        }
        _ => return None,
    })
}

/// One success of each operation that made nothing yet, in an order in which all succeed.
pub(crate) fn successes(things: &Things, encode: fn(&str) -> String) -> Vec<Success> {
    use Shape::{AllCreated, Count, Created, Done, List, Read};
    let mut all = Vec::new();
    let mut add = |method, route: &'static str, id: &str, body: Option<Value>, shape| {
        all.push(Success {
            method,
            route,
            path: route.replace("{id}", id),
            body,
            shape,
        });
    };
    let Things {
        parent,
        message,
        recipient,
        file,
    } = things;
    let status = Some(json!({"status": 1}));
    add("GET", MESSAGES, "", None, List(&MESSAGE, 2));
    add("PATCH", MESSAGES, "", status.clone(), Count(2));
    add("GET", "/messages/count", "", None, Count(2));
    add("GET", ONE_MESSAGE, message, None, Read(&MESSAGE));
    add("PATCH", ONE_MESSAGE, message, status.clone(), Done);
    let mut whole = said("answer");
    whole["parentMessageId"] = json!(parent);
    add("PUT", ONE_MESSAGE, message, Some(whole), Done);
    add("GET", REPLIES, parent, None, List(&MESSAGE, 1));
    add(
        "POST",
        REPLIES,
        parent,
        Some(said("second")),
        Created(&NEW_REPLY),
    );
    add("PATCH", REPLIES, parent, status, Count(2));

    let mark = Some(json!({"isRead": true}));
    add("GET", ADDRESSEES, message, None, List(&RECIPIENT, 1));
    let bob = json!({"channelId": "general", "recipientId": "bob"});
    add(
        "POST",
        ADDRESSEES,
        message,
        Some(bob),
        Created(&NEW_RECIPIENT),
    );
    add("PATCH", ADDRESSEES, message, mark.clone(), Count(1));
    add("GET", RECIPIENTS, "", None, List(&RECIPIENT, 2));
    add("PATCH", RECIPIENTS, "", mark.clone(), Count(1));
    add("GET", "/message-recipients/count", "", None, Count(2));
    add("GET", ONE_RECIPIENT, recipient, None, Read(&RECIPIENT));
    add("PATCH", ONE_RECIPIENT, recipient, mark, Done);
    let whole = Some(addressed(message, "ann"));
    add("PUT", ONE_RECIPIENT, recipient, whole, Done);
    let path = "/message-recipients/{id}/message";
    add("GET", path, recipient, None, Read(&MESSAGE));

    let key = Some(json!({"fileKey": "other"}));
    let bulk = Some(json!({"attachmentFiles": [{}]}));
    add(
        "POST",
        "/attach-files/bulk",
        "",
        bulk,
        AllCreated(&EMPTY_FILE),
    );
    add("GET", FILES, "", None, List(&FILE, 2));
    add("PATCH", FILES, "", key.clone(), Count(2));
    add("GET", "/attach-files/count", "", None, Count(2));
    add("GET", ONE_FILE, file, None, Read(&FILE));
    add("PATCH", ONE_FILE, file, key.clone(), Done);
    add("PUT", ONE_FILE, file, key, Done);

    add("DELETE", ONE_FILE, file, None, Done);
    add("DELETE", ONE_RECIPIENT, recipient, None, Done);
    add("DELETE", ADDRESSEES, message, None, Count(1));
    add("DELETE", REPLIES, parent, None, Count(2));
    add("DELETE", ONE_MESSAGE, parent, None, Done);
    // A condition in both of its forms, where nothing is left.
    for success in &mut all {
        if success.method == "GET" && success.route == MESSAGES {
            let filter = json!({"where": {"channelId": "general"}, "limit": 5});
            success.path += &format!("?filter={}", encode(&filter.to_string()));
        }
        if success.method == "GET" && success.route == "/messages/count" {
            success.path += "?where[channelId]=general";
        }
    }
    all
}

impl Shape {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Done => 204,
            _ => 200,
        }
    }

    /// Panics when a text isn't of the shape.
    pub(crate) fn check(self, text: &str, what: &str) {
        let json = || serde_json::from_str::<Value>(text).unwrap();
        match self {
            Self::Done => assert_eq!(text, "", "{what}"),
            Self::Count(count) => assert_eq!(text, format!("{{\"count\":{count}}}"), "{what}"),
            Self::Created(keys) => created(&json(), text, keys, what),
            Self::AllCreated(keys) => {
                let list = json();
                let [row] = list.as_array().unwrap().as_slice() else {
                    panic!("{what}: {text}");
                };
                created(row, text, keys, what);
            }
            Self::Read(keys) => read(&json(), text, keys, what),
            Self::List(keys, length) => {
                let list = json();
                let rows = list.as_array().unwrap();
                assert_eq!(rows.len(), length, "{what}: {text}");
                for row in rows {
                    read(row, text, keys, what);
                }
            }
        }
    }
}

fn created(row: &Value, text: &str, keys: &[&str], what: &str) {
    assert_keys(row, text, keys, what);
    let values = row.as_object().unwrap().values();
    assert!(values.into_iter().all(|it| !it.is_null()), "{what}: {text}");
}

fn read(row: &Value, text: &str, keys: &[&str], what: &str) {
    assert_keys(row, text, keys, what);
    for name in ["deletedOn", "deletedBy"] {
        assert_eq!(row[name], Value::Null, "{what}: {text}");
    }
}

/// These keys and no others, in this order in the text, where a reader may have lost it.
fn assert_keys(row: &Value, text: &str, keys: &[&str], what: &str) {
    let row = row.as_object().unwrap();
    let mut found: Vec<_> = row.keys().map(String::as_str).collect();
    found.sort_by_key(|name| text.find(&format!("\"{name}\":")));
    assert_eq!(found, keys, "{what}: {text}");
}
