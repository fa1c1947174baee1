//! `GET /v1/audit`: the record of what was done to the plugins and the gateway, page by page.

use serde_json::{Value, json};

use crate::capability::audit::Place;
use crate::deployment::{Store, StoreError};

/// Entries of a page, unless another number is asked for.
const PAGE: usize = 50;

/// Entries of a page at most.
const MOST: usize = 200;

/// Which page is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    before: Option<Place>,
    limit: usize,
}

impl Page {
    /// Reads a query.
    ///
    /// # Errors
    /// A sentence for whoever asked.
    pub(super) fn asked(query: &str) -> Result<Self, String> {
        let mut page = Self {
            before: None,
            limit: PAGE,
        };
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "limit" => {
                    let limit = value.parse().ok();
                    page.limit = limit
                        .filter(|limit| (1..=MOST).contains(limit))
                        .ok_or_else(|| format!("limit must be from 1 to {MOST}"))?;
                }
                "before" => {
                    let before = value.parse();
                    page.before = Some(before.map_err(|error| format!("before: {error}"))?);
                }
                other => return Err(format!("{other} is none of limit, before")),
            }
        }
        Ok(page)
    }

    /// The page, with the place of the next one.
    pub(super) async fn read(self, store: &Store) -> Result<Value, StoreError> {
        // One more tells whether there is a next page.
        let mut entries = store.history(self.before, self.limit + 1).await?;
        let more = entries.len() > self.limit;
        entries.truncate(self.limit);
        let next = entries
            .last()
            .filter(|_| more)
            .map(|entry| entry.place.to_string());
        let entries: Vec<Value> = entries
            .into_iter()
            .map(|entry| {
                let of_gateway = entry.action.starts_with("gateway.");
                json!({
                    "at": entry.at,
                    "actor": entry.actor,
                    "request": entry.request,
                    "action": entry.action,
                    "outcome": entry.outcome,
                    "plugin": (!of_gateway).then_some(entry.entity_id),
                    "version": entry.version,
                    "details": entry.details,
                })
            })
            .collect();
        Ok(json!({ "entries": entries, "next": next }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded() {
        let usual = Page {
            before: None,
            limit: PAGE,
        };
        assert_eq!(Page::asked(""), Ok(usual));
        assert!(Page::asked("limit=200&before=5.1.2").is_ok());
        for bad in ["limit=0", "limit=201", "limit=x", "before=1", "plugin=a"] {
            assert!(Page::asked(bad).is_err(), "{bad}");
        }
    }
}
