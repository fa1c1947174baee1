//! Uploaded content that inspectors look into: what is found, what goes wrong, who does it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::capability::blob::store::Store;
use gateway::capability::blob::{Blobs, Shelf};
use gateway::config::Optimize;
use gateway::plugin::{Engine, Inspector, Seen, Source, Unreadable};
use gateway::telemetry::metrics::Metrics;
use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::picture::png;
use gateway_tests::process::Process;
use gateway_tests::server::{Server, answer, client, component};
use reqwest::{Client, Method};
use serde_json::{Value, json};

on_every_database!(
    what_is_found_is_reported,
    what_is_not_committed_or_not_there_is_not_inspected,
    without_an_inspector_the_report_is_empty,
    a_failure_is_a_finding_and_costs_one_instance,
    a_report_that_is_refused_comes_again_until_it_is_given_up,
    another_start_goes_on_with_what_was_not_finished,
    a_stop_changes_nothing_for_what_waits_for_its_next_try,
    what_a_killed_gateway_held_is_taken_over,
    two_gateways_share_the_work,
    who_has_lost_an_inspection_changes_nothing,
);

/// Inspections are looked for, and tried again, without delay.
const SOON: &[(&str, &str)] = &[
    ("GATEWAY_INSPECTION_INTERVAL", "20ms"),
    ("GATEWAY_INSPECTION_BACKOFF", "20ms"),
];

/// With inspectors beside, by name.
fn env<'a>(
    files: &'a [(&'static str, String)],
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let files = files.iter().map(|(name, file)| (*name, file.as_str()));
    let mut env: Vec<_> = SOON.iter().copied().chain(files).collect();
    env.extend(more);
    env
}

fn scanner() -> (&'static str, String) {
    let file = component("scanner").display().to_string();
    ("GATEWAY_INSPECTOR_SCANNER_FILE", file)
}

fn pictures() -> (&'static str, String) {
    let file = component("pictures").display().to_string();
    ("GATEWAY_INSPECTOR_PICTURES_FILE", file)
}

async fn misfit(database: TestDatabase, env: &[(&str, &str)]) -> Server {
    Server::start(database, &[("misfit", "/")], env).await
}

/// What can be asked of a gateway, in this process or in another.
struct Asked {
    base: String,
    client: Client,
}

impl Asked {
    fn of(server: &Server) -> Self {
        Self {
            base: server.base(),
            client: client(),
        }
    }

