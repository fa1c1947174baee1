//! Blobs through the gateway, in a bucket behind a line that is cut, slow and fails.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use gateway_tests::blobs::content;
use gateway_tests::database::TestDatabase;
use gateway_tests::s3::{Ask, Fault, TestBucket, Trouble};
use gateway_tests::server::{Server, answer};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PART: usize = 5 << 20;

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway, its bucket, and the line between them.
struct Setup {
    server: Server,
    bucket: TestBucket,
    trouble: Trouble,
}

impl Setup {
    async fn new(more: &[(&str, &str)]) -> Self {
        let bucket = TestBucket::fresh();
        let trouble = Trouble::before(&bucket).await;
        let env = bucket.env(&trouble.endpoint());
        let mut env: Vec<_> = env
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        env.push(("GATEWAY_PLUGIN_MISFIT_LIMITS_BLOB_BYTES", "64MiB"));
        env.extend(more);
        let database = TestDatabase::sqlite().await;
        let server = Server::start(database, &[("misfit", "/")], &env).await;
        Self {
            server,
            bucket,
            trouble,
        }
    }

    async fn post(&self, path: &str, body: &[u8]) -> (u16, Value) {
        let request = self.server.request(Method::POST, path);
        answer(request.body(body.to_vec())).await
    }

    async fn put(&self, body: &[u8]) -> String {
        let (status, stored) = self.post("/blob-put/100000000", body).await;
        assert_eq!(status, 200, "{stored}");
        assert_eq!(stored["sha256"], hex(body));
        stored["id"].as_str().unwrap().to_owned()
    }

    /// All of the content, or nothing when it is cut, or refused before its first byte.
    async fn get(&self, id: &str) -> Option<Vec<u8>> {
        let path = format!("/blob-get?id={id}");
        // The head may be lost with the connection.
        let response = self.server.get(&path).send().await.ok()?;
        if response.status() == 503 {
            assert_eq!(response.headers()["retry-after"], "1");
            return None;
        }
        assert_eq!(response.status(), 200);
        response.bytes().await.ok().map(|bytes| bytes.to_vec())
    }

