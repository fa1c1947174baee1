//! The ports on an SQLite in memory, and users who talk to the service.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use chat::api::{self, Body, Field, Limits, Request, ResponseBody};
use chat::ports::{
    Actor, Audit, AuditError, BlobError, Blobs, Clock, Database, Dialect, Ending, Entry, Error,
    Event, EventError, Events, Identity, Kind, Level, Log, Random, Range, Recorded, Report, Rows,
    Settings, Stored, Storing, Subscribe, Transaction, Value, ValueRef,
};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef as Column};
use rusqlite::{Connection, ToSql, ffi, params_from_iter};
use serde_json::{Value as Json, json};

use crate::blobs::{self, Download, Opened, Shelf};
use crate::listen::Heard;

/// When the service's clock starts: 2026-11-24T09:16:17.763Z, and a bit.
pub(crate) const START: i64 = 1_795_511_777_763_456;

/// What the ports share.
pub(crate) struct World {
    pub(crate) connection: Connection,
    /// Entries of committed transactions, and those recorded at once.
    pub(crate) audit: RefCell<Vec<Entry>>,
    /// Statements, with their parameters, in the order of their arrival.
    pub(crate) statements: RefCell<Vec<(String, Vec<Value>)>>,
    /// What the next statements (`begin` and `commit` included) fail with, if they do.
    pub(crate) faults: RefCell<VecDeque<Option<Error>>>,
    /// SQL that comes in between, after the next statement that writes.
    pub(crate) interruption: RefCell<Option<&'static str>>,
    pub(crate) audit_is_down: Cell<bool>,
    pub(crate) log: RefCell<Vec<String>>,
    pub(crate) now: Cell<i64>,
    /// What the operator set; read before the first request.
    pub(crate) settings: RefCell<HashMap<&'static str, String>>,
    pub(crate) shelf: Shelf,
    /// What committed transactions have published, in order.
    pub(crate) events: RefCell<Vec<Heard>>,
    /// What was only said aloud.
    pub(crate) signals: RefCell<Vec<Event>>,
    limits: OnceCell<Limits>,
    random: Cell<u64>,
}

#[derive(Clone)]
pub(crate) struct Service(pub(crate) Rc<World>);

impl Service {
    pub(crate) fn new() -> Self {
        let connection = Connection::open_in_memory().unwrap();
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection
            .create_scalar_function("regexp", 2, flags, |call| {
                let Some(text) = call.get::<Option<String>>(1)? else {
                    return Ok(None);
                };
                let regexp = regex::Regex::new(&call.get::<String>(0)?)
                    .map_err(|cause| rusqlite::Error::UserFunctionError(cause.into()))?;
                Ok(Some(regexp.is_match(&text)))
            })
            .unwrap();
        connection
            .pragma_update(None, "foreign_keys", true)
            .unwrap();
        for migration in chat::migrations(Dialect::Sqlite) {
            connection.execute_batch(migration.statements).unwrap();
        }
        connection.execute_batch(blobs::TABLES).unwrap();
        Self(Rc::new(World {
            connection,
            audit: RefCell::default(),
            statements: RefCell::default(),
            faults: RefCell::default(),
            interruption: RefCell::default(),
            audit_is_down: Cell::new(false),
            log: RefCell::default(),
            now: Cell::new(START),
            settings: RefCell::default(),
            shelf: Shelf::new(),
            events: RefCell::default(),
            signals: RefCell::default(),
            limits: OnceCell::new(),
            random: Cell::new(0),
        }))
    }

    /// A user of the tenant `t` with all permissions but `ModerateMessage`.
    pub(crate) fn user(&self, id: &str) -> User {
        User {
            service: self.clone(),
            claims: Some(json!({
                "userTenantId": id, "tenantId": "t", "permissions": permissions(&[]),
            })),
        }
    }

    pub(crate) fn nobody(&self) -> User {
        User {
            service: self.clone(),
            claims: None,
        }
    }

    /// What the service answers to a frame of a connection.
    pub(crate) fn frame(&self, subject: &str, payload: &str) -> Option<String> {
        api::frame(&self.ports(None), subject, payload)
    }

    /// The last connection of a subject has ended.
    pub(crate) fn closed(&self, subject: &str) {
        api::closed(&self.ports(None), subject);
    }

    fn ports(&self, claims: Option<String>) -> Ports {
        Ports {
            world: self.0.clone(),
            claims,
            actor: RefCell::default(),
        }
    }

    /// What inspectors found, as the host hands it over.
    pub(crate) fn report(&self, tag: &str, report: &Report) -> Result<(), String> {
        api::inspected(&self.ports(None), tag, report)
    }

