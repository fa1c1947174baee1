//! The authorization matrix: everybody asks everything about everything, and what comes of
//! it is compared with the rules. What somebody may not see is compared with what isn't
//! there: the answer, what is in the database afterwards, and the number of statements.

mod asks;
mod conversation;
mod rules;
mod scene;

use std::collections::BTreeSet;

use chat::api::Body;
use chat::ports::Outcome::Denied;
use serde_json::{Value as Json, json};

use crate::support::{Answer, User, join};
use asks::{Ask, Expected, asks};
use rules::{Case, Facts, MESSAGE, Membership, SELF, State, Tenant, Tie, UNKNOWN};
use scene::{Dump, Stage};

/// What a request of that protocol says.
const TUS: [(&str, &str); 5] = [
    ("tus-resumable", "1.0.0"),
    ("upload-length", "1"),
    ("upload-metadata", "channelId Yw=="),
    ("upload-offset", "1"),
    ("content-type", "application/offset+octet-stream"),
];

/// The tables that the migrations make.
pub(crate) fn tables(service: &crate::support::Service) -> Vec<String> {
    scene::names(&service.0.connection)
}

/// One case's failures, and how many cells it has.
#[derive(Default)]
struct Tally {
    cells: usize,
    failures: Vec<String>,
    /// Where a cell was walked, by method and route.
    walked: BTreeSet<(&'static str, &'static str)>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.cells += other.cells;
        self.failures.extend(other.failures);
        self.walked.extend(other.walked);
    }
}

#[test]
fn everybody_gets_what_the_rules_say() {
    Stage::new().knows_all_tables();
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let walks = [
            scope.spawn(|| walk(&[Tenant::Same], tokens_too)),
            scope.spawn(|| walk(&[Tenant::Other, Tenant::None], |_| false)),
        ];
        for tally in walks.map(|it| it.join().unwrap()) {
            all.add(tally);
        }
    });
    let some: Vec<_> = all.failures.iter().take(20).map(String::as_str).collect();
    assert!(
        some.is_empty(),
        "{} of {} cells differ:\n{}",
        all.failures.len(),
        all.cells,
        some.join("\n")
    );
    let walked: Vec<_> = all.walked.into_iter().collect();
    let mut operations: Vec<_> = chat::api::operations().collect();
    operations.retain(|it| !conversation::OPERATIONS.contains(it));
    operations.sort_unstable();
    assert_eq!(walked, operations, "an operation that is not in the matrix");
    println!("{} cells", all.cells);
    documented(all.cells);
}

/// The number stands in the documentation.
fn documented(cells: usize) {
    const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");
    const BEFORE: &str = "<!-- cells -->";
    const AFTER: &str = "<!-- /cells -->";
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let (head, rest) = docs.split_once(BEFORE).expect(BEFORE);
    let (number, tail) = rest.split_once(AFTER).expect(AFTER);
    let current = grouped(cells);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(DOCS, format!("{head}{BEFORE}{current}{AFTER}{tail}")).unwrap();
        return;
    }
    assert_eq!(
        number, current,
        "run UPDATE_DOCS=1 cargo test --release -p chat matrix"
    );
}

/// 1234567 is 1,234,567.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn tokens_too(case: Case) -> bool {
    case.tie == Tie::Nothing || case.membership == Membership::Never
}

/// All cases of some tenants; of those chosen, with other tokens as well.
fn walk(tenants: &[Tenant], with_tokens: fn(Case) -> bool) -> Tally {
    let stage = Stage::new();
    let mut tally = Tally::default();
    for &tenant in tenants {
        for state in State::ALL {
            for tie in Tie::ALL {
                for membership in Membership::ALL {
                    for moderates in [false, true] {
                        let case = Case {
                            tie,
                            membership,
                            tenant,
                            moderates,
                            state,
                        };
                        let facts = Facts::new(case);
                        let mut scene = Walk::new(&stage, &facts);
                        scene.full_tokens();
                        if with_tokens(case) {
                            scene.other_tokens();
                        }
                        scene.joining();
                        tally.add(scene.tally);
                    }
                }
            }
        }
    }
    tally
}