    async fn put(&self, content: impl Into<Vec<u8>>) -> String {
        let url = format!("{}/blob-put/100000000", self.base);
        let (status, stored) = answer(self.client.post(url).body(content.into())).await;
        assert_eq!(status, 200, "{stored}");
        stored["id"].as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.client.get(format!("{}{path}", self.base))).await
    }

    /// Stores content and has it inspected; its id.
    async fn inspect(&self, tag: &str, media_type: &str, content: impl Into<Vec<u8>>) -> String {
        let id = self.put(content).await;
        let path = format!("/blob-inspect?id={id}&type={media_type}&tag={tag}");
        assert_eq!(self.get(&path).await, (200, json!(true)));
        id
    }

    async fn reports(&self, tag: &str) -> Vec<Value> {
        let (status, reports) = self.get(&format!("/blob-reports?tag={tag}")).await;
        assert_eq!(status, 200, "{reports}");
        reports.as_array().unwrap().clone()
    }

    /// What is reported with a tag, once it is.
    async fn report(&self, tag: &str) -> Value {
        for _ in 0..1200 {
            if let Some(report) = self.reports(tag).await.pop() {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("nothing is reported of {tag}");
    }

    /// What the only inspector found in content.
    async fn found(&self, tag: &str, media_type: &str, content: impl Into<Vec<u8>>) -> Value {
        self.inspect(tag, media_type, content).await;
        let report = self.report(tag).await;
        let inspections = report["inspections"].as_array().unwrap();
        assert_eq!(inspections.len(), 1, "{report}");
        inspections[0].clone()
    }
}

/// Waits until the database says so.
async fn until(database: &TestDatabase, rows: &str, wanted: u64) {
    for _ in 0..1200 {
        if database.count(rows).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{rows}: {} and not {wanted}", database.count(rows).await);
}

/// A line of the metrics.
async fn metric(server: &Server, line: &str) -> u64 {
    let text = reqwest::get(format!("{}/metrics", server.admin())).await;
    let text = text.unwrap().text().await.unwrap();
    let found = text.lines().find_map(|one| one.strip_prefix(line));
    found.map_or(0, |count| count.trim().parse().unwrap())
}

fn outcome(inspector: &str, outcome: &str) -> String {
    format!(
        "gateway_inspections_total{{plugin=\"misfit\",inspector=\"{inspector}\",outcome=\"{outcome}\"}}"
    )
}

async fn what_is_found_is_reported(database: TestDatabase) {
    let files = [scanner()];
    let server = misfit(database, &env(&files, &[])).await;
    let asked = Asked::of(&server);

    let id = asked.inspect("clean", "text/plain", "hello there").await;
    assert_eq!(
        asked.report("clean").await,
        json!({"blob": id, "inspections": [{
            "by": "scanner",
            "outcome": ["clean", ""],
            "facts": {"size": "11", "read": "11", "media-type": "text/plain", "beyond": "0"},
            "derived": [],
        }]})
    );
    // Over the border of what is read at once.
    let mut long = vec![b'.'; 3 << 20];
    let signature = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
    long[65_500..65_500 + signature.len()].copy_from_slice(signature);
    let found = asked.found("marked", "a/b", long).await;
    assert_eq!(
        found["outcome"],
        json!(["suspicious", "the EICAR test file"])
    );
    assert_eq!(found["facts"]["read"], (3 << 20).to_string());
    assert_eq!(asked.found("empty", "", "").await["facts"]["size"], "0");

    // What is derived is content as any other, of the same plugin.
    let found = asked.found("derive", "a/b", "derive 1000").await;
    let copy = found["derived"][0].as_array().unwrap();
    assert_eq!(
        (&copy[0], &copy[1], &copy[3]),
        (&json!("copy"), &json!("text/plain"), &json!(1000))
    );
    let path = format!("/blob-read?id={}", copy[2].as_str().unwrap());
    assert_eq!(asked.get(&path).await, (200, json!("d".repeat(1000))));
    // Only that is linked: the plugin did so, and the inspections are over.
    until(&server.database, "gateway_blobs WHERE links > 0", 1).await;
    assert_eq!(server.database.count("gateway_inspections").await, 0);
    assert_eq!(metric(&server, &outcome("scanner", "clean")).await, 3);
    assert_eq!(metric(&server, &outcome("scanner", "suspicious")).await, 1);
    server.stop().await;
}

async fn what_is_not_committed_or_not_there_is_not_inspected(database: TestDatabase) {
    let files = [scanner()];
    let server = misfit(database, &env(&files, &[])).await;
    let asked = Asked::of(&server);
    let id = asked.put("content").await;
    let path = format!("/blob-inspect?id={id}&tag=back&rollback=1");
    assert_eq!(asked.get(&path).await, (200, json!(true)));
    for nothing in ["", "x", "0190f5f5-0000-7000-8000-000000000000"] {
        let path = format!("/blob-inspect?id={nothing}&tag=back");
        assert_eq!(asked.get(&path).await, (200, json!(false)), "{nothing}");
    }
    let long = "x".repeat(301);
    for (query, wanted) in [
        (
            format!("tag={long}"),
            "tag has at most 300 bytes, none of them NUL",
        ),
        (
            format!("type={}", &long[..129]),
            "media-type has at most 128 bytes, none of them NUL",
        ),
    ] {
        let path = format!("/blob-inspect?id={id}&{query}");
        assert_eq!(asked.get(&path).await, (400, json!(wanted)));
    }
    assert_eq!(server.database.count("gateway_inspections").await, 0);
    // One that is inspected after them, so that they would have been.
    let _found = asked.found(&long[..300], "a/b", "later").await;
    assert_eq!(asked.reports("back").await, Vec::<Value>::new());
    server.stop().await;
}

async fn without_an_inspector_the_report_is_empty(database: TestDatabase) {
    let files = [pictures()];
    let types = [("GATEWAY_INSPECTOR_PICTURES_TYPES", "image/png, image/*")];
    let server = misfit(database, &env(&files, &types)).await;
    let asked = Asked::of(&server);
    let id = asked.inspect("text", "text/plain", "text").await;
    let report = asked.report("text").await;
    assert_eq!(report, json!({"blob": id, "inspections": []}));
    server.stop().await;
}

async fn a_failure_is_a_finding_and_costs_one_instance(database: TestDatabase) {
    let files = [scanner(), pictures()];
    let limits = [
        ("GATEWAY_INSPECTOR_SCANNER_LIMITS_CPU_TIME", "200ms"),
        ("GATEWAY_INSPECTOR_SCANNER_LIMITS_MEMORY", "16MiB"),
        ("GATEWAY_INSPECTOR_SCANNER_LIMITS_DERIVED", "2000"),
        ("GATEWAY_INSPECTOR_PICTURES_TYPES", "image/*"),
    ];
    let server = misfit(database, &env(&files, &limits)).await;
    let asked = Asked::of(&server);
    for (content, wanted) in [
        ("trap", json!(["failed", "trap"])),
        ("spin", json!(["failed", "cpu"])),
        ("allocate", json!(["failed", "memory"])),
        ("facts 28", json!(["clean", ""])),
        ("facts 29", json!(["failed", "invalid"])),
        ("long-fact 1024", json!(["clean", ""])),
        ("long-fact 1025", json!(["failed", "invalid"])),
        ("fact-name 64", json!(["clean", ""])),
        ("fact-name 65", json!(["failed", "invalid"])),
        ("fact-name 0", json!(["failed", "invalid"])),
        ("derived-name 64", json!(["clean", ""])),
        ("derived-name 65", json!(["failed", "invalid"])),
        ("derived-type 128", json!(["clean", ""])),
        ("derived-type 129", json!(["failed", "invalid"])),
        // Cut between two characters of two bytes each.
        ("accuse 151", json!(["suspicious", "\u{e9}".repeat(150)])),
        ("mutter 151", json!(["unknown", "\u{e9}".repeat(150)])),
        ("derive 2000", json!(["clean", ""])),
        ("derive 2001", json!(["failed", "invalid"])),
        ("derive 4000000", json!(["failed", "trap"])),
        ("derive-many 8", json!(["clean", ""])),
        ("derive-many 9", json!(["failed", "invalid"])),
        ("log 200", json!(["clean", ""])),
        ("nothing", json!(["unknown", "it has nothing to say"])),
    ] {
        let tag = format!("of-{}", content.replace(' ', "-"));
        let found = asked.found(&tag, "text/plain", content).await;
        assert_eq!(found["outcome"], wanted, "{content}");
        assert_eq!(asked.reports(&tag).await.len(), 1, "{content}");
    }
    // One that fails does not keep the others from looking.
    asked.inspect("both", "image/png", "trap").await;
    let report = asked.report("both").await;
    let outcomes: Vec<_> = report["inspections"].as_array().unwrap().iter().collect();
    assert_eq!(outcomes[0]["by"], "pictures");
    assert_eq!(outcomes[0]["outcome"][0], "unknown");
    assert_eq!(outcomes[1]["outcome"], json!(["failed", "trap"]));
    assert_eq!(metric(&server, &outcome("scanner", "failed")).await, 13);
    // However much an inspector asks for, it gets a piece.
    let mut long = b"at-once ".to_vec();
    long.resize(3 << 20, b'.');
    let found = asked.found("at-once", "text/plain", long).await;
    assert_eq!(found["facts"]["at-once"], (1 << 20).to_string());
    server.stop().await;
}

async fn a_report_that_is_refused_comes_again_until_it_is_given_up(database: TestDatabase) {
    let files = [scanner()];
    let more = [
        ("GATEWAY_INSPECTION_TRIES", "3"),
        ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "100ms"),
    ];
    let server = misfit(database, &env(&files, &more)).await;
    let asked = Asked::of(&server);
    let found = asked.found("late", "a/b", "late").await;
    assert_eq!(found["outcome"][0], "clean");
    for tag in ["trap", "spin"] {
        asked.inspect(tag, "a/b", format!("the {tag}ping")).await;
    }
    until(&server.database, "gateway_inspections", 0).await;
    assert_eq!(metric(&server, &outcome("", "given_up")).await, 2);
    // Twice what was late, thrice each of what was given up.
    assert_eq!(metric(&server, &outcome("scanner", "clean")).await, 8);
    until(&server.database, "gateway_blobs WHERE links > 0", 0).await;
    server.stop().await;
}

const LONG: (&str, &str) = ("GATEWAY_INSPECTOR_SCANNER_LIMITS_CPU_TIME", "60s");
const SHORT: (&str, &str) = ("GATEWAY_INSPECTOR_SCANNER_LIMITS_CPU_TIME", "100ms");

async fn another_start_goes_on_with_what_was_not_finished(database: TestDatabase) {
    let files = [scanner()];
    let lease = ("GATEWAY_INSPECTION_LEASE", "1h");
    let server = misfit(database, &env(&files, &[LONG, lease])).await;
    let asked = Asked::of(&server);
    for number in 0..3 {
        asked
            .inspect(&format!("spin-{number}"), "a/b", format!("spin {number}"))
            .await;
    }
    let held = "gateway_inspections WHERE worker IS NOT NULL";
    // As many as are inspected at once.
    until(&server.database, held, 2).await;
    assert_eq!(
        server.database.count("gateway_blobs WHERE links = 1").await,
        3
    );
    let server = server
        .restart(
            &[("misfit", "/")],
            &env(
                &files,
                &[
                    SHORT,
                    lease,
                    ("GATEWAY_INSPECTION_TRIES", "1"),
                    ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "100ms"),
                ],
            ),
        )
        .await;
    // It was no try that a stop ended: the first one is left, and is the last. The plugin
    // takes none of these reports.
    until(&server.database, "gateway_inspections", 0).await;
    assert_eq!(metric(&server, &outcome("scanner", "failed")).await, 3);
    assert_eq!(metric(&server, &outcome("", "given_up")).await, 3);
    server.stop().await;
}

