//! A history of several gateways on one PostgreSQL and one NATS, while gateways, NATS and
//! sockets end without a word: afterwards there is no gap, nothing that came twice under two
//! ids, one order for all who listened, and everything that was acknowledged.
//!
//! Bounded here; `cargo xtask soak-events` has it go on for longer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::live::{Listener, client};
use gateway_tests::nats::Nats;
use gateway_tests::process::Process;
use parking_lot::Mutex;
use reqwest::Client;
use tempfile::TempDir;

const GATEWAYS: usize = 3;
const WRITERS: u32 = 4;
const READERS: usize = 6;
const TOPICS: [&str; 3] = ["a", "b", "c"];

/// Ends without a word, when nobody says how many there are to be.
const ENDS: u32 = 6;

/// How long the last events may take to be with everybody.
const SETTLE: Duration = Duration::from_secs(60);

/// What is running, and where.
struct World {
    database: TestDatabase,
    folders: Vec<TempDir>,
    nats: String,
    /// The addresses of the gateways; none of one that is down.
    bases: Mutex<Vec<Option<String>>>,
    is_over: AtomicBool,
    number: AtomicU32,
}

impl World {
    async fn gateway(&self, at: usize) -> Process {
        let env = [
            ("GATEWAY_EVENTS_NATS_URL", self.nats.as_str()),
            ("GATEWAY_EVENTS_REPLAY", "10000"),
            ("GATEWAY_EVENTS_QUEUE", "4096"),
        ];
        let (url, data) = (&self.database.config.url, self.folders[at].path());
        let process = Process::serve_with("misfit", url, data, &env).await;
        self.bases.lock()[at] = Some(process.base.clone());
        process
    }

