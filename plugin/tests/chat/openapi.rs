//! The OpenAPI document says what the service does, all of it and nothing else.

mod conversation;
mod schema;

use chat::api::Body;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Service, User, encoded};
use schema::Document;

/// The name of the user, of the channel and of all else: what samples hold.
const NAME: &str = "x";
const NOBODYS: &str = "00000000-0000-7000-8000-000000000000";

fn document() -> Document {
    Document(Service::new().nobody().read("/openapi.json"))
}

struct Operation<'d> {
    method: String,
    path: &'d str,
    description: &'d Json,
}

impl Document {
    /// Those whose bodies are JSON: the others are asked one by one.
    fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        let all = self.all_operations();
        let apart = ["AttachmentController", "ChannelController"];
        all.filter(move |it| !apart.iter().any(|tag| it.description["tags"][0] == *tag))
    }

    fn all_operations(&self) -> impl Iterator<Item = Operation<'_>> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, description)| Operation {
                method: method.to_uppercase(),
                path,
                description,
            })
        })
    }

    /// Checks that an answer is one that the operation has.
    fn expect(&self, operation: &Operation<'_>, answer: &Answer) {
        let place = format!("{} {}: {}", operation.method, operation.path, answer.text);
        let response = &operation.description["responses"][answer.status.to_string()];
        assert!(
            response.is_object(),
            "{} is not documented: {place}",
            answer.status
        );
        let response = self.resolve(response);
        match response.pointer("/content/application~1json/schema") {
            None => assert_eq!(answer.text, "", "{place}"),
            Some(schema) => {
                assert_eq!(
                    answer.header("content-type"),
                    Some("application/json"),
                    "{place}"
                );
                if let Err(cause) = self.check(schema, &answer.json) {
                    panic!("{place}\n{cause}");
                }
            }
        }
    }

    fn body<'d>(&'d self, operation: &Operation<'d>) -> Option<&'d Json> {
        let body = operation.description.get("requestBody")?;
        Some(&body["content"]["application/json"]["schema"])
    }

    /// The schema of a parameter of the query, with its name.
    fn query<'d>(&'d self, operation: &Operation<'d>) -> Option<(&'d str, &'d Json)> {
        let parameters = operation.description["parameters"].as_array().unwrap();
        let mut parameters = parameters.iter().map(|it| self.resolve(it));
        let parameter = parameters.find(|it| it["in"] == "query")?;
        let schema = &parameter["content"]["application/json"]["schema"];
        Some((parameter["name"].as_str().unwrap(), schema))
    }
}

/// A user who has sent a message, and what belongs to it.
struct Scene {
    user: User,
    message: String,
    recipient: String,
    file: String,
}

impl Scene {
    fn new() -> Self {
        let user = Service::new().user(NAME);
        let message = user.say(NAME, NAME);
        let id = |row: Json| row["id"].as_str().unwrap().to_owned();
        let recipient = json!({"channelId": NAME, "recipientId": NAME, "messageId": message});
        let file = json!({"channelId": NAME, "messageId": message});
        Self {
            recipient: id(user.make("/message-recipients", recipient)),
            file: id(user.make("/attach-files", file)),
            message,
            user,
        }
    }

    /// The path with the id of what is there.
    fn path(&self, operation: &Operation<'_>) -> String {
        let id = match operation.path.split('/').nth(1) {
            Some("messages") => &self.message,
            Some("message-recipients") => &self.recipient,
            Some("attach-files") => &self.file,
            other => panic!("the scene has no {other:?}"),
        };
        operation.path.replace("{id}", id)
    }

    fn send(&self, operation: &Operation<'_>, path: &str, body: Option<&Json>) -> Answer {
        let body = body.map_or(Body::Empty, |it| Body::Bytes(it.to_string().into_bytes()));
        self.user.send(&operation.method, path, body)
    }