/// A stop lets others have what this gateway works on, and only that: what has had its try
/// keeps count of it, and its pause.
async fn a_stop_changes_nothing_for_what_waits_for_its_next_try(database: TestDatabase) {
    let files = [scanner()];
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("blobs");
    let store = here.display().to_string();
    let store = ("GATEWAY_BLOB_STORE", store.as_str());
    let lease = ("GATEWAY_INSPECTION_LEASE", "1h");
    let pause = ("GATEWAY_INSPECTION_BACKOFF", "1h");
    let again = database.again();
    let server = misfit(database, &env(&files, &[LONG, store, lease, pause])).await;
    let asked = Asked::of(&server);
    // One that can't be read, and one that is worked on when the stop comes.
    let id = asked.put("content").await;
    let away = folder.path().join("away");
    std::fs::rename(&here, &away).unwrap();
    let path = format!("/blob-inspect?id={id}&tag=waits");
    assert_eq!(asked.get(&path).await, (200, json!(true)));
    let waits = "gateway_inspections WHERE tag = 'waits' AND tries = 1 AND worker IS NULL";
    until(&again, waits, 1).await;
    let _made_anew = std::fs::remove_dir_all(&here);
    std::fs::rename(&away, &here).unwrap();
    asked.inspect("runs", "a/b", "spin").await;
    let runs = "gateway_inspections WHERE tag = 'runs' AND tries";
    until(&again, &format!("{runs} = 1 AND worker IS NOT NULL"), 1).await;
    let text = again.pick("TEXT", "TEXT", "CHAR");
    let due = format!("SELECT CAST(due_at AS {text}) FROM gateway_inspections WHERE tag = 'waits'");
    let before = again.texts(&due).await;
    let (running, _kept, _data) = server.running();
    running.stop().await;

    assert_eq!(
        again.count(&format!("{runs} = 0 AND worker IS NULL")).await,
        1
    );
    assert_eq!(again.count(waits).await, 1);
    assert_eq!(again.texts(&due).await, before);
}

