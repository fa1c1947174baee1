//! The host's blobs on a real folder, as `wit/blob.wit` has them: the bytes are files, and
//! what is known of them is a table beside the service's own, so that a transaction that
//! ends in nothing leaves nothing.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{Cursor, Read};

use chat::ports::{self, BlobError, BodyError, Entry, Outcome, Part, Range, Stored, Storing};
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const TABLES: &str = "
    CREATE TABLE host_blobs (id TEXT PRIMARY KEY, scope TEXT NOT NULL, state TEXT NOT NULL,
        most INTEGER NOT NULL, size INTEGER NOT NULL, wanted BLOB, sha256 BLOB,
        links INTEGER NOT NULL, UNIQUE (scope, sha256));
";

/// What the ports share of blobs.
pub(crate) struct Shelf {
    folder: TempDir,
    made: Cell<u64>,
    /// Downloads that were opened, in their order.
    pub(crate) opened: RefCell<Vec<Opened>>,
    /// Tags whose downloads were ended by committed transactions.
    pub(crate) ended: RefCell<Vec<String>>,
    /// Inspections that committed transactions asked for: blob, media type and tag.
    pub(crate) asked: RefCell<Vec<(String, String, String)>>,
    /// What the next call fails with.
    pub(crate) fault: RefCell<Option<BlobError>>,
    /// SQL that comes in between, after the next download is on record.
    pub(crate) interruption: Cell<Option<&'static str>>,
}

