//! What an operator's Prometheus reads.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::on_every_database;
use gateway_tests::server::{Server, answer};
use reqwest::Method;
use serde_json::json;

async fn sqlite() -> TestDatabase {
    TestDatabase::fresh(Dialect::Sqlite).await
}

/// One reading of the exposition.
struct Reading(String);

impl Reading {
    async fn of(server: &Server) -> Self {
        let url = format!("{}/metrics", server.admin());
        let response = gateway_tests::server::client()
            .get(url)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(
            response.headers()["content-type"],
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        Self(response.text().await.unwrap())
    }

    /// The sum of all samples of `name` that have these labels, whatever others they have.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        let samples = self.0.lines().filter_map(|line| {
            let (head, value) = line.rsplit_once(' ')?;
            let (sample, labels) = head
                .strip_suffix('}')
                .and_then(|head| head.split_once('{'))
                .unwrap_or((head, ""));
            let fits = |label: &String| labels.split(',').any(|has| has == label);
            (sample == name && wanted.iter().all(fits)).then(|| value.parse::<f64>().unwrap())
        });
        samples.sum()
    }

    /// Name and type of every metric.
    fn types(&self) -> BTreeSet<(String, String)> {
        let lines = self.0.lines();
        lines
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(|line| {
                let (name, kind) = line.split_once(' ').unwrap();
                (name.to_owned(), kind.to_owned())
            })
            .collect()
    }

    /// The values of a label.
    fn values(&self, label: &str) -> BTreeSet<String> {
        let start = format!("{label}=\"");
        let places = self.0.match_indices(&start);
        places
            .map(|(at, _)| {
                let rest = &self.0[at + start.len()..];
                rest.split('"').next().unwrap().to_owned()
            })
            .collect()
    }
}