async fn what_a_killed_gateway_held_is_taken_over(database: TestDatabase) {
    let files = [scanner()];
    let data = tempfile::tempdir().unwrap();
    let lease = ("GATEWAY_INSPECTION_LEASE", "1s");
    let both = env(&files, &[LONG, lease]);
    let process = Process::serve_with("misfit", &database.config.url, data.path(), &both).await;
    let asked = Asked {
        base: process.base.clone(),
        client: client(),
    };
    let id = asked.inspect("hold", "a/b", "spin").await;
    until(&database, "gateway_inspections WHERE tries = 1", 1).await;
    // Held for longer than the lease: nobody else has it meanwhile.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(
        database.count("gateway_inspections WHERE tries = 1").await,
        1
    );
    process.kill().await;

    let blobs = data.path().join("blobs").display().to_string();
    let store = ("GATEWAY_BLOB_STORE", blobs.as_str());
    let server = misfit(database, &env(&files, &[SHORT, lease, store])).await;
    let report = Asked::of(&server).report("hold").await;
    assert_eq!(report["blob"], json!(id));
    assert_eq!(
        report["inspections"][0]["outcome"],
        json!(["failed", "cpu"])
    );
    until(&server.database, "gateway_inspections", 0).await;
    server.stop().await;
}

/// The tables alone: what a gateway may do to an inspection that another one took over.
async fn who_has_lost_an_inspection_changes_nothing(database: TestDatabase) {
    let files = [scanner()];
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = folder.path().display().to_string();
    let more = [
        LONG,
        ("GATEWAY_BLOB_STORE", store.as_str()),
        ("GATEWAY_INSPECTION_LEASE", "1h"),
        ("GATEWAY_INSPECTION_CONCURRENCY", "1"),
    ];
    let env = env(&files, &more);
    let again = database.again();
    let config = gateway_tests::server::config(&database, &data, &[("misfit", "/")], &env);
    let server = misfit(database, &env).await;
    let asked = Asked::of(&server);
    // The gateway is busy with the first: the second is left to the two of this test.
    asked.inspect("busy", "a/b", "spin").await;
    until(&again, "gateway_inspections WHERE worker IS NOT NULL", 1).await;
    asked.inspect("held", "a/b", "content").await;

    let shelf = Shelf {
        store: Store::open(&config.blob).await.unwrap(),
        settings: config.blob.clone(),
        metrics: Metrics::new(&config.metrics),
    };
    let plugin = &config.plugins["misfit"];
    let one = shelf.of("misfit", plugin, again.connect().await);
    let other = shelf.of("misfit", plugin, again.connect().await);
    let lease = Duration::from_secs(3600);
    let due = async |of: &Blobs| of.due(10).await.unwrap();
    let row = "gateway_inspections WHERE tag = 'held' AND tries";

    let seen = due(&one).await.remove(0);
    let mine = one.take(seen.clone(), lease).await.unwrap().unwrap();
    assert_eq!((seen.tries, mine.tries), (0, 1));
    // Who saw the same was too late, and nobody else sees it while it is held.
    assert!(other.take(seen, lease).await.unwrap().is_none());
    assert!(due(&other).await.is_empty());
    assert!(one.hold(&mine, Duration::ZERO).await.unwrap());
    let theirs = due(&other).await.remove(0);
    let theirs = other.take(theirs, lease).await.unwrap().unwrap();
    assert_eq!(theirs.tries, 2);

    assert!(!one.hold(&mine, Duration::ZERO).await.unwrap());
    one.put_off(&mine, Duration::ZERO).await.unwrap();
    one.close_inspection(&mine).await.unwrap();
    one.let_go().await.unwrap();
    let held = format!("{row} = 2 AND worker IS NOT NULL");
    assert_eq!(again.count(&held).await, 1);
    assert!(due(&one).await.is_empty());
    assert_eq!(again.count("gateway_blobs WHERE links = 1").await, 2);

    // What is let go had no try; what is put off has had one, and its pause.
    other.let_go().await.unwrap();
    assert_eq!(
        again.count(&format!("{row} = 1 AND worker IS NULL")).await,
        1
    );
    let mine = one.take(due(&one).await.remove(0), lease).await.unwrap();
    let mine = mine.unwrap();
    one.put_off(&mine, lease).await.unwrap();
    assert_eq!(
        again.count(&format!("{row} = 2 AND worker IS NULL")).await,
        1
    );
    assert!(due(&other).await.is_empty());
    one.close_inspection(&mine).await.unwrap();
    assert_eq!(again.count(&format!("{row} >= 0")).await, 0);
    assert_eq!(again.count("gateway_blobs WHERE links = 1").await, 1);
    server.stop().await;
}