/// A download on record.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) entry: Entry,
    pub(crate) tags: Vec<String>,
    /// Who is recorded: subject, tenant and link where there is no token.
    pub(crate) actor: Option<ports::Actor>,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            made: Cell::new(0),
            opened: RefCell::default(),
            ended: RefCell::default(),
            asked: RefCell::default(),
            fault: RefCell::default(),
            interruption: Cell::default(),
        }
    }

    /// Puts content there that much else needs as well.
    pub(crate) fn plant(&self, db: &Connection, id: &str, bytes: &[u8]) {
        fs::write(self.path(id), bytes).unwrap();
        let sql = "INSERT INTO host_blobs VALUES (?, 'scene', 'ready', ?, ?, NULL, X'00', 1)";
        let size = bytes.len() as i64;
        db.execute(sql, (id, size, size)).unwrap();
    }

    fn path(&self, id: &str) -> std::path::PathBuf {
        self.folder.path().join(id)
    }

    fn fault(&self) -> Result<(), BlobError> {
        self.fault.borrow_mut().take().map_or(Ok(()), Err)
    }

    pub(crate) fn put(
        &self,
        db: &Connection,
        body: Body,
        how: &Storing,
    ) -> Result<Stored, BlobError> {
        let id = self.begin(db, how)?;
        let stored = self
            .append(db, &id, 0, body)
            .and_then(|_| self.finish(db, &id));
        if stored.is_err() {
            self.cancel(db, &id).ok();
        }
        stored
    }

    pub(crate) fn begin(&self, db: &Connection, how: &Storing) -> Result<String, BlobError> {
        self.fault()?;
        assert!(
            db.is_autocommit(),
            "a transaction is open while a client sends"
        );
        assert!((1..=128).contains(&how.scope.len()), "{how:?}");
        self.made.set(self.made.get() + 1);
        let id = Uuid::from_u64_pair(0, self.made.get()).to_string();
        fs::write(self.path(&id), b"").unwrap();
        let sql = "INSERT INTO host_blobs VALUES (?, ?, 'open', ?, 0, ?, NULL, 0)";
        let most = i64::try_from(how.limit).unwrap();
        db.execute(sql, (&id, &how.scope, most, &how.sha256))
            .unwrap();
        Ok(id)
    }

    pub(crate) fn offset(&self, db: &Connection, id: &str) -> Result<u64, BlobError> {
        let sql = "SELECT size FROM host_blobs WHERE id = ? AND state = 'open'";
        let size = db
            .query_row(sql, [id], |row| row.get(0))
            .optional()
            .unwrap();
        size.map(i64::unsigned_abs).ok_or(BlobError::NoSuchBlob)
    }

    pub(crate) fn append(
        &self,
        db: &Connection,
        id: &str,
        offset: u64,
        mut body: Body,
    ) -> Result<u64, BlobError> {
        self.fault()?;
        assert!(
            db.is_autocommit(),
            "a transaction is open while a client sends"
        );
        let size = self.offset(db, id)?;
        if size != offset {
            return Err(BlobError::OffsetMismatch(size));
        }
        let sql = "SELECT most FROM host_blobs WHERE id = ?";
        let most: i64 = db.query_row(sql, [id], |row| row.get(0)).unwrap();
        let most = most.unsigned_abs();
        let mut bytes = fs::read(self.path(id)).unwrap();
        body.bytes.read_to_end(&mut bytes).unwrap();
        if bytes.len() as u64 > most {
            return Err(BlobError::TooLarge(most));
        }
        fs::write(self.path(id), &bytes).unwrap();
        let end = bytes.len() as u64;
        let sql = "UPDATE host_blobs SET size = ? WHERE id = ?";
        db.execute(sql, (end as i64, id)).unwrap();
        match body.is_cut {
            true => Err(BlobError::Disconnected),
            false => Ok(end),
        }
    }

    pub(crate) fn finish(&self, db: &Connection, id: &str) -> Result<Stored, BlobError> {
        self.offset(db, id)?;
        let digest = Sha256::digest(fs::read(self.path(id)).unwrap()).to_vec();
        let sql = "SELECT wanted, scope, size FROM host_blobs WHERE id = ?";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (wanted, scope, size): (Option<Vec<u8>>, String, i64) =
            db.query_row(sql, [id], read).unwrap();
        if wanted.is_some_and(|wanted| wanted != digest) {
            self.cancel(db, id).unwrap();
            return Err(BlobError::DigestMismatch);
        }
        let sql = "SELECT id FROM host_blobs WHERE scope = ? AND sha256 = ?";
        let same: Option<String> = db
            .query_row(sql, (scope, &digest), |row| row.get(0))
            .optional()
            .unwrap();
        let id = match same {
            Some(same) => {
                self.cancel(db, id).unwrap();
                same
            }
            None => {
                let sql = "UPDATE host_blobs SET state = 'ready', sha256 = ? WHERE id = ?";
                db.execute(sql, (&digest, id)).unwrap();
                id.to_owned()
            }
        };
        Ok(Stored {
            id,
            size: size.unsigned_abs(),
            sha256: digest,
        })
    }

    pub(crate) fn cancel(&self, db: &Connection, id: &str) -> Result<(), BlobError> {
        self.offset(db, id)?;
        db.execute("DELETE FROM host_blobs WHERE id = ?", [id])
            .unwrap();
        fs::remove_file(self.path(id)).unwrap();
        Ok(())
    }

    pub(crate) fn read(&self, id: &str, offset: u64, length: u32) -> Result<Vec<u8>, BlobError> {
        let bytes = fs::read(self.path(id)).map_err(|_| BlobError::NoSuchBlob)?;
        let from = bytes.len().min(offset as usize);
        let to = bytes.len().min(from + length as usize);
        Ok(bytes[from..to].to_vec())
    }

    pub(crate) fn open(
        &self,
        db: &Connection,
        (id, part): (&str, Option<Range>),
        opened: Opened,
    ) -> Result<Download, BlobError> {
        self.fault()?;
        assert_eq!(opened.entry.outcome, Outcome::Allowed);
        let tags = &opened.tags;
        assert!(tags.len() <= 8 && tags.iter().all(|it| (1..=300).contains(&it.len())));
        let sql = "SELECT size FROM host_blobs WHERE id = ? AND state = 'ready'";
        let size = db.query_row(sql, [id], |row| row.get(0)).optional();
        let size: Option<i64> = size.unwrap();
        let size = size.ok_or(BlobError::NoSuchBlob)?.unsigned_abs();
        let Range { offset, length } = part.unwrap_or(Range {
            offset: 0,
            length: size,
        });
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(BlobError::Invalid(format!("the content has {size} bytes")));
        }
        self.opened.borrow_mut().push(opened);
        if let Some(sql) = self.interruption.take() {
            db.execute_batch(sql).unwrap();
        }
        let bytes = fs::read(self.path(id)).unwrap();
        let (from, to) = (offset as usize, (offset + length) as usize);
        Ok(Download(bytes[from..to].to_vec()))
    }

    /// How many need a blob.
    pub(crate) fn count(db: &Connection, id: &str, more: i64) -> bool {
        let sql = "UPDATE host_blobs SET links = links + ? WHERE id = ? AND state = 'ready'";
        db.execute(sql, (more, id)).unwrap() > 0
    }
}