struct Walk<'a> {
    stage: &'a Stage,
    facts: &'a Facts,
    user: User,
    before: Dump,
    tally: Tally,
}

/// An answer, and what it cost and changed.
struct Outcome {
    answer: Answer,
    statements: usize,
    /// Denials in the audit record.
    denials: usize,
    /// None when nothing was written, be it for a moment.
    after: Option<Dump>,
}

impl<'a> Walk<'a> {
    fn new(stage: &'a Stage, facts: &'a Facts) -> Self {
        Self {
            stage,
            facts,
            user: stage.user(facts),
            before: stage.set(facts),
            tally: Tally::default(),
        }
    }

    fn full_tokens(&mut self) {
        for ask in asks(self.facts) {
            self.cell(&ask, &self.user.clone());
        }
    }

    /// No token, all permissions but one, and that one alone: by its name and its number.
    fn other_tokens(&mut self) {
        for ask in asks(self.facts) {
            let (name, number) = ask.permission;
            let all = self.user.claims.as_ref().unwrap()["permissions"].clone();
            let others = all.as_array().unwrap().iter();
            let others =
                others.filter(|it| *it != name && Some(*it) != number.map(Json::from).as_ref());
            let without = json!(others.collect::<Vec<_>>());
            let nobody = self.stage.service.nobody();
            self.refused(&ask, &nobody, 401);
            let user = self.user.clone().claim("permissions", without);
            self.refused(&ask, &user, 403);
            for word in [Some(name), number].into_iter().flatten() {
                let mut alone = vec![word];
                if self.facts.case.moderates {
                    alone.push("ModerateMessage");
                }
                let user = self.user.clone().claim("permissions", json!(alone));
                self.cell(&ask, &user);
            }
        }
    }

    /// Who joins after having been refused finds all as it was.
    fn joining(&mut self) {
        let case = self.facts.case;
        if case.membership != Membership::NotYet || case.tenant != Tenant::Same {
            return;
        }
        self.tally.cells += 1;
        join(&self.stage.service, "c", SELF, "member");
        let is_live = case.state != State::MessageDeleted;
        let found = self.user.get(&format!("/messages/{MESSAGE}"));
        let wanted = if is_live { 200 } else { 404 };
        if found.status != wanted {
            let text = format!("{case:?} joins: {}", found.text);
            self.tally.failures.push(text);
        }
    }

    fn refused(&mut self, ask: &Ask, user: &User, status: u16) {
        let got = self.send(ask, user, |text| text.to_owned());
        let problem = match got.answer.status == status && got.statements == 0 {
            _ if got.after.is_some() => Some("something was written".to_owned()),
            true => None,
            false => Some(format!("wanted {status} and no statement")),
        };
        self.note(ask, &got, problem);
    }

    fn cell(&mut self, ask: &Ask, user: &User) {
        self.tally.walked.insert((ask.method, ask.route));
        let got = self.send(ask, user, |text| text.to_owned());
        let mut problem = self.problem(ask, &got).err();
        if problem.is_none() && is_nothing(&ask.expected) && !ask.target.is_empty() {
            // The same request for what isn't there.
            let named = match self.facts.case.state {
                State::Malformed => rules::MALFORMED,
                _ => ask.target,
            };
            let unknown = self.send(ask, user, |text| text.replace(named, UNKNOWN));
            let same_answer = got.answer.status == unknown.answer.status
                && got.answer.text.replace(named, UNKNOWN) == unknown.answer.text;
            // What is no id is no secret.
            let same_work =
                self.facts.case.state == State::Malformed || got.statements == unknown.statements;
            if !same_answer || !same_work {
                problem = Some(format!(
                    "an unknown id: {} {} after {} statements",
                    unknown.answer.status, unknown.answer.text, unknown.statements
                ));
            }
        }
        self.note(ask, &got, problem);
    }

