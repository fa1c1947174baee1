//! The matrix over channels and what is said there: who is what in a channel of which kind,
//! and what comes of each request. Written from the rules of `docs/channels.md`, not from
//! the statements.

mod rules;

use chat::api::Body;
use chat::ports::Outcome::Denied;
use serde_json::{Value as Json, json};

use super::grouped;
use crate::support::{Service, User, join};
pub(super) use rules::OPERATIONS;
use rules::{Case, Kind, Who, asks};

const SELF: &str = "self";

/// The scene: a channel of another's with a message, as the case has it. The other is an
/// owner, so that nobody is the last one by chance.
struct Scene {
    service: Service,
    user: User,
    message: String,
    report: String,
}

impl Scene {
    fn new(case: Case) -> Self {
        let service = Service::new();
        let author = service.user("author");
        author.say("c", "text");
        let message = author.say("c", "findme");
        let connection = &service.0.connection;
        let kind = match case.kind {
            Kind::Group | Kind::Archived => "group",
            Kind::Public => "public",
            Kind::Direct => "direct",
        };
        let sql = "UPDATE chat_channels SET kind = ? WHERE channel_id = 'c'";
        connection.execute(sql, [kind]).unwrap();
        for (user, role) in [("reader", "member"), ("steward", "moderator")] {
            join(&service, "c", user, role);
        }
        if let Some(role) = case.role() {
            join(&service, "c", SELF, role);
        }
        if case.who == Who::Left {
            join(&service, "c", SELF, "member");
            let gone = "DELETE FROM chat_members WHERE user_id = 'self'";
            connection.execute(gone, ()).unwrap();
        }
        if case.who == Who::Banned {
            let ban = "INSERT INTO chat_bans (tenant_id, channel_id, user_id, banned_by, banned_on) \
                VALUES ('t', 'c', 'self', 'author', 0)";
            connection.execute(ban, ()).unwrap();
        }
        let report = author.make(&format!("/messages/{message}/reports"), json!({}));
        // Somebody who is out, so that letting in again finds one.
        let ban = "INSERT INTO chat_bans (tenant_id, channel_id, user_id, banned_by, banned_on) \
            VALUES ('t', 'c', 'out', 'author', 0)";
        connection.execute(ban, ()).unwrap();
        let pin = "INSERT INTO chat_pins (tenant_id, channel_id, message_id, pinned_by, pinned_on) \
            SELECT tenant_id, channel_id, id, 'author', 0 FROM chat_messages WHERE body = 'text'";
        connection.execute(pin, ()).unwrap();
        if case.kind == Kind::Archived {
            let sql = "UPDATE chat_channels SET archived_on = 1 WHERE channel_id = 'c'";
            connection.execute(sql, ()).unwrap();
        }
        let user = service.user(SELF);
        let user = if case.moderates {
            user.moderator()
        } else {
            user
        };
        let user = match case.same_tenant {
            true => user,
            false => user.claim("tenantId", json!("u")),
        };
        Self {
            report: report["id"].as_str().unwrap().to_owned(),
            service,
            user,
            message,
        }
    }

    /// How many rows were ever written.
    fn changes(&self) -> u64 {
        self.service.0.connection.total_changes()
    }

    /// Everything that is in the tables.
    fn dump(&self) -> String {
        let mut dump = String::new();
        for table in super::tables(&self.service) {
            let sql = format!("SELECT * FROM {table}");
            let mut statement = self.service.0.connection.prepare_cached(&sql).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query(()).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    dump.push_str(&format!("{:?}|", row.get_ref(column).unwrap()));
                }
                dump.push_str(&format!("{table}\n"));
            }
        }
        dump
    }
}

