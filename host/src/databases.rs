//! The database of the gateway, and those that plugins have of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{join, join_all, try_join_all};

use crate::StartError;
use crate::capability::sql::{Database, Pulse};
use crate::config::Config;
use crate::contract::sql::Error;
use crate::migrate;

/// Connections to all of them. Clones are cheap and share the connections.
#[derive(Debug, Clone)]
pub struct Databases {
    gateway: Database,
    own: BTreeMap<String, Database>,
}

impl Databases {
    /// Connects to all of them at once, each within its `connect_timeout`.
    ///
    /// # Errors
    /// The first that can't be reached.
    pub async fn connect(config: &Config) -> Result<Self, StartError> {
        let own = config.plugins.iter().filter_map(|(name, plugin)| {
            let database = plugin.database.as_ref()?;
            Some(async move {
                match Database::connect(database).await {
                    Ok(database) => Ok((name.clone(), database)),
                    Err(source) => Err(StartError::OwnDatabase {
                        plugin: name.clone(),
                        source,
                    }),
                }
            })
        });
        let (gateway, own) = join(Database::connect(&config.database), try_join_all(own)).await;
        Ok(Self {
            gateway: gateway?,
            own: own?.into_iter().collect(),
        })
    }

    /// The gateway's own: versions of plugins are kept there.
    #[must_use]
    pub fn gateway(&self) -> &Database {
        &self.gateway
    }

    /// The one that a plugin uses.
    #[must_use]
    pub fn of(&self, plugin: &str) -> &Database {
        self.own.get(plugin).unwrap_or(&self.gateway)
    }

    /// All of them, those of plugins with the plugin's name.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &Database)> {
        let own = self.own.iter();
        std::iter::once((None, &self.gateway))
            .chain(own.map(|(name, database)| (Some(name.as_str()), database)))
    }

    /// Brings the gateway's own tables up to date, which each of them has: what a plugin
    /// writes and what the audit record says of it are one transaction.
    ///
    /// # Errors
    /// See [`migrate::at_start`].
    pub async fn migrate(&self, apply: bool) -> Result<(), migrate::Error> {
        for (_, database) in self.iter() {
            let migrations = migrate::gateway(database.dialect());
            migrate::at_start(database, migrate::GATEWAY, &migrations, apply).await?;
        }
        Ok(())
    }

    /// Whether each answers within `limit`, in the order of [`iter`](Self::iter).
    pub async fn ping(&self, limit: Duration) -> Vec<(Option<&str>, Result<Pulse, Error>)> {
        let pings = self
            .iter()
            .map(async |(plugin, database)| (plugin, database.ping(limit).await));
        join_all(pings).await
    }

    /// Ends all connections; see [`Database::close`].
    pub async fn close(&self) {
        join_all(self.iter().map(|(_, database)| database.close())).await;
    }
}