    fn note(&mut self, ask: &Ask, got: &Outcome, problem: Option<String>) {
        self.tally.cells += 1;
        if let Some(problem) = problem {
            self.tally.failures.push(format!(
                "{:?}\n  {} {} {}\n  wanted {:?}, got {} {} after {} statements: {problem}",
                self.facts.case,
                ask.method,
                ask.path,
                ask.body.as_ref().map(Json::to_string).unwrap_or_default(),
                ask.expected,
                got.answer.status,
                got.answer.text,
                got.statements
            ));
        }
    }

    /// Sends a request, and puts the scene back if it changed.
    fn send(&self, ask: &Ask, user: &User, named: impl Fn(&str) -> String) -> Outcome {
        let world = &self.stage.service.0;
        world.statements.borrow_mut().clear();
        world.audit.borrow_mut().clear();
        let body = match &ask.body {
            None => Body::Empty,
            Some(body) => Body::Bytes(named(&body.to_string()).into_bytes()),
        };
        let written = world.connection.total_changes();
        let answer = match ask.route.starts_with("/attachments/uploads") {
            true => user.send_with(ask.method, &named(&ask.path), &TUS, body),
            false => user.send(ask.method, &named(&ask.path), body),
        };
        let statements = world.statements.borrow().len();
        let audit = world.audit.borrow();
        let denials = audit.iter().filter(|it| it.outcome == Denied).count();
        drop(audit);
        let after = (world.connection.total_changes() != written).then(|| {
            let after = self.stage.dump();
            assert_eq!(self.stage.set(self.facts), self.before);
            after
        });
        Outcome {
            answer,
            statements,
            denials,
            after,
        }
    }

    fn problem(&self, ask: &Ask, got: &Outcome) -> Result<(), String> {
        let after = got.after.as_ref().unwrap_or(&self.before);
        let (added, changed) = difference(&self.before, after);
        let (status, wanted_added, wanted_changed) = match &ask.expected {
            Expected::Created(tables) => (200, tables.clone(), Vec::new()),
            Expected::Made(tables) => (201, tables.clone(), Vec::new()),
            Expected::Answered => (200, vec![], vec![]),
            Expected::Changed(id) => (204, Vec::new(), vec![*id]),
            Expected::ChangedAll(ids) => (200, Vec::new(), ids.clone()),
            Expected::Found(_) | Expected::List(_) | Expected::Count(_) => (200, vec![], vec![]),
            Expected::Forbidden => (403, vec![], vec![]),
            Expected::Missing | Expected::Unseen | Expected::NotMember => (404, vec![], vec![]),
            Expected::Duplicate => (409, vec![], vec![]),
            Expected::Invalid => (422, vec![], vec![]),
        };
        let (mut wanted_added, mut wanted_changed) = (wanted_added, wanted_changed);
        if wanted_added.contains(&"chat_messages") && !wanted_added.contains(&"chat_channels") {
            // The channel counts its messages.
            wanted_changed.insert(0, "t c");
        }
        if (ask.method, ask.route, status) == ("PUT", "/messages/{id}", 204) {
            wanted_added.push("chat_message_versions");
        }
        if ask.method == "DELETE" && wanted_changed.contains(&MESSAGE) {
            // What was sent with a message goes with it.
            let files = self.facts.files.iter();
            let files = files.filter(|it| it.message == Some(MESSAGE) && !it.deleted);
            wanted_changed.splice(0..0, files.map(|it| it.id));
        }
        if got.answer.status != status {
            return Err(format!("wanted {status}"));
        }
        if added != wanted_added || changed != wanted_changed {
            return Err(format!("added {added:?}, changed {changed:?}"));
        }
        let is_denial = matches!(
            ask.expected,
            Expected::Forbidden | Expected::NotMember | Expected::Unseen
        );
        if got.denials != usize::from(is_denial) {
            return Err(format!("{} denials in the audit record", got.denials));
        }
        let count = |wanted: usize| match got.answer.json["count"] == wanted {
            true => Ok(()),
            false => Err(format!("wanted a count of {wanted}")),
        };
        match &ask.expected {
            Expected::ChangedAll(ids) => count(ids.len()),
            Expected::Count(wanted) => count(*wanted),
            Expected::Found(id) => self.is_found(&got.answer.json, id, ask),
            Expected::List(ids) => {
                let rows = got.answer.json.as_array().ok_or("no list")?;
                let mut found: Vec<_> = rows.iter().map(id).collect();
                found.sort_unstable();
                if found != *ids {
                    return Err(format!("wanted {ids:?}"));
                }
                rows.iter()
                    .zip(rows.iter().map(id))
                    .try_for_each(|(row, id)| self.is_found(row, id, ask))
            }
            _ => Ok(()),
        }
    }