#[test]
fn everybody_gets_what_the_rules_of_channels_say() {
    let (mut cells, mut failures) = (0, Vec::new());
    let mut walked = std::collections::BTreeSet::new();
    for case in Case::all() {
        let mut current = Scene::new(case);
        let mut changes = current.changes();
        for ask in asks(case) {
            // What nobody has written to is as it was.
            if current.changes() != changes {
                current = Scene::new(case);
                changes = current.changes();
            }
            let scene = &current;
            let id = |unknown: bool| match (ask.route.starts_with("/channels/"), unknown) {
                (true, false) => "c".to_owned(),
                (true, true) => "other".to_owned(),
                (false, true) => crate::matrix::rules::UNKNOWN.to_owned(),
                (false, false) if ask.route.starts_with("/reports") => scene.report.clone(),
                (false, false) => scene.message.clone(),
            };
            let path = |unknown: bool| {
                let path = ask
                    .route
                    .replace("{id}", &id(unknown))
                    .replace("{userId}", ask.other);
                path.replace("{emoji}", ask.other) + ask.query
            };
            let send = |user: &User, path: &str| {
                let body = match &ask.body {
                    Json::Null => Body::Empty,
                    body => Body::Bytes(body.to_string().into_bytes()),
                };
                scene.service.0.statements.borrow_mut().clear();
                let answer = user.send(ask.method, path, body);
                (answer, scene.service.0.statements.borrow().len())
            };
            walked.insert((ask.method, ask.route));
            let mut note = |problem: String| {
                let body = &ask.body;
                failures.push(format!(
                    "{case:?}\n  {} {} {body}: {problem}",
                    ask.method,
                    path(false)
                ));
            };
            // Nobody, and who has every word but the one that is asked for.
            let before = scene.dump();
            let told = scene.service.0.events.borrow().len();
            let words: Vec<_> = ["1", "2", "3", "4"]
                .into_iter()
                .filter(|it| *it != ask.permission)
                .collect();
            let powerless = scene.user.clone().claim("permissions", json!(words));
            for (user, status) in [(scene.service.nobody(), 401), (powerless, 403)] {
                let (answer, statements) = send(&user, &path(false));
                cells += 1;
                if answer.status != status || statements > 0 {
                    note(format!(
                        "wanted {status} at once, got {} after {statements}",
                        answer.status
                    ));
                }
            }
            // What is not there, for comparison.
            let (unknown, unknown_work) = match ask.status {
                404 if ask.route.contains("{id}") => send(&scene.user, &path(true)),
                _ => send(&scene.service.nobody(), "/nowhere"),
            };
            if scene.dump() != before {
                note("somebody without the right has changed something".to_owned());
            }
            let denials = || {
                let audit = scene.service.0.audit.borrow();
                audit.iter().filter(|it| it.outcome == Denied).count()
            };
            let denied = denials();
            let (answer, work) = send(&scene.user, &path(false));
            cells += 1;
            if answer.status != ask.status {
                note(format!(
                    "wanted {}, got {} {}",
                    ask.status, answer.status, answer.text
                ));
                continue;
            }
            if answer.status >= 400 && scene.dump() != before {
                note("a refusal has changed something".to_owned());
            }
            if answer.status >= 400 && scene.service.0.events.borrow().len() != told {
                note("a refusal was told".to_owned());
            }
            // Only for those outside: a member may well learn that a user isn't there.
            let is_hidden = answer.status == 404 && !case.sees() && ask.route.contains("{id}");
            if is_hidden && (answer.text != unknown.text || work != unknown_work) {
                note(format!(
                    "an unknown one: {} after {unknown_work}, and not {work}",
                    unknown.text
                ));
            }
            let is_denial = answer.status == 403;
            if denials() - denied != usize::from(is_denial) {
                note(format!(
                    "{} denials in the audit record",
                    denials() - denied
                ));
            }
            if let Some(rows) = ask.rows {
                let found = answer.json.as_array().map(Vec::len);
                if found != Some(rows) {
                    note(format!("wanted {rows} rows, got {}", answer.text));
                }
            }
            if ask.route == "/events" {
                let topics = answer.subscription.as_ref().map(|it| it.topics.len());
                if topics != Some(1 + usize::from(case.is_member())) {
                    note(format!("{topics:?} topics"));
                }
            }
            if ask.route == "/sync" {
                let found = answer.json["channels"].as_array().unwrap().len();
                if found != usize::from(case.is_member()) {
                    note(format!("{found} channels"));
                }
            }
            let joined = ask.route == "/channels/{id}/join" && answer.status == 200;
            if case.who == Who::NotYet && case.same_tenant && !joined {
                // Who comes in later finds what there is.
                join(&scene.service, "c", SELF, "member");
                let found = scene.user.get("/channels/c/messages").status;
                if found != 200 && ask.route != "/users/{userId}/erasure" {
                    note(format!("joins later: {found}"));
                }
            }
        }
    }
    let some: Vec<_> = failures.iter().take(25).map(String::as_str).collect();
    assert!(
        some.is_empty(),
        "{} of {cells} differ:\n{}",
        failures.len(),
        some.join("\n")
    );
    let walked: Vec<_> = walked.into_iter().collect();
    assert_eq!(walked, OPERATIONS);
    println!("{} cells", grouped(cells));
}