    /// How the last download ended.
    async fn ending(&self, id: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let path = format!("/blob-history?id={id}");
            let (status, entries) = answer(self.server.get(&path)).await;
            assert_eq!(status, 200, "{entries}");
            if !entries[0]["ending"].is_null() {
                return entries[0]["ending"].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a download never ended in the record");
    }

    /// Whether the bucket has objects of these sizes and no others, now or a moment later.
    async fn holds(&self, sizes: &[usize]) -> bool {
        let mut wanted: Vec<_> = sizes.iter().map(|size| *size as u64).collect();
        wanted.sort_unstable();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let mut sizes = self.bucket.sizes().await;
            sizes.sort_unstable();
            if sizes == wanted && self.trouble.open_uploads() == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_in_comes_out() {
    let setup = Setup::new(&[]).await;
    for length in [0, 1, 1000, PART, PART + 1, 2 * PART + 77] {
        let bytes = content(length);
        let id = setup.put(&bytes).await;
        assert!(setup.get(&id).await.unwrap() == bytes, "{length}");
        assert_eq!(setup.ending(&id).await, json!([length, "complete"]));
    }
    let bytes = content(2 * PART + 77);
    let id = setup.put(&bytes).await;
    let part = format!("/blob-get?id={id}&offset={}&length=1000", PART - 500);
    let part = setup.server.get(&part).send().await.unwrap();
    assert!(part.bytes().await.unwrap() == bytes[PART - 500..PART + 500]);
    // The same content once more took no room.
    assert!(setup.holds(&[1, 1000, PART, PART + 1, 2 * PART + 77]).await);
    setup.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_in_pieces_is_read_as_one() {
    let setup = Setup::new(&[]).await;
    let bytes = content(PART + 3_000_000);
    let upload = setup.server.request(Method::POST, "/blob-begin/60000000");
    let upload = upload.send().await.unwrap().text().await.unwrap();
    let mut end = 0;
    for piece in bytes.chunks(PART / 2 + 1) {
        // Each fails once on its way.
        setup.trouble.next(Ask::Put, Fault::Answer(500), 1).await;
        let path = format!("/blob-append/{end}?id={upload}");
        end += piece.len();
        assert_eq!(setup.post(&path, piece).await, (200, json!(end)));
    }
    let (status, stored) = answer(setup.server.get(&format!("/blob-finish?id={upload}"))).await;
    assert_eq!((status, &stored["sha256"]), (200, &json!(hex(&bytes))));
    let id = stored["id"].as_str().unwrap();
    setup
        .trouble
        .next(Ask::Get, Fault::CutAnswer(1_000_000), 4)
        .await;
    assert!(setup.get(id).await.unwrap() == bytes);
    setup.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_fails_now_and_then_is_not_noticed() {
    let setup = Setup::new(&[("GATEWAY_BLOB_GC_INTERVAL", "1h")]).await;
    let small = content(200_000);
    let large = content(2 * PART + 500_000);
    let mut sizes = Vec::new();
    for (round, (ask, fault)) in [
        (Ask::Put, Fault::Answer(500)),
        (Ask::Put, Fault::Cut(1000)),
        (Ask::Put, Fault::Stall),
        (Ask::Begin, Fault::Answer(503)),
        (Ask::Part, Fault::Answer(500)),
        (Ask::Part, Fault::Cut(1_000_000)),
        (Ask::Part, Fault::Lose),
        (Ask::Complete, Fault::Answer(500)),
        (Ask::Complete, Fault::Lose),
        (Ask::Get, Fault::Answer(500)),
        (Ask::Get, Fault::CutAnswer(400_000)),
        (Ask::Get, Fault::StallAnswer(400_000)),
    ]
    .into_iter()
    .enumerate()
    {
        let before = setup.trouble.hits();
        setup.trouble.next(ask, fault, 2).await;
        // Nothing that was stored already.
        let mut bytes = match ask {
            Ask::Put => small.clone(),
            _ => large.clone(),
        };
        bytes[0] = u8::try_from(round).unwrap();
        let id = setup.put(&bytes).await;
        assert!(setup.get(&id).await.unwrap() == bytes, "{ask:?} {fault:?}");
        assert_eq!(setup.ending(&id).await, json!([bytes.len(), "complete"]));
        assert!(
            setup.trouble.hits() > before,
            "{ask:?} {fault:?} never happened"
        );
        setup.trouble.clear().await;
        sizes.push(bytes.len());
    }
    assert!(
        setup.holds(&sizes).await,
        "{:?}",
        setup.bucket.sizes().await
    );
    setup.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_store_is_away_nothing_is_half_there() {
    let more = [
        ("GATEWAY_BLOB_GRACE", "1s"),
        ("GATEWAY_BLOB_GC_INTERVAL", "100ms"),
        ("GATEWAY_BLOB_TIMEOUT", "2s"),
    ];
    let setup = Setup::new(&more).await;
    let kept = content(2 * PART);
    let id = setup.put(&kept).await;
    let link = answer(setup.server.get(&format!("/blob-link?id={id}"))).await;
    assert_eq!(link, (200, json!(true)));

    setup.trouble.close(true);
    for length in [1000, 2 * PART + 1] {
        let refused = setup.post("/blob-put/100000000", &content(length)).await;
        assert_eq!(refused, (503, json!("unavailable")), "{length}");
    }
    // The refused uploads may have left a connection that closes, and takes a request along
    // that nobody has seen.
    loop {
        assert_eq!(setup.get(&id).await, None, "it must not look complete");
        let path = format!("/blob-history?id={id}");
        let (status, entries) = answer(setup.server.get(&path)).await;
        assert_eq!(status, 200, "{entries}");
        if entries != json!([]) {
            break;
        }
    }
    assert_eq!(setup.ending(&id).await, json!([0, "failed"]));
    // The rest goes on.
    let ready = setup.server.operate(Method::GET, "/readyz");
    assert_eq!(answer(ready).await.0, 200);
    setup.trouble.close(false);

    // Away in the middle of an upload, and its parts can't be thrown away then.
    setup
        .trouble
        .next(Ask::Part, Fault::Answer(500), usize::MAX)
        .await;
    setup.trouble.next(Ask::Abort, Fault::Answer(500), 8).await;
    let refused = setup
        .post("/blob-put/100000000", &content(2 * PART + 1))
        .await;
    assert_eq!(refused, (503, json!("unavailable")));
    setup.trouble.clear().await;

    assert!(setup.get(&id).await.unwrap() == kept);
    assert!(
        setup.holds(&[kept.len()]).await,
        "{:?}",
        setup.bucket.sizes().await
    );
    assert_eq!(setup.server.database.count("gateway_blobs").await, 1);
    assert_eq!(setup.server.database.count("gateway_blob_parts").await, 1);
    // With its link it goes as well.
    answer(setup.server.get(&format!("/blob-unlink?id={id}"))).await;
    assert!(setup.holds(&[]).await, "{:?}", setup.bucket.sizes().await);
    setup.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_no_parts() {
    use tokio::io::AsyncWriteExt;
    let setup = Setup::new(&[]).await;
    let body = content(4 * PART);
    let mut stream = tokio::net::TcpStream::connect(setup.server.addr())
        .await
        .unwrap();
    let head = format!(
        "POST /blob-put/100000000 HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..3 * PART]).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while setup.trouble.open_uploads() == 0 {
        assert!(Instant::now() < deadline, "no upload was begun");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(stream);
    assert!(setup.holds(&[]).await, "{:?}", setup.bucket.sizes().await);
    setup.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_sent_to_the_store_only_if_that_is_allowed() {
    let bytes = content(100_000);
    let closed = Setup::new(&[]).await;
    let id = closed.put(&bytes).await;
    let path = format!("/blob-get?id={id}&redirect=1");
    assert_eq!(
        answer(closed.server.get(&path)).await,
        (404, json!("no-address"))
    );
    closed.server.stop().await;

    let open = Setup::new(&[("GATEWAY_BLOB_REDIRECT", "1min")]).await;
    let id = open.put(&bytes).await;
    let path = format!("/blob-get?id={id}&redirect=1");
    let (status, url) = answer(open.server.get(&path)).await;
    assert_eq!(status, 200);
    let fetched = gateway_tests::server::client().get(url.as_str().unwrap());
    let fetched = fetched.send().await.unwrap();
    assert_eq!(fetched.status(), 200);
    assert!(fetched.bytes().await.unwrap() == bytes);
    assert_eq!(open.ending(&id).await, json!([0, "redirected"]));
    open.server.stop().await;
}