    /// The thing with all that it was asked with.
    fn is_found(&self, row: &Json, wanted: &str, ask: &Ask) -> Result<(), String> {
        if id(row) != wanted {
            return Err(format!("wanted {wanted}"));
        }
        match ask.path.contains("include") {
            true => self.is_included(row, 2),
            false => Ok(()),
        }
    }

    /// Whether what was included is what may be seen, so far as the requests nest.
    fn is_included(&self, row: &Json, depth: usize) -> Result<(), String> {
        let facts = self.facts;
        let own = id(row);
        let sees = |id: &str| facts.message(id).is_some_and(|it| facts.sees(it));
        let rows = facts.recipients.iter();
        let rows = rows.filter(|it| it.message == own && facts.sees_recipient(it));
        let files = facts.files.iter();
        let files = files.filter(|it| it.message == Some(own) && facts.sees_file(it));
        let replies = facts.messages.iter();
        let replies = replies.filter(|it| it.parent == Some(own) && facts.sees(it));
        let many: [(&str, Vec<&str>); 3] = [
            ("messageRecipients", rows.map(|it| it.id).collect()),
            ("attachmentFiles", files.map(|it| it.id).collect()),
            ("messages", replies.map(|it| it.id).collect()),
        ];
        let one = |name: &str| row[name].as_str().filter(|id| sees(id));
        let mut related: Vec<_> = many.into();
        related.push((
            "parentMessage",
            one("parentMessageId").into_iter().collect(),
        ));
        related.push(("message", one("messageId").into_iter().collect()));
        for (name, wanted) in related {
            let found: Vec<&Json> = match &row[name] {
                Json::Null => Vec::new(),
                Json::Array(rows) => rows.iter().collect(),
                row => vec![row],
            };
            // On the first level everything is asked for, on the second some of it.
            let is_asked = depth == 2 || !found.is_empty();
            if is_asked && found.iter().map(|row| id(row)).ne(wanted.iter().copied()) {
                return Err(format!("{name} of {own}: wanted {wanted:?}"));
            }
            if depth > 1 {
                found
                    .iter()
                    .try_for_each(|row| self.is_included(row, depth - 1))?;
            }
        }
        Ok(())
    }
}

/// Whether nothing is to be seen or changed.
fn is_nothing(expected: &Expected) -> bool {
    match expected {
        Expected::Missing | Expected::Unseen | Expected::Count(0) => true,
        Expected::List(ids) | Expected::ChangedAll(ids) => ids.is_empty(),
        _ => false,
    }
}

fn id(row: &Json) -> &str {
    row["id"].as_str().unwrap_or_default()
}

/// The tables of the new rows and the keys of the others, in their order. Nothing vanishes.
fn difference<'a>(before: &Dump, after: &'a Dump) -> (Vec<&'static str>, Vec<&'a str>) {
    assert!(before.keys().all(|key| after.contains_key(key)));
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for (key, row) in after {
        match before.get(key) {
            None => added.push(key.0),
            Some(old) if old != row => changed.push(key.1.as_str()),
            Some(_) => {}
        }
    }
    (added, changed)
}