    pub(crate) fn last_entry(&self) -> Entry {
        self.0.audit.borrow().last().unwrap().clone()
    }
}

/// Somebody who sends requests.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) service: Service,
    pub(crate) claims: Option<Json>,
}

impl User {
    pub(crate) fn claim(mut self, name: &str, value: Json) -> Self {
        self.claims.as_mut().unwrap()[name] = value;
        self
    }

    pub(crate) fn moderator(self) -> Self {
        self.claim("permissions", permissions(&["ModerateMessage"]))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Body::Empty)
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, Body::Empty)
    }

    pub(crate) fn post(&self, path: &str, body: Json) -> Answer {
        self.send("POST", path, Body::Bytes(body.to_string().into_bytes()))
    }

    pub(crate) fn patch(&self, path: &str, body: Json) -> Answer {
        self.send("PATCH", path, Body::Bytes(body.to_string().into_bytes()))
    }

    pub(crate) fn put(&self, path: &str, body: Json) -> Answer {
        self.send("PUT", path, Body::Bytes(body.to_string().into_bytes()))
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: Body) -> Answer {
        let json = [("content-type", "application/json; charset=utf-8")];
        self.send_with(method, path, &json, body)
    }

    pub(crate) fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        self.stream(method, path, headers, (body, None))
    }

    /// Sends a body that is longer than what comes at once.
    pub(crate) fn stream(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        (body, stream): (Body, Option<blobs::Body>),
    ) -> Answer {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (path, None),
        };
        let field = |(name, value): &(&str, &str)| Field {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        let ports = self
            .service
            .ports(self.claims.as_ref().map(Json::to_string));
        let limits = ports.world.limits.get_or_init(|| Limits::read(&ports));
        let api::Answer { response, stream } = api::handle(
            &ports,
            limits,
            Request {
                method: method.to_owned(),
                path: path.to_owned(),
                query,
                headers: headers.iter().map(field).collect(),
                body,
            },
            stream,
        );
        let (content, subscription) = match stream {
            None => (None, None),
            Some(api::Stream::Download(download)) => (Some(download.0), None),
            Some(api::Stream::Subscription(options)) => (None, Some(options)),
        };
        let text = match response.body {
            ResponseBody::Empty => String::new(),
            ResponseBody::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
        };
        let is_json = response
            .headers
            .iter()
            .any(|it| it.name == "content-type" && it.value == "application/json");
        let json = match text.is_empty() || !is_json {
            true => Json::Null,
            false => serde_json::from_str(&text).unwrap(),
        };
        Answer {
            status: response.status,
            headers: response.headers,
            text,
            json,
            content,
            subscription,
        }
    }

    /// Sends a message to a channel, a millisecond after the last.
    pub(crate) fn say(&self, channel: &str, body: &str) -> String {
        self.say_with(channel, body, json!({}))
    }

    pub(crate) fn say_with(&self, channel: &str, body: &str, more: Json) -> String {
        let now = &self.service.0.now;
        now.set(now.get() + 1_000);
        let mut message = json!({"body": body, "channelId": channel, "channelType": "group"});
        for (name, value) in more.as_object().unwrap() {
            message[name] = value.clone();
        }
        let answer = self.post("/messages", message);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["id"].as_str().unwrap().to_owned()
    }

    /// The bodies of a page.
    pub(crate) fn bodies(&self, filter: Json) -> Vec<String> {
        let answer = self.get(&format!("/messages?filter={}", encoded(&filter)));
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
        let body = |row: &Json| row["body"].as_str().unwrap().to_owned();
        answer.json.as_array().unwrap().iter().map(body).collect()
    }

    /// Posts what has to succeed, and gives its answer.
    pub(crate) fn make(&self, path: &str, body: Json) -> Json {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    }

    /// Gets what has to be there.
    pub(crate) fn read(&self, path: &str) -> Json {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json
    }

    pub(crate) fn count(&self, condition: Json) -> u64 {
        let answer = self.get(&format!("/messages/count?where={}", encoded(&condition)));
        assert_eq!(answer.status, 200, "{condition}: {}", answer.text);
        answer.json["count"].as_u64().unwrap()
    }
}

fn permissions(more: &[&str]) -> Json {
    let files = [
        "CreateAttachmentFile",
        "ViewAttachmentFile",
        "UpdateAttachmentFile",
        "DeleteAttachmentFile",
    ];
    let numbers = ["1", "2", "3", "4", "5", "6", "7", "8"];
    json!([&numbers[..], &files, more].concat())
}

