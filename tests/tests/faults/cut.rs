//! A database that is cut off, that says nothing any more, and that is slow.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::proxy::{Line, Proxy};
use gateway_tests::server::{Server, answer};
use reqwest::Method;

use super::{message, next_chat, nothing_is_half_done};

/// How long the database is away.
const AWAY: Duration = Duration::from_secs(10);

/// The pool's acquire timeout, with room for a machine that has other things to do.
const FAST: Duration = Duration::from_millis(4_500);

/// How long it may take until everything is as before.
const HEALED: Duration = Duration::from_secs(10);

/// A test on both databases that are servers.
macro_rules! on_both_servers {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use super::{Dialect, TestDatabase};

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                super::$name(TestDatabase::fresh(Dialect::Postgres).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn mysql() {
                super::$name(TestDatabase::fresh(Dialect::Mysql).await).await;
            }
        }
    )+};
}
on_both_servers!(
    a_database_that_is_cut_for_ten_seconds,
    a_database_that_says_nothing_for_ten_seconds,
    a_slow_database_piles_nothing_up,
);

async fn a_database_that_is_cut_for_ten_seconds(database: TestDatabase) {
    outage(database, Line::Cut).await;
}

async fn a_database_that_says_nothing_for_ten_seconds(database: TestDatabase) {
    outage(database, Line::Stalled).await;
}

async fn outage(database: TestDatabase, line: Line) {
    let (proxy, seen) = Proxy::before(&database).await;
    let env = [
        // A statement that was sent and is never answered.
        ("GATEWAY_PLUGIN_CHAT_LIMITS_SQL_STATEMENT_TIMEOUT", "2s"),
        ("GATEWAY_DEPLOY_FOLLOW_INTERVAL", "200ms"),
    ];
    let server = Server::start(seen, &[("chat", "/")], &env).await;
    let mut answered = 0;
    for _ in 0..3 {
        assert_eq!(post(&server).await, 200);
        answered += 1;
    }
    assert_eq!(ready(&server).await, 200);

    proxy.set(line);
    let begun = Instant::now();
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    while begun.elapsed() < AWAY {
        let since = Instant::now();
        let status = post(&server).await;
        let took = since.elapsed();
        // The statement that was on its way when it happened ran into its own deadline.
        assert!(status == 503 || (status == 504 && refused == 0), "{status}");
        assert!(took < FAST, "a request took {took:?}");
        (refused, slowest) = (refused + 1, slowest.max(took));
        assert_eq!(ready(&server).await, 503);
        // What needs no database goes on, by the version that was active.
        let page = server.get("/openapi.json").send().await.unwrap();
        assert_eq!(page.status(), 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (status, body) = server.deploy("chat", "", next_chat("9.0.0")).await;
    assert_eq!(status, 503, "{body}");

    proxy.set(Line::Open);
    let begun = Instant::now();
    while ready(&server).await != 200 {
        assert!(begun.elapsed() < HEALED, "it is not ready again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let healed = begun.elapsed();
    for _ in 0..3 {
        assert_eq!(post(&server).await, 200);
        answered += 1;
    }
    let deploy = server.deploy("chat", "activate=true", next_chat("9.0.0"));
    let (status, body) = deploy.await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(post(&server).await, 200);
    answered += 1;
    server.stop().await;

    let rows = database.texts("SELECT body FROM chat_messages").await;
    assert_eq!(rows.len(), answered, "each answered message is there once");
    nothing_is_half_done(&database).await;
    println!(
        "{line:?} for {AWAY:?} on {:?}: {refused} requests refused, the slowest after \
         {slowest:.1?}, ready again after {healed:.1?}",
        database.dialect
    );
}

async fn a_slow_database_piles_nothing_up(database: TestDatabase) {
    let (proxy, seen) = Proxy::before(&database).await;
    let env = [
        ("GATEWAY_PLUGIN_CHAT_LIMITS_INSTANCES", "4"),
        ("GATEWAY_PLUGIN_CHAT_LIMITS_QUEUE", "8"),
        ("GATEWAY_PLUGIN_CHAT_LIMITS_QUEUE_TIMEOUT", "500ms"),
    ];
    let server = Server::start(seen, &[("chat", "/")], &env).await;
    assert_eq!(post(&server).await, 200);

    // One message is some twenty ways there and back.
    proxy.set(Line::Slow(Duration::from_millis(50)));
    let crowd = join_all((0..80).map(|_| async {
        let since = Instant::now();
        (post(&server).await, since.elapsed())
    }));
    let (crowd, most) = tokio::join!(crowd, most_instances(&server));
    assert!((1..=4).contains(&most), "{most} instances");
    let answered = crowd.iter().filter(|(status, _)| *status == 200).count();
    for (status, took) in &crowd {
        assert!(matches!(status, 200 | 503), "{status}");
        assert!(*status == 200 || *took < FAST, "turned away after {took:?}");
    }
    // Four were handled, and some of those that waited.
    assert!((1..=12).contains(&answered), "{answered} of 80");

    proxy.set(Line::Open);
    assert_eq!(post(&server).await, 200);
    server.stop().await;
    let rows = database.texts("SELECT body FROM chat_messages").await;
    assert_eq!(rows.len(), answered + 2);
}

/// The instances that there were at once, over a second.
async fn most_instances(server: &Server) -> u64 {
    let url = format!("{}/metrics", server.admin());
    let client = gateway_tests::server::client();
    let mut most = 0;
    for _ in 0..20 {
        let text = client.get(&url).send().await.unwrap().text().await.unwrap();
        let instances = text
            .lines()
            .filter(|line| line.starts_with("gateway_instances{"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        most = most.max(instances.sum());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    most
}

/// Posts a message; the status, which comes with a time to try again when it is 503.
async fn post(server: &Server) -> u16 {
    let request = server.user("t", "alice").request(Method::POST, "/messages");
    let response = request.json(&message()).send().await.unwrap();
    let status = response.status().as_u16();
    let is_told = response.headers().contains_key("retry-after");
    assert_eq!(is_told, status == 503, "{status}");
    status
}

async fn ready(server: &Server) -> u16 {
    let url = format!("{}/readyz", server.admin());
    answer(gateway_tests::server::client().get(url)).await.0
}