async fn two_gateways_share_the_work(database: TestDatabase) {
    let files = [scanner()];
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().display().to_string();
    let env = env(&files, &[("GATEWAY_BLOB_STORE", blobs.as_str())]);
    let again = database.again();
    let one = misfit(database, &env).await;
    let other = misfit(again, &env).await;
    let asked = Asked::of(&one);
    const ALL: usize = 40;
    for number in 0..ALL {
        asked
            .inspect(&format!("n{number}"), "a/b", format!("content {number}"))
            .await;
    }
    until(&one.database, "gateway_inspections", 0).await;
    for number in 0..ALL {
        assert_eq!(
            asked.reports(&format!("n{number}")).await.len(),
            1,
            "{number}"
        );
    }
    let clean = outcome("scanner", "clean");
    let (mine, yours) = (metric(&one, &clean).await, metric(&other, &clean).await);
    assert_eq!(mine + yours, ALL as u64, "{mine} and {yours}");
    other.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_tried_again() {
    let files = [scanner()];
    let server = misfit(TestDatabase::sqlite().await, &env(&files, &[])).await;
    let asked = Asked::of(&server);
    let id = asked.put("content").await;
    let (here, away) = (server.data().join("blobs"), server.data().join("away"));
    std::fs::rename(&here, &away).unwrap();
    let path = format!("/blob-inspect?id={id}&tag=later");
    assert_eq!(asked.get(&path).await, (200, json!(true)));
    until(&server.database, "gateway_inspections WHERE tries > 2", 1).await;
    assert_eq!(asked.reports("later").await, Vec::<Value>::new());
    let _made_anew = std::fs::remove_dir_all(&here);
    std::fs::rename(&away, &here).unwrap();
    let report = asked.report("later").await;
    assert_eq!(report["inspections"][0]["outcome"], json!(["clean", ""]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_are_measured_and_made_small_and_bad_ones_are_none() {
    let files = [pictures()];
    let server = misfit(TestDatabase::sqlite().await, &env(&files, &[])).await;
    let asked = Asked::of(&server);

    let found = asked
        .found("wide", "application/x-lie", png(1280, 640))
        .await;
    let facts = json!({"media-type": "image/png", "width": "1280", "height": "640"});
    assert_eq!(
        (&found["outcome"], &found["facts"]),
        (&json!(["clean", ""]), &facts)
    );
    let small = found["derived"][0].as_array().unwrap();
    assert_eq!(
        (&small[0], &small[1]),
        (&json!("thumbnail"), &json!("image/jpeg"))
    );
    // The small one is a picture, too.
    let path = format!("{}/blob-get?id={}", asked.base, small[2].as_str().unwrap());
    let bytes = reqwest::get(path).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, small[3].as_u64().unwrap());
    let found = asked.found("small", "image/jpeg", bytes.to_vec()).await;
    let facts = json!({"media-type": "image/jpeg", "width": "320", "height": "160"});
    assert_eq!(found["facts"], facts);

    // A bomb: 600 MiB of pixels in less than 1 MiB. Only its size is told.
    let bomb = png(25_000, 25_000);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let found = asked.found("bomb", "image/png", bomb).await;
    assert_eq!(found["outcome"], json!(["clean", ""]));
    assert_eq!(found["facts"]["width"], "25000");
    assert_eq!(found["derived"], json!([]));

    let whole = png(300, 300);
    let mut other = whole.clone();
    other.truncate(whole.len() - 20);
    for (tag, content) in [
        ("cut", other),
        ("header", whole[..40].to_vec()),
        ("text", b"GIF89 it is not".to_vec()),
        ("nothing", Vec::new()),
    ] {
        let found = asked.found(tag, "image/png", content).await;
        assert_eq!(found["outcome"][0], "unknown", "{tag}: {found}");
        assert_eq!(found["derived"], json!([]), "{tag}");
    }
    server.stop().await;
}

/// A store that never answers.
struct Silent;

impl Source for Silent {
    fn size(&self) -> u64 {
        1
    }

    fn read(&self, _offset: u64, _length: u64) -> BoxFuture<'_, Result<Bytes, Unreadable>> {
        Box::pin(std::future::pending())
    }
}

/// Waiting takes no time of the processor, and ends all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_is_stopped() {
    let files = [scanner()];
    let limit = ("GATEWAY_INSPECTOR_SCANNER_LIMITS_WALL_TIME", "200ms");
    let cpu = ("GATEWAY_INSPECTOR_SCANNER_LIMITS_CPU_TIME", "200ms");
    let (database, data) = (TestDatabase::sqlite().await, tempfile::tempdir().unwrap());
    let env = env(&files, &[limit, cpu]);
    let config = gateway_tests::server::config(&database, &data, &[("misfit", "/")], &env);
    let engine = Engine::with_inspectors(
        config.plugins.values(),
        config.inspectors.values(),
        &config.inspection,
        Optimize::Speed,
        &data.path().join("cache"),
    );
    let engine = engine.unwrap();
    let inspector = Inspector::load(&engine, "scanner", &config.inspectors["scanner"]).unwrap();
    let looked = inspector.look("job", "a/b", Arc::new(Silent));
    let seen = tokio::time::timeout(Duration::from_secs(60), looked).await;
    match seen.unwrap().unwrap() {
        Seen::Failed(failure) => assert_eq!(failure.kind(), "deadline"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_inspector_is_refused_at_the_start() {
    let database = TestDatabase::sqlite().await;
    let data = tempfile::tempdir().unwrap();
    let file = component("misfit").display().to_string();
    let env = [("GATEWAY_INSPECTOR_SCANNER_FILE", file.as_str())];
    let config = gateway_tests::server::config(&database, &data, &[("misfit", "/")], &env);
    let refused = gateway::start(config)
        .await
        .expect_err("it is a service")
        .to_string();
    for part in [
        "inspector scanner: ",
        "does not fit the world gateway:plugin/inspector: ",
        "imports gateway:plugin/sql@0.1.0#",
        "does not export gateway:plugin/inspect@0.1#inspect",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_without_reports_is_hosted_as_ever() {
    let files = [scanner()];
    let database = TestDatabase::sqlite().await;
    let server = Server::start(database, &[("notes", "/")], &env(&files, &[])).await;
    let request = server
        .user("acme", "alice")
        .request(Method::GET, "/entries");
    assert_eq!(answer(request).await, (200, json!([])));
    server.stop().await;
}