    /// The least body that fits, about what is there.
    fn body(&self, document: &Document, operation: &Operation<'_>) -> Option<Json> {
        let mut body = document.minimal(document.body(operation)?);
        if body.get("messageId").is_some() {
            body["messageId"] = json!(self.message);
        }
        // One user is a recipient of a message once.
        if operation.method == "POST" && body.get("recipientId").is_some() {
            body["recipientId"] = json!("y");
        }
        Some(body)
    }
}

#[test]
fn every_operation_succeeds_as_documented() {
    let document = document();
    let mut count = 0;
    for operation in document.operations() {
        let scene = Scene::new();
        let body = scene.body(&document, &operation);
        let path = scene.path(&operation);
        if operation.method == "GET" {
            // The host takes the body away, and tells its length.
            let head = scene.user.send("HEAD", &path, Body::Empty);
            let get = scene.user.get(&path);
            assert_eq!((head.status, head.text), (200, get.text), "{path}");
        }
        let answer = scene.send(&operation, &path, body.as_ref());
        assert!(
            (200..300).contains(&answer.status),
            "{path}: {}",
            answer.text
        );
        document.expect(&operation, &answer);
        count += 1;
    }
    assert!(count >= 34, "{count}");
}

/// What is asked about attachments: each operation, with what it needs.
#[test]
fn every_answer_about_attachments_is_documented() {
    type Ask<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Body, u16);
    let document = document();
    let user = Service::new().user(NAME);
    let json = [("content-type", "application/json")];
    let bytes = |text: &str| Body::Bytes(text.as_bytes().to_vec());
    let announced = r#"{"channelId":"x","name":"x","size":1}"#;
    let tus = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "2"),
        ("upload-metadata", "channelId eA=="),
    ];
    let part = [
        ("tus-resumable", "1.0.0"),
        ("upload-offset", "0"),
        ("content-type", "application/offset+octet-stream"),
    ];
    let (one, content) = ("/attachments/{id}", "/attachments/{id}/content");
    let (uploads, upload) = ("/attachments/uploads", "/attachments/uploads/{id}");
    let asks: [Ask<'_>; 25] = [
        ("POST", "/attachments", &json, bytes("{}"), 422),
        ("POST", "/attachments", &json, bytes(announced), 201),
        ("GET", content, &[], Body::Empty, 404),
        ("PUT", content, &[], bytes("xy"), 422),
        ("PUT", content, &[("content-digest", "x")], bytes("x"), 400),
        ("PATCH", one, &json, bytes(r#"{"state":"ready"}"#), 403),
        ("PUT", content, &[], bytes("x"), 200),
        ("PUT", content, &[], bytes("x"), 409),
        ("GET", one, &[], Body::Empty, 200),
        ("GET", content, &[], Body::Empty, 200),
        ("GET", content, &[("range", "bytes=0-0")], Body::Empty, 206),
        ("GET", content, &[("range", "bytes=1-")], Body::Empty, 416),
        ("GET", content, &[("if-none-match", "*")], Body::Empty, 304),
        ("GET", "/attach-files/{id}/content", &[], Body::Empty, 200),
        ("GET", "/attachments/{id}/thumbnail", &[], Body::Empty, 404),
        ("POST", "/attachments/{id}/links", &json, bytes("{}"), 201),
        ("GET", "/links/{id}", &[], Body::Empty, 400),
        ("GET", "/attachments/{id}/downloads", &[], Body::Empty, 200),
        ("DELETE", one, &[], Body::Empty, 204),
        ("DELETE", one, &[], Body::Empty, 404),
        ("POST", uploads, &tus, Body::Empty, 201),
        ("PATCH", upload, &part, bytes("x"), 204),
        ("PATCH", upload, &part, bytes("x"), 409),
        ("HEAD", upload, &tus, Body::Empty, 200),
        ("DELETE", upload, &tus, Body::Empty, 204),
    ];
    let mut id = String::new();
    let mut asked = Vec::new();
    for (method, path, headers, body, status) in asks {
        let answer = user.send_with(method, &path.replace("{id}", &id), headers, body);
        let place = format!("{method} {path}: {}", answer.text);
        assert_eq!(answer.status, status, "{place}");
        let mut operations = document.all_operations();
        let operation = operations.find(|it| it.method == method && it.path == path);
        let operation = operation.expect(&place);
        if answer.content.is_some() {
            assert!(
                operation.description["responses"][status.to_string()].is_object(),
                "{place}"
            );
        } else {
            document.expect(&operation, &answer);
        }
        let named = answer.json["id"].as_str().map(str::to_owned);
        let named = named.filter(|_| path == "/attachments");
        let located = || {
            answer
                .header("location")?
                .strip_prefix("uploads/")
                .map(str::to_owned)
        };
        if let Some(new) = named.or_else(located) {
            id = new;
        }
        asked.push((operation.method.clone(), path.to_owned()));
    }
    let others: Vec<_> = document
        .operations()
        .chain(document.conversations())
        .map(|it| (it.method, it.path.to_owned()))
        .collect();
    for operation in document.all_operations() {
        let known = (operation.method, operation.path.to_owned());
        assert!(
            asked.contains(&known) || others.contains(&known),
            "{known:?}"
        );
    }
}

#[test]
fn every_refusal_is_documented() {
    let document = document();
    for operation in document.operations() {
        let scene = Scene::new();
        let path = scene.path(&operation);
        let body = scene.body(&document, &operation);
        let refused = |answer: Answer, status: u16| {
            assert_eq!(answer.status, status, "{path}: {}", answer.text);
            document.expect(&operation, &answer);
        };
        let service = &scene.user.service;
        refused(
            service.nobody().send(&operation.method, &path, Body::Empty),
            401,
        );
        let powerless = scene.user.clone().claim("permissions", json!([]));
        refused(powerless.send(&operation.method, &path, Body::Empty), 403);
        if let Some((name, _)) = document.query(&operation) {
            let path = format!("{path}?{name}=%7B");
            refused(scene.send(&operation, &path, body.as_ref()), 400);
            let path = format!("{path}%22nothing%22:1%7D");
            refused(scene.send(&operation, &path, body.as_ref()), 400);
        }
        if document.body(&operation).is_some() {
            let send = |body| scene.user.send(&operation.method, &path, body);
            refused(send(Body::Empty), 400);
            refused(send(Body::Bytes(b"{".to_vec())), 400);
            refused(send(Body::Bytes(b"[]".to_vec())), 422);
            refused(send(Body::Long), 413);
            let text = [("content-type", "text/plain")];
            let text = scene
                .user
                .send_with(&operation.method, &path, &text, Body::Long);
            refused(text, 415);
        }
        if operation.path.contains("{id}") {
            for id in [NOBODYS, "x", "%ff"] {
                let path = operation.path.replace("{id}", id);
                let answer = scene.send(&operation, &path, body.as_ref());
                document.expect(&operation, &answer);
            }
        }
    }
}

/// Each body that the schema allows is either taken, or refused for what a schema can't
/// say: who may do it, and what is there.
#[test]
fn what_a_schema_allows_is_well_formed() {
    let document = document();
    for operation in document.operations() {
        let Some(schema) = document.body(&operation) else {
            continue;
        };
        let scene = Scene::new();
        for mut body in document.samples(schema) {
            document.check(schema, &body).unwrap();
            if body.get("messageId").is_some() {
                body["messageId"] = json!(scene.message);
            }
            let answer = scene.send(&operation, &scene.path(&operation), Some(&body));
            document.expect(&operation, &answer);
            let fixed = ["\"const\"", "\"attachment\"", "\"maxItems\""];
            let fixed = fixed.iter().any(|it| answer.text.contains(it));
            let known = matches!(answer.status, 200 | 204 | 400 | 404 | 409) || fixed;
            assert!(known, "{} {body}: {}", operation.path, answer.text);
            let is_about_ids = answer.text.contains("The id in the body");
            assert!(
                answer.status != 400 || is_about_ids,
                "{body}: {}",
                answer.text
            );
        }
    }
}

#[test]
fn every_filter_that_the_document_knows_is_answered() {
    let document = document();
    let mut count = 0;
    for operation in document.operations().filter(|it| it.method == "GET") {
        let Some((name, schema)) = document.query(&operation) else {
            continue;
        };
        let scene = Scene::new();
        let path = scene.path(&operation);
        for filter in document.samples(schema) {
            document.check(schema, &filter).unwrap();
            let answer = scene
                .user
                .get(&format!("{path}?{name}={}", encoded(&filter)));
            assert_eq!(answer.status, 200, "{path} {filter}: {}", answer.text);
            document.expect(&operation, &answer);
            count += 1;
        }
    }
    assert!(count > 1_000, "{count}");
}

#[test]
fn an_undocumented_method_is_not_allowed() {
    let document = document();
    for (path, methods) in document.0["paths"].as_object().unwrap() {
        let user = Service::new().user(NAME);
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let path = path.replace("{id}", NOBODYS).replace("{userId}", "y");
            let path = path.replace("{emoji}", "z");
            let answer = user.send(method, &path, Body::Empty);
            let documented = methods.get(method.to_lowercase()).is_some();
            assert_eq!(answer.status == 405, !documented, "{method} {path}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(document: &Document, value: &Json, count: &mut usize) {
        match value {
            Json::Object(object) => {
                if object.contains_key("$ref") {
                    document.resolve(value);
                    *count += 1;
                }
                object.values().for_each(|it| walk(document, it, count));
            }
            Json::Array(items) => items.iter().for_each(|it| walk(document, it, count)),
            _ => {}
        }
    }
    let document = document();
    let mut count = 0;
    walk(&document, &document.0, &mut count);
    assert!(count > 100, "{count}");
    let identifiers = document.all_operations();
    let mut identifiers: Vec<_> = identifiers
        .map(|it| it.description["operationId"].as_str().unwrap())
        .collect();
    let all = identifiers.len();
    identifiers.sort_unstable();
    identifiers.dedup();
    assert_eq!(identifiers.len(), all);
}

#[test]
fn anybody_reads_the_document_in_either_form() {
    let nobody = Service::new().nobody();
    let json = nobody.get("/openapi.json");
    let yaml = nobody.get("/openapi.yaml");
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(yaml.header("content-type"), Some("application/yaml"));
    let same: Json = serde_saphyr::from_str(&yaml.text).unwrap();
    assert_eq!(same, json.json);
    for path in ["/openapi.json", "/openapi.yaml", "/explorer"] {
        let head = nobody.send("HEAD", path, Body::Empty);
        assert_eq!(
            (head.status, head.text),
            (200, nobody.get(path).text),
            "{path}"
        );
        let post = nobody.post(path, json!({}));
        assert_eq!(
            (post.status, post.header("allow")),
            (405, Some("GET, HEAD")),
            "{path}"
        );
    }
}

#[test]
fn the_explorer_runs_nothing_but_its_own_script() {
    let nobody = Service::new().nobody();
    let page = nobody.get("/explorer");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    for element in ["style", "script"] {
        let start = page.text.split_once(&format!("<{element}>")).unwrap().1;
        let text = start.split_once(&format!("</{element}>")).unwrap().0;
        let hash = base64(&Sha256::digest(text));
        let source = format!("{element}-src 'sha256-{hash}'");
        assert!(
            policy.contains(&source),
            "src/api/explorer.rs needs {source}"
        );
    }
    for risk in [
        "//cdn",
        "http:",
        "https:",
        "innerHTML",
        "insertAdjacent",
        "document.write",
    ] {
        assert!(!page.text.contains(risk), "{risk}");
    }
    for attribute in ["style=", "onclick=", "onload=", " src="] {
        assert!(
            !page.text.contains(attribute),
            "the policy blocks {attribute}"
        );
    }
    let redirect = nobody.get("/explorer/");
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (302, Some("../explorer"))
    );
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, index| {
            bits << 8 | u32::from(chunk.get(index).copied().unwrap_or(0))
        });
        for place in 0..4 {
            let digit = bits >> (18 - 6 * place) & 63;
            text.push(match place <= chunk.len() {
                true => DIGITS[digit as usize].into(),
                false => '=',
            });
        }
    }
    text
}
