//! The versions of the plugins, their components and the pointers, in the gateway's own
//! tables: every gateway on the database sees the same.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::canary::Canary;
use super::signature::Signed;
use crate::capability::audit::{self, Entry, Outcome};
use crate::capability::sql::{Database, Transaction};
use crate::config::SqlLimits;
use crate::contract::sql::{self, Dialect, Kind, Value};

/// Bytes of one part of a component: below what any of the databases takes in a statement
/// as it is delivered.
const PART: usize = 512 * 1024;

/// Versions that a list has at most.
const MOST_VERSIONS: usize = 10_000;

/// What one statement on these tables may do.
pub(super) const LIMITS: SqlLimits = SqlLimits {
    rows: MOST_VERSIONS,
    bytes: 16 * 1024 * 1024,
    statement_timeout: Duration::from_secs(30),
    transactions: 1,
};

/// What entries are about that are about no plugin. Their actions begin with it, too,
/// which no action on a plugin does.
const GATEWAY: &str = "gateway";

/// One version of a plugin. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The plugin's name.
    pub plugin: String,
    /// How this version is called; unique within the plugin.
    pub version: String,
    /// The component's SHA-256, in hexadecimal.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// What the operator wrote about it.
    pub note: String,
    /// The name of the trusted key that its signature is good for.
    pub signed_by: Option<String>,
    /// That signature, in base64url.
    pub signature: Option<String>,
    /// When it was deployed, in microseconds since 1970.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
}

impl Deployment {
    pub(super) fn sign(&mut self, signed: Option<Signed>) {
        let (by, signature) = signed.map(|it| (it.by, it.signature)).unzip();
        self.signed_by = by;
        self.signature = signature;
    }
}

/// Which version of a plugin serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    /// Counts the changes.
    pub revision: i64,
    /// The version that serves.
    pub active: String,
    /// The one that served before: where a rollback leads.
    pub previous: Option<String>,
    /// A version that serves a part of the traffic.
    pub canary: Option<Canary>,
    /// When it changed, in microseconds since 1970.
    pub changed_at: i64,
    /// By whom.
    pub changed_by: String,
}

/// Why something of the versions could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed, or is not there.
    #[error("the database of the versions can't be used")]
    Database(sql::Error),
    /// Somebody else changed the pointer in between.
    #[error("another change came first; look at the versions again and repeat")]
    Changed,
    /// Another component has the version already.
    #[error(
        "version {version} is another component already (sha256:{digest}); give this one \
         another version"
    )]
    Taken {
        /// The version.
        version: String,
        /// The digest of the component that has it.
        digest: String,
    },
    /// What was stored is not what it should be.
    #[error("the stored component of sha256:{0} is damaged; deploy it again")]
    Damaged(String),
}

impl From<sql::Error> for StoreError {
    fn from(error: sql::Error) -> Self {
        Self::Database(error)
    }
}

/// Who does something to the versions, for the record.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub name: String,
    /// The id of the request.
    pub request: String,
}

/// The tables of versions, components and pointers.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
}