/// Reads until `holds`, since an answer is counted a moment after it is sent.
async fn eventually(server: &Server, what: &str, holds: impl Fn(&Reading) -> bool) -> Reading {
    let begun = Instant::now();
    loop {
        let reading = Reading::of(server).await;
        if holds(&reading) {
            return reading;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "never {what}:\n{}",
            reading.0
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn requests_are_counted_by_route(database: TestDatabase) {
    let server = Server::chat(database).await;
    let alice = server.user("acme", "alice");
    let message = json!({"body": "hi", "channelId": "c", "channelType": "direct", "toUserId": "b"});
    for _ in 0..2 {
        assert_eq!(alice.post("/messages", &message).await.0, 200);
    }
    let (_, list) = alice.get("/messages").await;
    let id = list.pointer("/0/id").unwrap().as_str().unwrap().to_owned();
    assert_eq!(alice.get(&format!("/messages/{id}")).await.0, 200);
    assert_eq!(alice.get("/messages/no-such-message").await.0, 404);
    assert_eq!(answer(server.get("/messages")).await.0, 401);

    let response = alice
        .request(Method::GET, "/messages")
        .send()
        .await
        .unwrap();
    assert!(
        !response.headers().contains_key("x-route"),
        "it is told to clients"
    );

    let reading = eventually(&server, "counted", |reading| {
        reading.sum("gateway_requests_total", &[("plugin", "chat")]) >= 7.0
    })
    .await;
    let requests = |route: &str, method: &str, status: &str| {
        let labels = [("route", route), ("method", method), ("status", status)];
        reading.sum("gateway_requests_total", &labels)
    };
    assert_eq!(requests("/messages", "POST", "2xx"), 2.0);
    assert_eq!(requests("/messages", "GET", "2xx"), 2.0);
    assert_eq!(requests("/messages", "GET", "4xx"), 1.0);
    assert_eq!(requests("/messages/{id}", "GET", "2xx"), 1.0);
    assert_eq!(requests("/messages/{id}", "GET", "4xx"), 1.0);
    assert!(!reading.0.contains(&id), "a label has an id");
    let created = [
        ("route", "/messages"),
        ("method", "POST"),
        ("plugin", "chat"),
    ];
    let time = "gateway_request_duration_seconds";
    assert_eq!(reading.sum(&format!("{time}_count"), &created), 2.0);
    let seconds = reading.sum(&format!("{time}_sum"), &created);
    assert!(seconds > 0.0 && seconds < 60.0, "{seconds}");
    let last = [("route", "/messages"), ("method", "POST"), ("le", "+Inf")];
    assert_eq!(reading.sum(&format!("{time}_bucket"), &last), 2.0);

    // A message is written in a transaction, a list is one query.
    let statements = |kind| {
        let labels = [("plugin", "chat"), ("kind", kind)];
        reading.sum("gateway_sql_duration_seconds_count", &labels)
    };
    assert!(statements("query") >= 4.0, "{}", reading.0);
    assert!(statements("execute") >= 2.0, "{}", reading.0);
    assert_eq!(statements("begin"), 2.0);
    assert_eq!(statements("commit"), 2.0);
    assert!(reading.sum("gateway_sql_pool_wait_seconds_count", &[]) >= 5.0);
    assert!(reading.sum("gateway_sql_pool_size", &[]) >= 4.0);
    assert_eq!(
        reading.sum("gateway_sql_pool_connections", &[("state", "in_use")]),
        0.0
    );
    assert!(reading.sum("gateway_sql_pool_connections", &[("state", "idle")]) >= 1.0);

    assert!(reading.sum("gateway_guest_cpu_seconds_count", &[]) >= 6.0);
    let peak = reading.sum("gateway_guest_memory_peak_bytes", &[("plugin", "chat")]);
    assert!(peak >= 65536.0, "{peak}");
    assert!(reading.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert!(reading.sum("process_open_fds", &[]) > 3.0);
    assert!(reading.sum("gateway_connections", &[]) >= 1.0);
    assert_eq!(reading.sum("gateway_build_info", &[]), 1.0);
    server.stop().await;
}
on_every_database!(requests_are_counted_by_route);

const LIMITS: &[(&str, &str)] = &[
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_CPU_TIME", "100ms"),
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_WALL_TIME", "1s"),
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_MEMORY", "16MiB"),
    ("GATEWAY_PLUGIN_MISFIT_LIMITS_INSTANCES", "1"),
    ("GATEWAY_METRICS_MAX_ROUTES", "2"),
];

#[tokio::test]
async fn what_goes_wrong_is_counted_by_kind() {
    let server = Server::start(sqlite().await, &[("misfit", "/misfit")], LIMITS).await;
    for (path, status) in [
        ("/misfit/ok", 200),
        ("/misfit/trap", 500),
        ("/misfit/trap", 500),
        ("/misfit/recurse", 500),
        ("/misfit/allocate", 500),
        ("/misfit/spin", 504),
        ("/misfit/bad-status", 500),
        ("/nowhere", 404),
    ] {
        assert_eq!(answer(server.get(path)).await.0, status, "{path}");
    }
    let bad = server.request(Method::POST, "/misfit/sql").body("NONSENSE");
    answer(bad).await;

    let reading = eventually(&server, "counted", |reading| {
        reading.sum("gateway_requests_total", &[]) >= 9.0
    })
    .await;
    for (kind, count) in [("trap", 2.0), ("stack", 1.0), ("memory", 1.0), ("cpu", 1.0)] {
        let labels = [("plugin", "misfit"), ("kind", kind)];
        assert_eq!(
            reading.sum("gateway_failures_total", &labels),
            count,
            "{kind}"
        );
        let refused = reading.sum("gateway_refusals_total", &[("cause", kind)]);
        assert_eq!(refused, count, "{kind}");
    }
    for cause in ["malformed", "not-found"] {
        let labels = [("cause", cause)];
        assert_eq!(
            reading.sum("gateway_refusals_total", &labels),
            1.0,
            "{cause}"
        );
    }
    assert_eq!(
        reading.sum(
            "gateway_sql_errors_total",
            &[("error", "invalid-statement")]
        ),
        1.0
    );
    // The first, and one after each of the five that ended theirs.
    assert_eq!(reading.sum("gateway_instances_created_total", &[]), 6.0);
    assert_eq!(reading.sum("gateway_instances", &[("state", "busy")]), 0.0);
    assert_eq!(reading.sum("gateway_instances", &[("state", "warm")]), 1.0);
    // A guest that spun for 100 ms was seen to by the ticks.
    let cpu = reading.sum("gateway_guest_cpu_seconds_sum", &[]);
    assert!((0.1..2.0).contains(&cpu), "{cpu}");
    server.stop().await;
}

#[tokio::test]
async fn what_waits_and_works_is_seen_while_it_does() {
    let server = Server::start(sqlite().await, &[("misfit", "/")], LIMITS).await;
    // One instance, and a statement that takes it for a while.
    let slow = || {
        server.request(Method::POST, "/sql").body(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000) \
             SELECT count(*) FROM n",
        )
    };
    let (one, two) = (tokio::spawn(answer(slow())), tokio::spawn(answer(slow())));
    let reading = eventually(&server, "one that works and one that waits", |reading| {
        reading.sum("gateway_instances", &[("state", "busy")]) == 1.0
            && reading.sum("gateway_instance_waiting", &[]) == 1.0
    })
    .await;
    assert_eq!(reading.sum("gateway_requests_in_flight", &[]), 2.0);
    assert_eq!(reading.sum("gateway_instances", &[("state", "warm")]), 0.0);
    assert_eq!((one.await.unwrap().0, two.await.unwrap().0), (200, 200));

    // A client that goes before its answer.
    let slow = slow().timeout(Duration::from_millis(100)).send();
    assert!(slow.await.unwrap_err().is_timeout());
    let reading = eventually(&server, "one that is gone", |reading| {
        reading.sum("gateway_requests_total", &[("status", "gone")]) == 1.0
    })
    .await;
    assert_eq!(reading.sum("gateway_requests_in_flight", &[]), 0.0);
    assert_eq!(reading.sum("gateway_instance_wait_seconds_count", &[]), 1.0);
    server.stop().await;
}

#[tokio::test]
async fn a_plugin_cannot_make_labels_without_end() {
    let server = Server::start(sqlite().await, &[("misfit", "/")], LIMITS).await;
    let hostile = "a\"},\\b";
    for route in ["/a", hostile, "/c", "/d", &"x".repeat(101), "/a"] {
        let request = server.get("/reply/200").header("x-reply-x-route", route);
        assert_eq!(answer(request).await.0, 200);
    }
    let reading = eventually(&server, "counted", |reading| {
        reading.sum("gateway_requests_total", &[]) >= 6.0
    })
    .await;
    let routes = reading.values("route");
    let expected = ["", "/a", "a\\", "other"].map(str::to_owned);
    assert!(routes.is_subset(&expected.into()), "{routes:?}");
    let of = |route| reading.sum("gateway_requests_total", &[("route", route)]);
    assert_eq!((of("/a"), of("other")), (2.0, 3.0));
    assert!(
        reading.0.contains("route=\"a\\\"},\\\\b\""),
        "not escaped:\n{}",
        reading.0
    );
    server.stop().await;
}

#[tokio::test]
async fn gateways_of_one_process_count_apart() {
    let one = Server::start(sqlite().await, &[("misfit", "/")], &[]).await;
    let two = Server::start(sqlite().await, &[("misfit", "/")], &[]).await;
    assert_eq!(answer(one.get("/ok")).await.0, 200);
    let of = |reading: &Reading| reading.sum("gateway_requests_total", &[]);
    eventually(&one, "counted", |reading| of(reading) == 1.0).await;
    assert_eq!(of(&Reading::of(&two).await), 0.0);
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn the_document_has_every_metric() {
    let server = Server::start(sqlite().await, &[("misfit", "/")], &[]).await;
    let told = Reading::of(&server).await.types();
    server.stop().await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating.md");
    let text = std::fs::read_to_string(file).unwrap();
    let documented: BTreeSet<_> = text
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            let name = cells.next()?.trim_end_matches('`');
            let is_metric = name.starts_with("gateway_") || name.starts_with("process_");
            is_metric.then_some(())?;
            Some((name.to_owned(), cells.next()?.to_owned()))
        })
        .collect();
    assert_eq!(told, documented);
}