/// A body as the client sends it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) bytes: Cursor<Vec<u8>>,
    /// What the head says of the length.
    pub(crate) declared: Option<u64>,
    /// The client goes away at the end.
    pub(crate) is_cut: bool,
}

impl Body {
    pub(crate) fn chunked(bytes: &[u8]) -> Self {
        Self {
            bytes: Cursor::new(bytes.to_vec()),
            declared: None,
            is_cut: false,
        }
    }
}

impl ports::Incoming for Body {
    type Form = Form;

    fn of(bytes: &[u8]) -> Self {
        Self {
            declared: Some(bytes.len() as u64),
            ..Self::chunked(bytes)
        }
    }

    fn content_length(&self) -> Option<u64> {
        self.declared
    }

    fn read(&mut self, max: u32) -> Result<Vec<u8>, BodyError> {
        let mut bytes = vec![0; max as usize];
        let length = self.bytes.read(&mut bytes).unwrap();
        bytes.truncate(length);
        match length == 0 && self.is_cut {
            true => Err(BodyError::Disconnected),
            false => Ok(bytes),
        }
    }

    fn peek(&mut self, max: u32) -> Result<Vec<u8>, BodyError> {
        let at = self.bytes.position();
        let head = self.read(max);
        self.bytes.set_position(at);
        head
    }

    /// As simple as the forms of these tests; the host's own reader is tested there.
    fn form(self, content_type: &str) -> Result<Form, BodyError> {
        let (_, boundary) = content_type
            .split_once("boundary=")
            .ok_or_else(|| BodyError::Malformed("no boundary".to_owned()))?;
        let text = String::from_utf8(self.bytes.into_inner()).unwrap();
        let mark = format!("--{boundary}");
        let parts = text.split(&mark).skip(1);
        let parts = parts.take_while(|part| !part.starts_with("--"));
        let mut parts: Vec<_> = parts.map(part).collect();
        parts.reverse();
        Ok(Form(parts))
    }
}

fn part(text: &str) -> Part<Body> {
    let (head, content) = text.split_once("\r\n\r\n").unwrap();
    let value = |before: &str, after: &str| {
        let (_, rest) = head.split_once(before)?;
        Some(rest.split(after).next().unwrap().to_owned())
    };
    Part {
        name: value(" name=\"", "\"").unwrap(),
        file_name: value("filename=\"", "\""),
        content_type: value("Content-Type: ", "\r\n"),
        body: Body::chunked(content.strip_suffix("\r\n").unwrap().as_bytes()),
    }
}

pub(crate) struct Form(Vec<Part<Body>>);

impl ports::Form for Form {
    type Body = Body;

    fn next(&mut self) -> Result<Option<Part<Body>>, BodyError> {
        Ok(self.0.pop())
    }
}

/// What a client would get.
#[derive(Debug)]
pub(crate) struct Download(pub(crate) Vec<u8>);

impl ports::Download for Download {
    fn redirect(&self) -> Option<String> {
        None
    }
}