impl Store {
    /// The tables in the gateway's database; its migrations must have run.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Adds a version with its component, or finds that it is there already under this or
    /// another name. All of it or nothing: a crash in the middle leaves no trace.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn add(
        &self,
        new: &Deployment,
        component: &[u8],
        actor: &Actor,
    ) -> Result<Deployment, StoreError> {
        if let Some(there) = self.by_digest(&new.plugin, &new.digest).await? {
            return Ok(there);
        }
        if let Some(there) = self.find(&new.plugin, &new.version).await? {
            return Err(StoreError::Taken {
                version: there.version,
                digest: there.digest,
            });
        }
        let mut transaction = self.database.begin(&LIMITS).await?;
        let sql = "INSERT INTO gateway_deployments (plugin, version, digest, size, note, \
                   signed_by, signature, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        transaction.execute_own(sql, row_of(new)).await?;
        add_component(&mut transaction, &new.digest, component).await?;
        let details = serde_json::json!({
            "version": new.version, "sha256": new.digest, "size": new.size,
            "signed_by": new.signed_by, "note": cut(&new.note),
        });
        transaction.audit(
            &actor.stamp(&new.plugin, &new.version),
            entry("plugin.deploy", &new.plugin, Outcome::Allowed, &details),
        )?;
        transaction.commit().await?;
        Ok(new.clone())
    }

    /// The versions of a plugin, the newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn list(&self, plugin: &str) -> Result<Vec<Deployment>, StoreError> {
        let order = "plugin = ? ORDER BY created_at DESC, version DESC";
        self.select(order, vec![text(plugin)]).await
    }

    /// One version.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn find(
        &self,
        plugin: &str,
        version: &str,
    ) -> Result<Option<Deployment>, StoreError> {
        let params = vec![text(plugin), text(version)];
        Ok(self
            .select("plugin = ? AND version = ?", params)
            .await?
            .pop())
    }

    /// The version that is a component.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn by_digest(
        &self,
        plugin: &str,
        digest: &str,
    ) -> Result<Option<Deployment>, StoreError> {
        let params = vec![text(plugin), text(digest)];
        Ok(self
            .select("plugin = ? AND digest = ?", params)
            .await?
            .pop())
    }

    /// A component's bytes, compared with its digest.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn component(&self, digest: &str) -> Result<Vec<u8>, StoreError> {
        let mut component = Vec::new();
        for part in 0_i64.. {
            let sql = "SELECT bytes FROM gateway_components WHERE digest = ? AND part = ?";
            let params = vec![text(digest), Value::Integer(part)];
            let rows = self.query(sql, params, &[Kind::Bytes]).await?;
            match rows.first().map(Vec::as_slice) {
                Some([Value::Bytes(bytes)]) => component.extend_from_slice(bytes),
                _ => break,
            }
        }
        if hex::encode(Sha256::digest(&component)) == digest {
            Ok(component)
        } else {
            Err(StoreError::Damaged(digest.to_owned()))
        }
    }

    /// Takes a version away, and its component when no other plugin has it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn remove(&self, gone: &Deployment, actor: &Actor) -> Result<(), StoreError> {
        let mut transaction = self.database.begin(&LIMITS).await?;
        let sql = "DELETE FROM gateway_deployments WHERE plugin = ? AND version = ?";
        let params = vec![text(&gone.plugin), text(&gone.version)];
        transaction.execute_own(sql, params).await?;
        let sql = "DELETE FROM gateway_components WHERE digest = ? AND NOT EXISTS \
                   (SELECT 1 FROM gateway_deployments AS d WHERE d.digest = ?)";
        let params = vec![text(&gone.digest), text(&gone.digest)];
        transaction.execute_own(sql, params).await?;
        let details = serde_json::json!({ "version": gone.version, "sha256": gone.digest });
        transaction.audit(
            &actor.stamp(&gone.plugin, &gone.version),
            entry("plugin.remove", &gone.plugin, Outcome::Allowed, &details),
        )?;
        Ok(transaction.commit().await?)
    }

    /// Where a plugin's pointer stands; none before its first version served.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn pointer(&self, plugin: &str) -> Result<Option<Pointer>, StoreError> {
        let sql = "SELECT revision, active, previous, canary, changed_at, changed_by \
                   FROM gateway_pointers WHERE plugin = ?";
        let columns = [
            Kind::Integer,
            Kind::Text,
            Kind::Text,
            Kind::Text,
            Kind::Timestamp,
            Kind::Text,
        ];
        let rows = self.query(sql, vec![text(plugin)], &columns).await?;
        rows.into_iter().next().map(pointer_of).transpose()
    }

    /// The revisions of all pointers: what a gateway asks for to see whether there is
    /// something new.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn revisions(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT plugin, revision FROM gateway_pointers";
        let rows = self
            .query(sql, Vec::new(), &[Kind::Text, Kind::Integer])
            .await?;
        let known = |row: Vec<Value>| match <[Value; 2]>::try_from(row) {
            Ok([Value::Text(plugin), Value::Integer(revision)]) => Some((plugin, revision)),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(known).collect())
    }

    /// Moves a pointer from the revision that the caller has seen, and records it in the
    /// same transaction. The revision of `next` is set here.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is not at that revision any more.
    pub async fn point(
        &self,
        plugin: &str,
        seen: Option<i64>,
        mut next: Pointer,
        change: &Change<'_>,
    ) -> Result<Pointer, StoreError> {
        next.revision = seen.unwrap_or(0) + 1;
        next.changed_at = now();
        next.changed_by.clone_from(&change.actor.name);
        let canary = match &next.canary {
            Some(canary) => Value::Text(serde_json::to_string(canary).unwrap_or_default()),
            None => Value::Null,
        };
        let values = vec![
            Value::Integer(next.revision),
            text(&next.active),
            next.previous.as_deref().map_or(Value::Null, text),
            canary,
            Value::Timestamp(next.changed_at),
            text(&next.changed_by),
        ];
        let mut transaction = self.database.begin(&LIMITS).await?;
        match seen {
            None => {
                let sql = "INSERT INTO gateway_pointers (revision, active, previous, canary, \
                           changed_at, changed_by, plugin) VALUES (?, ?, ?, ?, ?, ?, ?)";
                let params = values.into_iter().chain([text(plugin)]).collect();
                match transaction.execute_own(sql, params).await {
                    Err(sql::Error::UniqueViolation(_)) => return Err(StoreError::Changed),
                    outcome => outcome?,
                };
            }
            Some(seen) => {
                let sql = "UPDATE gateway_pointers SET revision = ?, active = ?, previous = ?, \
                           canary = ?, changed_at = ?, changed_by = ? \
                           WHERE plugin = ? AND revision = ?";
                let params = values
                    .into_iter()
                    .chain([text(plugin), Value::Integer(seen)])
                    .collect();
                if transaction.execute_own(sql, params).await? == 0 {
                    return Err(StoreError::Changed);
                }
            }
        }
        transaction.audit(
            &change.actor.stamp(plugin, &next.active),
            entry(change.action, plugin, Outcome::Allowed, &change.details),
        )?;
        transaction.commit().await?;
        Ok(next)
    }

    /// Records what was done to the gateway itself, or refused.
    pub async fn record_own(&self, change: &Change<'_>, outcome: Outcome) {
        let stamp = change.actor.stamp(GATEWAY, "");
        let entry = entry(change.action, GATEWAY, outcome, &change.details);
        // It has been logged where it failed; what was done is done.
        let _ = audit::record(&self.database, &stamp, entry).await;
    }

    /// Records what was refused or failed.
    pub async fn record(&self, plugin: &str, change: &Change<'_>, outcome: Outcome) {
        let stamp = change.actor.stamp(plugin, "");
        let entry = entry(change.action, plugin, outcome, &change.details);
        // It has been logged where it failed; there was nothing to undo.
        let _ = audit::record(&self.database, &stamp, entry).await;
    }

    async fn select(
        &self,
        condition: &str,
        params: Vec<Value>,
    ) -> Result<Vec<Deployment>, StoreError> {
        let sql = format!(
            "SELECT plugin, version, digest, size, note, signed_by, signature, created_at, created_by \
             FROM gateway_deployments WHERE {condition}"
        );
        let columns = [
            Kind::Text,
            Kind::Text,
            Kind::Text,
            Kind::Integer,
            Kind::Text,
            Kind::Text,
            Kind::Text,
            Kind::Timestamp,
            Kind::Text,
        ];
        let rows = self.query(&sql, params, &columns).await?;
        rows.into_iter().map(deployment_of).collect()
    }

    async fn query(
        &self,
        sql: &str,
        params: Vec<Value>,
        columns: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        Ok(self
            .database
            .query_own(sql, params, columns, &LIMITS)
            .await?)
    }
}

