//! What a client missed.

use std::collections::HashMap;
use std::sync::Arc;

use super::Inner;
use super::cursor::{Lost, Vector};
use super::frame::Frame;
use super::log::topic_key;
use super::table::{self, Row, Verb};
use crate::contract::sql::Error;

/// What is to be sent before what is live.
pub(super) enum Missed {
    /// All of it, in the order of each topic.
    Frames(Vec<Arc<Frame>>),
    /// It can't be had, for this reason.
    Lost(&'static str),
}

impl Inner {
    /// What happened in `topics` behind a cursor, up to what was dispatched when they were
    /// joined. Of `topics` the subject receives each at `upto`.
    pub(super) async fn missed(
        &self,
        cursor: &str,
        upto: &Vector,
        topics: &[Arc<str>],
        subject: &str,
    ) -> Result<Missed, Error> {
        let after = match Vector::decode(&self.log, cursor) {
            Ok(after) if upto.covers(&after) => after,
            // What has not happened, in a database that is not the one that it was.
            Ok(_) | Err(Lost::Invalid) => return Ok(Missed::Lost("invalid")),
            Err(Lost::Epoch) => return Ok(Missed::Lost("epoch")),
        };
        let mut keys: HashMap<usize, Vec<i64>> = HashMap::new();
        for topic in topics {
            let key = topic_key(topic);
            let part = self.log.part(key);
            if after.at(part) < upto.at(part) {
                keys.entry(part).or_default().push(key);
            }
        }
        let mut frames = Vec::new();
        let mut at = after.clone();
        let mut parts: Vec<_> = keys.into_iter().collect();
        parts.sort_unstable();
        for (part, keys) in &parts {
            let range = (after.at(*part), upto.at(*part));
            let most = self.settings.replay.saturating_sub(frames.len()) + 1;
            let rows =
                table::missed(&self.database, &self.log, *part, range, keys, subject, most).await?;
            if rows.len() >= most {
                return Ok(Missed::Lost("too-many"));
            }
            let Some(visible) = visible(topics, rows) else {
                return Ok(Missed::Lost("expired"));
            };
            for row in visible {
                at.set(*part, row.position);
                let cursor = at.encode(&self.log).into();
                frames.push(Arc::new(Frame::of_row(&row, cursor)));
            }
            at.set(*part, range.1);
        }
        // After the rows: what was removed while they were read shows here.
        if !parts.is_empty() {
            let floors = table::floors(&self.database, &self.log).await?;
            if parts
                .iter()
                .any(|(part, _)| after.at(*part) < floors.at(*part))
            {
                return Ok(Missed::Lost("expired"));
            }
        }
        Ok(Missed::Frames(frames))
    }
}

/// Of the rows of a partition those that the subject may see, which receives `topics` at the
/// end of them. What an `admit` or a `revoke` says of it decides for what follows, and the
/// first of them also for what is before. None when that can't be told: everybody was turned
/// out, and whether the subject was among them is not known.
fn visible(topics: &[Arc<str>], rows: Vec<Row>) -> Option<Vec<Row>> {
    let mut allowed: HashMap<&str, bool> = topics.iter().map(|topic| (&**topic, true)).collect();
    let mut is_known: HashMap<&str, ()> = HashMap::new();
    for row in &rows {
        let topic = row.entry.topic.as_str();
        let before = match row.entry.verb {
            Verb::Publish => continue,
            Verb::Admit => false,
            Verb::Revoke => true,
        };
        if is_known.insert(topic, ()).is_none() {
            // Of a key that is another topic's as well.
            let Some(allowed) = allowed.get_mut(topic) else {
                continue;
            };
            if row.entry.verb == Verb::Revoke && row.entry.subject.is_none() {
                return None;
            }
            *allowed = before;
        }
    }
    let mut allowed: HashMap<String, bool> = allowed
        .into_iter()
        .map(|(topic, allowed)| (topic.to_owned(), allowed))
        .collect();
    let visible = rows.into_iter().filter(|row| {
        let Some(allowed) = allowed.get_mut(row.entry.topic.as_str()) else {
            return false;
        };
        match row.entry.verb {
            Verb::Publish => return *allowed,
            Verb::Admit => *allowed = true,
            Verb::Revoke => *allowed = false,
        }
        false
    });
    Some(visible.collect())
}

#[cfg(test)]
mod tests {
    use super::super::table::Entry;
    use super::*;

    fn row(position: u64, verb: Verb, subject: Option<&str>) -> Row {
        Row {
            part: 0,
            position,
            entry: Entry {
                verb,
                topic: "t".to_owned(),
                kind: String::new(),
                payload: String::new(),
                subject: subject.map(str::to_owned),
            },
            at: 0,
        }
    }

    fn seen(rows: &[Row]) -> Option<Vec<u64>> {
        let visible = visible(&["t".into()], rows.to_vec())?;
        Some(visible.iter().map(|row| row.position).collect())
    }

    #[test]
    fn a_subject_sees_what_it_was_let_in_for() {
        use Verb::{Admit, Publish, Revoke};
        let me = Some("me");
        let event = |position| row(position, Publish, None);
        assert_eq!(seen(&[event(1), event(2)]), Some(vec![1, 2]));
        // It came: nothing from before.
        let came = [event(1), row(2, Admit, me), event(3)];
        assert_eq!(seen(&came), Some(vec![3]));
        // It was there, left, and came back.
        let away = [
            event(1),
            row(2, Revoke, me),
            event(3),
            row(4, Admit, me),
            event(5),
        ];
        assert_eq!(seen(&away), Some(vec![1, 5]));
        // It came twice.
        let twice = [
            event(1),
            row(2, Admit, me),
            event(3),
            row(4, Revoke, me),
            event(5),
            row(6, Admit, me),
            event(7),
        ];
        assert_eq!(seen(&twice), Some(vec![3, 7]));
        // Everybody was turned out: was it there?
        let over = [event(1), row(2, Revoke, None), row(3, Admit, me), event(4)];
        assert_eq!(seen(&over), None);
        let known = [row(1, Admit, me), event(2), row(3, Revoke, None), event(4)];
        assert_eq!(seen(&known), Some(vec![2]));
    }
}