/// Adds a member to a channel, past the service.
pub(crate) fn join(service: &Service, channel: &str, user: &str, role: &str) {
    let sql = "INSERT INTO chat_members (tenant_id, channel_id, user_id, role, joined_on) \
        VALUES ('t', ?, ?, ?, 0)";
    service
        .0
        .connection
        .execute(sql, (channel, user, role))
        .unwrap();
}

pub(crate) fn encoded(json: &Json) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in json.to_string().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(byte.into()),
            _ => write!(text, "%{byte:02x}").unwrap(),
        }
    }
    text
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<Field>,
    pub(crate) text: String,
    pub(crate) json: Json,
    /// What the host would stream.
    pub(crate) content: Option<Vec<u8>>,
    /// What the host would let the client listen to.
    pub(crate) subscription: Option<Subscribe>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|field| field.name == name);
        field.map(|field| field.value.as_str())
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        self.json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect()
    }
}

struct Ports {
    world: Rc<World>,
    claims: Option<String>,
    actor: RefCell<Option<Actor>>,
}

impl World {
    fn fault(&self) -> Result<(), Error> {
        match self.faults.borrow_mut().pop_front() {
            Some(Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn note(&self, statement: &str, params: &[Value]) -> Result<(), Error> {
        assert_eq!(statement.matches('?').count(), params.len(), "{statement}");
        self.statements
            .borrow_mut()
            .push((statement.to_owned(), params.to_vec()));
        self.fault()
    }

    fn query(&self, statement: &str, params: &[Value], columns: &[Kind]) -> Result<Rows, Error> {
        self.note(statement, params)?;
        let mut prepared = self.connection.prepare_cached(statement).map_err(error)?;
        assert_eq!(prepared.column_count(), columns.len(), "{statement}");
        let mut found = prepared
            .query(params_from_iter(params.iter().map(Param)))
            .map_err(error)?;
        let mut rows = Rows::default();
        while let Some(row) = found.next().map_err(error)? {
            for (index, kind) in columns.iter().enumerate() {
                rows.push(read(row.get_ref(index).map_err(error)?, *kind));
            }
        }
        Ok(rows)
    }
}

impl Database for Ports {
    type Transaction = Open;

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&self, statement: &str, params: &[Value], columns: &[Kind]) -> Result<Rows, Error> {
        self.world.query(statement, params, columns)
    }

    fn begin(&self) -> Result<Open, Error> {
        self.world.fault()?;
        self.world
            .connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(error)?;
        Ok(Open {
            world: self.world.clone(),
            entries: Vec::new(),
            ended: Vec::new(),
            events: Vec::new(),
            asked: Vec::new(),
            done: false,
        })
    }
}

struct Open {
    world: Rc<World>,
    entries: Vec<Entry>,
    ended: Vec<String>,
    events: Vec<Heard>,
    asked: Vec<(String, String, String)>,
    done: bool,
}

impl Transaction for Open {
    fn query(
        &mut self,
        statement: &str,
        params: &[Value],
        columns: &[Kind],
    ) -> Result<Rows, Error> {
        let rows = self.world.query(statement, params, columns)?;
        if statement.starts_with("UPDATE")
            && let Some(sql) = self.world.interruption.take()
        {
            self.world.connection.execute_batch(sql).unwrap();
        }
        Ok(rows)
    }

    fn execute(&mut self, statement: &str, params: &[Value]) -> Result<u64, Error> {
        self.world.note(statement, params)?;
        let mut prepared = self
            .world
            .connection
            .prepare_cached(statement)
            .map_err(error)?;
        let count = prepared.execute(params_from_iter(params.iter().map(Param)));
        if let Some(sql) = self.world.interruption.take() {
            self.world.connection.execute_batch(sql).unwrap();
        }
        count.map(|count| count as u64).map_err(error)
    }

    fn audit(&mut self, entry: &Entry) -> Result<(), Error> {
        check(entry);
        self.entries.push(entry.clone());
        Ok(())
    }

    fn link(&mut self, blob: &str) -> Result<bool, Error> {
        Ok(Shelf::count(&self.world.connection, blob, 1))
    }

    fn unlink(&mut self, blob: &str) -> Result<(), Error> {
        assert!(Shelf::count(&self.world.connection, blob, -1));
        Ok(())
    }

    fn inspect(&mut self, blob: &str, media_type: &str, tag: &str) -> Result<bool, Error> {
        assert!(
            tag.len() <= 300 && media_type.len() <= 128,
            "{media_type} {tag}"
        );
        let asked = (blob.to_owned(), media_type.to_owned(), tag.to_owned());
        self.asked.push(asked);
        Ok(Shelf::count(&self.world.connection, blob, 0))
    }

    fn end_downloads(&mut self, tag: &str) -> Result<(), Error> {
        assert!((1..=300).contains(&tag.len()), "{tag}");
        self.ended.push(tag.to_owned());
        Ok(())
    }

    fn publish(&mut self, event: &Event) -> Result<(), Error> {
        self.hear(Heard::Event(event.clone()))
    }

    fn admit(&mut self, topic: &str, subject: &str) -> Result<(), Error> {
        self.hear(Heard::Admit(topic.to_owned(), subject.to_owned()))
    }

    fn revoke(&mut self, topic: &str, subject: Option<&str>) -> Result<(), Error> {
        self.hear(Heard::Revoke(topic.to_owned(), subject.map(str::to_owned)))
    }

    fn commit(mut self) -> Result<(), Error> {
        self.world.fault()?;
        self.world
            .connection
            .execute_batch("COMMIT")
            .map_err(error)?;
        self.done = true;
        self.world.audit.borrow_mut().append(&mut self.entries);
        self.world.events.borrow_mut().append(&mut self.events);
        let ended = &self.world.shelf.ended;
        ended.borrow_mut().append(&mut self.ended);
        let asked = &self.world.shelf.asked;
        asked.borrow_mut().append(&mut self.asked);
        Ok(())
    }
}

impl Open {
    fn hear(&mut self, heard: Heard) -> Result<(), Error> {
        heard.check();
        // The host's usual limit.
        assert!(self.events.len() < 1_000);
        self.events.push(heard);
        Ok(())
    }
}

impl Events for Ports {
    type Subscription = Subscribe;

    fn signal(&self, event: &Event) -> Result<(), EventError> {
        Heard::Event(event.clone()).check();
        self.world.signals.borrow_mut().push(event.clone());
        Ok(())
    }

    fn head(&self) -> Result<String, EventError> {
        Ok(self.world.events.borrow().len().to_string())
    }

    fn subscribe(&self, options: &Subscribe) -> Result<Subscribe, EventError> {
        if options.topics.len() > 1_000 {
            return Err(EventError::Limit("topics".to_owned()));
        }
        Ok(options.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.done {
            self.world.connection.execute_batch("ROLLBACK").unwrap();
        }
    }
}

impl Audit for Ports {
    fn record(&self, entry: &Entry) -> Result<(), AuditError> {
        if self.world.audit_is_down.get() {
            return Err(AuditError::Unavailable);
        }
        check(entry);
        self.world.audit.borrow_mut().push(entry.clone());
        Ok(())
    }

    /// A place is how many entries are older.
    fn history(
        &self,
        tenant: Option<&str>,
        entity: &str,
        entity_id: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Recorded>, AuditError> {
        if self.world.audit_is_down.get() {
            return Err(AuditError::Unavailable);
        }
        assert_eq!(tenant, Some("t"));
        let audit = self.world.audit.borrow();
        let end = before.map_or(Ok(audit.len()), str::parse);
        let end = end.map_err(|_| AuditError::Invalid("before".to_owned()))?;
        let entries = audit.iter().enumerate().take(end).rev();
        let entries = entries.filter(|(_, it)| it.entity == entity && it.entity_id == entity_id);
        let recorded = |(place, it): (usize, &Entry)| Recorded {
            at: START,
            actor: None,
            via: None,
            address: Some("192.0.2.1".to_owned()),
            agent: None,
            request: "r".to_owned(),
            version: "1".to_owned(),
            action: it.action.clone(),
            outcome: it.outcome,
            details: it.details.clone(),
            ending: Some(Ending {
                at: START,
                sent: 1,
                how: "cut".to_owned(),
            }),
            place: place.to_string(),
        };
        Ok(entries.map(recorded).take(limit as usize).collect())
    }
}

impl Blobs for Ports {
    type Body = blobs::Body;
    type Download = Download;

    fn put(&self, body: blobs::Body, how: &Storing) -> Result<Stored, BlobError> {
        self.world.shelf.put(&self.world.connection, body, how)
    }

    fn begin_upload(&self, how: &Storing) -> Result<String, BlobError> {
        self.world.shelf.begin(&self.world.connection, how)
    }

    fn offset(&self, upload: &str) -> Result<u64, BlobError> {
        self.world.shelf.offset(&self.world.connection, upload)
    }

    fn append(&self, upload: &str, offset: u64, body: blobs::Body) -> Result<u64, BlobError> {
        let World {
            shelf, connection, ..
        } = &*self.world;
        shelf.append(connection, upload, offset, body)
    }

    fn finish(&self, upload: &str) -> Result<Stored, BlobError> {
        self.world.shelf.finish(&self.world.connection, upload)
    }

    fn cancel(&self, upload: &str) -> Result<(), BlobError> {
        self.world.shelf.cancel(&self.world.connection, upload)
    }

    fn read_blob(&self, id: &str, offset: u64, length: u32) -> Result<Vec<u8>, BlobError> {
        self.world.shelf.read(id, offset, length)
    }

    fn open(
        &self,
        id: &str,
        part: Option<Range>,
        entry: &Entry,
        tags: &[String],
    ) -> Result<Download, BlobError> {
        if self.world.audit_is_down.get() {
            return Err(BlobError::Unavailable);
        }
        check(entry);
        let opened = Opened {
            entry: entry.clone(),
            tags: tags.to_vec(),
            actor: self.actor.borrow().clone(),
        };
        let World {
            shelf, connection, ..
        } = &*self.world;
        let download = shelf.open(connection, (id, part), opened)?;
        self.world.audit.borrow_mut().push(entry.clone());
        Ok(download)
    }
}

/// The limits of `wit/audit.wit`.
fn check(entry: &Entry) {
    assert!(
        entry.action.len() <= 64 && entry.entity.len() <= 64,
        "{entry:?}"
    );
    assert!(entry.entity_id.len() <= 128, "{entry:?}");
    assert!(!entry.entity_id.contains('\0'), "{entry:?}");
    if let Some(details) = &entry.details {
        assert!(details.len() <= 8 * 1024, "{entry:?}");
        serde_json::from_str::<Json>(details).unwrap();
    }
}

impl Identity for Ports {
    fn claims(&self) -> Option<String> {
        self.claims.clone()
    }

    fn act_for(&self, actor: &Actor) -> bool {
        let texts = [
            Some(&actor.subject),
            actor.tenant.as_ref(),
            Some(&actor.via),
        ];
        let mut texts = texts.into_iter().flatten();
        let are_fine = texts.all(|it| (1..=128).contains(&it.len()));
        if self.claims.is_some() || !are_fine {
            return false;
        }
        self.actor.replace(Some(actor.clone()));
        true
    }
}

impl Clock for Ports {
    fn now(&self) -> i64 {
        self.world.now.get()
    }
}

impl Random for Ports {
    fn bits(&self) -> u64 {
        let random = &self.world.random;
        random.set(random.get() + 1);
        random.get().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Settings for Ports {
    fn setting(&self, name: &str) -> Option<String> {
        self.world.settings.borrow().get(name).cloned()
    }
}

impl Log for Ports {
    fn log(&self, level: Level, message: &str) {
        self.world
            .log
            .borrow_mut()
            .push(format!("{level:?} {message}"));
    }
}

/// As `wit/sql.wit` keeps the kinds in SQLite.
pub(crate) struct Param<'a>(pub(crate) &'a Value);

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(Column::Null),
            Value::Boolean(value) => i64::from(*value).into(),
            Value::Integer(value) | Value::Timestamp(value) => (*value).into(),
            Value::Real(value) => (*value).into(),
            Value::Text(value) | Value::Json(value) => value.as_str().into(),
            Value::Bytes(value) => value.as_slice().into(),
            Value::Uuid((high, low)) => {
                let id = u128::from(*high) << 64 | u128::from(*low);
                id.to_be_bytes().to_vec().into()
            }
        })
    }
}

fn read(value: Column<'_>, kind: Kind) -> ValueRef<'_> {
    match (kind, value) {
        (_, Column::Null) => ValueRef::Null,
        (Kind::Boolean, Column::Integer(value)) => ValueRef::Boolean(value != 0),
        (Kind::Integer, Column::Integer(value)) => ValueRef::Integer(value),
        (Kind::Timestamp, Column::Integer(value)) => ValueRef::Timestamp(value),
        (Kind::Text, Column::Text(value)) => ValueRef::Text(std::str::from_utf8(value).unwrap()),
        (Kind::Bytes, Column::Blob(value)) => ValueRef::Bytes(value),
        (Kind::Uuid, Column::Blob(value)) => {
            let id = u128::from_be_bytes(value.try_into().unwrap());
            ValueRef::Uuid(((id >> 64) as u64, id as u64))
        }
        other => panic!("a column that is not of its kind: {other:?}"),
    }
}

fn error(cause: rusqlite::Error) -> Error {
    let code = cause.sqlite_error().map(|error| error.extended_code);
    match code {
        Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
            Error::UniqueViolation(cause.to_string())
        }
        _ => Error::InvalidStatement(cause.to_string()),
    }
}