/// What is done to a plugin, for the record.
#[derive(Debug)]
pub struct Change<'a> {
    /// Such as `plugin.activate`.
    pub action: &'static str,
    /// Who does it.
    pub actor: &'a Actor,
    /// What the record keeps of it; at most 8 KiB.
    pub details: serde_json::Value,
}

impl Actor {
    /// The gateway itself.
    #[must_use]
    pub fn gateway(why: &str) -> Self {
        Self {
            name: "gateway".to_owned(),
            request: format!("{why}-{}", uuid::Uuid::now_v7()),
        }
    }

    /// Whoever sent SIGHUP: the system does not tell.
    #[must_use]
    pub fn hang_up() -> Self {
        Self {
            name: "SIGHUP".to_owned(),
            ..Self::gateway("reload")
        }
    }

    fn stamp(&self, plugin: &str, version: &str) -> audit::Stamp {
        audit::Stamp {
            actor: Some(self.name.clone()),
            request: self.request.clone(),
            plugin: plugin.to_owned(),
            version: version.to_owned(),
            ..audit::Stamp::default()
        }
    }
}

async fn add_component(
    transaction: &mut Transaction,
    digest: &str,
    component: &[u8],
) -> Result<(), sql::Error> {
    // Another plugin may have the same.
    let lock = match transaction.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres | Dialect::Mysql => " FOR UPDATE",
    };
    let sql = format!("SELECT part FROM gateway_components WHERE digest = ? AND part = 0{lock}");
    let there = transaction
        .query_own(&sql, vec![text(digest)], &[Kind::Integer])
        .await?;
    if !there.is_empty() {
        return Ok(());
    }
    for (part, bytes) in (0..).zip(component.chunks(PART)) {
        let sql = "INSERT INTO gateway_components (digest, part, bytes) VALUES (?, ?, ?)";
        let params = vec![
            text(digest),
            Value::Integer(part),
            Value::Bytes(bytes.to_vec()),
        ];
        transaction.execute_own(sql, params).await?;
    }
    Ok(())
}