    /// One that is up, beginning with that.
    fn base(&self, from: usize) -> Option<String> {
        let bases = self.bases.lock();
        let order = (0..GATEWAYS).map(|step| (from + step) % GATEWAYS);
        order.filter_map(|at| bases[at].clone()).next()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

/// An event as somebody saw it: its id, and its number.
type Seen = (String, u64);

/// Publishes until it is over; tells what was acknowledged.
async fn write(world: Arc<World>, client: Client, writer: u32) -> BTreeSet<u64> {
    let mut acknowledged = BTreeSet::new();
    for turn in 0_usize.. {
        if world.is_over() {
            break;
        }
        let number = world.number.fetch_add(1, Ordering::SeqCst);
        let topic = TOPICS[(turn + writer as usize) % TOPICS.len()];
        let Some(base) = world.base(turn) else {
            continue;
        };
        let request = client.post(format!("{base}/events-transact"));
        let request = request.timeout(Duration::from_secs(10));
        let sent = request
            .body(format!("publish {topic} tick {number}"))
            .send();
        match sent.await {
            Ok(response) if response.status() == 200 => {
                acknowledged.insert(u64::from(number));
            }
            // Whether it was committed is not known; its number is used once only.
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    acknowledged
}

/// Listens to everything, on one gateway after another, and comes back with its cursor; until
/// `last` was seen in each topic.
async fn read(
    world: Arc<World>,
    reader: usize,
    last: Arc<Mutex<Option<u64>>>,
) -> Vec<(String, Seen)> {
    let target = format!(
        "/events?subject=reader-{reader}&topics={}",
        TOPICS.join(",")
    );
    let (mut cursor, mut seen): (Option<String>, Vec<(String, Seen)>) = (None, Vec::new());
    let mut left: BTreeSet<&str> = TOPICS.into();
    for turn in reader.. {
        let Some(base) = world.base(turn) else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let Some(mut listener) = Listener::try_open(&base, &target, cursor.as_deref()).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Some go away by themselves, at whatever point.
        let most = match turn % 3 {
            0 => 40,
            _ => usize::MAX,
        };
        for _ in 0..most {
            let Some(event) = listener.try_next().await else {
                break;
            };
            assert_ne!(event.kind, "sync.reset", "{event:?}");
            if event.kind == "tick" {
                let topic = event.data["topic"].as_str().unwrap().to_owned();
                let id = event.data["id"].as_str().unwrap().to_owned();
                let number = event.payload().as_u64().unwrap();
                if Some(number) == *last.lock() {
                    left.remove(topic.as_str());
                }
                seen.push((topic, (id, number)));
            }
            cursor.clone_from(&listener.cursor);
            if left.is_empty() {
                return seen;
            }
        }
        cursor.clone_from(&listener.cursor);
    }
    seen
}

fn ends() -> u32 {
    let said = std::env::var("SOAK_EVENTS_ENDS").ok();
    said.and_then(|ends| ends.parse().ok()).unwrap_or(ENDS)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_gateways_and_nats_end_without_a_word() {
    let nats = Nats::start().await;
    let world = Arc::new(World {
        database: TestDatabase::fresh(Dialect::Postgres).await,
        folders: (0..GATEWAYS)
            .map(|_| tempfile::tempdir().unwrap())
            .collect(),
        nats: nats.url(),
        bases: Mutex::new(vec![None; GATEWAYS]),
        is_over: AtomicBool::new(false),
        number: AtomicU32::new(1),
    });
    let mut gateways = Vec::new();
    for at in 0..GATEWAYS {
        gateways.push(Some(world.gateway(at).await));
    }
    let last = Arc::new(Mutex::new(None));
    let readers: Vec<_> = (0..READERS)
        .map(|reader| tokio::spawn(read(Arc::clone(&world), reader, Arc::clone(&last))))
        .collect();
    let client = client();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(Arc::clone(&world), client.clone(), writer)))
        .collect();

    let mut nats = Some(nats);
    for end in 0..ends() {
        tokio::time::sleep(Duration::from_millis(700)).await;
        if end % 3 == 2 {
            let port = nats.take().unwrap().kill().await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            nats = Some(Nats::on(port).await);
        } else {
            let at = (end as usize * 7 / 2) % GATEWAYS;
            world.bases.lock()[at] = None;
            gateways[at].take().unwrap().kill().await;
            gateways[at] = Some(world.gateway(at).await);
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.is_over.store(true, Ordering::SeqCst);
    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    // The last one tells the readers that it is over.
    let number = u64::from(world.number.fetch_add(1, Ordering::SeqCst));
    *last.lock() = Some(number);
    let lines = TOPICS.map(|topic| format!("publish {topic} tick {number}"));
    let base = world.base(0).unwrap();
    let request = client.post(format!("{base}/events-transact"));
    let response = request.body(lines.join("\n")).send().await.unwrap();
    assert_eq!(response.status(), 200);

    let table = table(&world.database).await;
    let written: BTreeSet<u64> = table
        .values()
        .flatten()
        .map(|(_, number)| *number)
        .collect();
    let missing: Vec<_> = acknowledged.difference(&written).collect();
    assert_eq!(missing, Vec::<&u64>::new(), "acknowledged, and not there");
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    for (reader, task) in readers.into_iter().enumerate() {
        let seen = tokio::time::timeout(SETTLE, task).await.unwrap().unwrap();
        check(reader, seen, &table);
    }
    eprintln!(
        "{} events, {} acknowledged, {} ends without a word, {READERS} readers",
        written.len(),
        acknowledged.len(),
        ends(),
    );
}

/// What the log has of each topic, in its order.
async fn table(database: &TestDatabase) -> BTreeMap<String, Vec<Seen>> {
    let sql = "SELECT topic, part::text || '-' || position::text, payload FROM gateway_events \
               WHERE verb = 'publish' ORDER BY part, position";
    let mut table: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    for row in database.texts(sql).await {
        let seen = (row[1].clone(), row[2].parse().unwrap());
        table.entry(row[0].clone()).or_default().push(seen);
    }
    table
}

/// A reader saw, without what came again, exactly what the log has from its first event on,
/// and in each topic nothing behind what it had seen already but as a repetition.
fn check(reader: usize, seen: Vec<(String, Seen)>, table: &BTreeMap<String, Vec<Seen>>) {
    let mut of_topic: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for (topic, event) in seen {
        if known.insert((topic.clone(), event.0.clone())) {
            of_topic.entry(topic).or_default().push(event);
        }
    }
    for (topic, events) in of_topic {
        let log = &table[&topic];
        let first = log.iter().position(|one| *one == events[0]);
        let first = first.unwrap_or_else(|| panic!("{:?} is not in the log", events[0]));
        assert_eq!(events, log[first..], "reader {reader}, topic {topic}");
    }
}