fn row_of(new: &Deployment) -> Vec<Value> {
    vec![
        text(&new.plugin),
        text(&new.version),
        text(&new.digest),
        Value::Integer(i64::try_from(new.size).unwrap_or(i64::MAX)),
        text(&new.note),
        new.signed_by.as_deref().map_or(Value::Null, text),
        new.signature.as_deref().map_or(Value::Null, text),
        Value::Timestamp(new.created_at),
        text(&new.created_by),
    ]
}

fn deployment_of(row: Vec<Value>) -> Result<Deployment, StoreError> {
    let [
        Value::Text(plugin),
        Value::Text(version),
        Value::Text(digest),
        Value::Integer(size),
        Value::Text(note),
        signed_by,
        signature,
        Value::Timestamp(created_at),
        Value::Text(created_by),
    ] = <[Value; 9]>::try_from(row).map_err(|_| StoreError::Database(sql::Error::Other))?
    else {
        return Err(StoreError::Database(sql::Error::Other));
    };
    Ok(Deployment {
        plugin,
        version,
        digest,
        size: u64::try_from(size).unwrap_or(0),
        note,
        signed_by: optional(signed_by),
        signature: optional(signature),
        created_at,
        created_by,
    })
}

fn pointer_of(row: Vec<Value>) -> Result<Pointer, StoreError> {
    let [
        Value::Integer(revision),
        Value::Text(active),
        previous,
        canary,
        Value::Timestamp(changed_at),
        Value::Text(changed_by),
    ] = <[Value; 6]>::try_from(row).map_err(|_| StoreError::Database(sql::Error::Other))?
    else {
        return Err(StoreError::Database(sql::Error::Other));
    };
    let canary = match optional(canary) {
        Some(text) => {
            Some(serde_json::from_str(&text).map_err(|_| StoreError::Database(sql::Error::Other))?)
        }
        None => None,
    };
    Ok(Pointer {
        revision,
        active,
        previous: optional(previous),
        canary,
        changed_at,
        changed_by,
    })
}

fn entry(action: &str, plugin: &str, outcome: Outcome, details: &serde_json::Value) -> Entry {
    Entry {
        action: action.to_owned(),
        entity: audit::OWN.to_owned(),
        entity_id: plugin.to_owned(),
        outcome,
        details: Some(details.to_string()),
    }
}

/// The part of a text that an audit entry has room for.
fn cut(text: &str) -> String {
    text.chars().take(500).collect()
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn optional(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Microseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
