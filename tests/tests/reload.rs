//! Another configuration while the gateway serves, by SIGHUP and by the operator's API.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gateway_tests::command::start;
use gateway_tests::process::addresses;
use gateway_tests::server::{OPERATOR, answer, client, component};
use gateway_tests::token;
use rcgen::{CertificateParams, KeyPair};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

/// How long a signal may take to have an effect.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway with a file of its own.
struct Gateway {
    child: Child,
    folder: TempDir,
    base: String,
    admin: String,
    log: Lines<BufReader<ChildStderr>>,
    client: Client,
}

impl Gateway {
    /// Starts it with these settings beside those that it needs.
    async fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("gateway.toml"), file(settings)).unwrap();
        let mut child = start(folder.path(), &["serve", "--config", "gateway.toml"], &[]);
        let (base, admin) = addresses(&mut child).await;
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            folder,
            base,
            admin,
            log,
            client: client(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, settings: &str) {
        std::fs::write(self.path("gateway.toml"), file(settings)).unwrap();
    }

    /// Sends SIGHUP.
    async fn hang_up(&self) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-HUP", &id]).status().await;
        assert!(sent.unwrap().success());
    }

    /// Asks for a reload; status and answer.
    async fn reload(&self) -> (u16, Value) {
        let url = format!("{}/v1/reload", self.admin);
        answer(self.client.post(url).bearer_auth(OPERATOR)).await
    }

    /// The newest entry of the record that is of a reload, once there are so many.
    async fn recorded(&self, count: usize) -> Value {
        let begun = Instant::now();
        loop {
            let url = format!("{}/v1/audit", self.admin);
            let (status, page) = answer(self.client.get(url).bearer_auth(OPERATOR)).await;
            assert_eq!(status, 200, "{page}");
            let entries = page["entries"].as_array().unwrap();
            let of_reloads = |it: &&Value| it["action"] == "gateway.reload";
            if entries.iter().filter(of_reloads).count() == count {
                return entries.iter().find(of_reloads).unwrap().clone();
            }
            assert!(begun.elapsed() < PATIENCE, "{page}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The next line of the log that has `text` in it.
    async fn logged(&mut self, text: &str) -> String {
        let found = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                if line.contains(text) {
                    return line;
                }
            }
            panic!("the log ended without {text}");
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap()
    }

    /// What browsers are told of referrers, on a connection of its own.
    async fn policy(&self) -> String {
        let response = client().get(format!("{}/ok", self.base)).send().await;
        let response = response.unwrap();
        response.headers()["referrer-policy"]
            .to_str()
            .unwrap()
            .to_owned()
    }

    async fn until_policy(&self, wanted: &str) {
        let begun = Instant::now();
        while self.policy().await != wanted {
            assert!(begun.elapsed() < PATIENCE, "it is not {wanted}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// What every gateway here needs, and `settings` behind it.
fn file(settings: &str) -> String {
    let component = component("misfit").canonicalize().unwrap();
    format!(
        "server.listen = \"127.0.0.1:0\"\n\
         admin.listen = \"127.0.0.1:0\"\n\
         data = \"data\"\n\
         plugin.misfit.file = {component:?}\n\
         {settings}\n"
    )
}

/// The secrets that are not in question.
const SECRETS: &str = "admin.token = \"the-operators-token-of-the-tests\"\n\
                       auth.secret = \"a secret of the tests, of more than 32 bytes\"\n";

fn with_secrets(settings: &str) -> String {
    format!("{SECRETS}{settings}")
}

fn policy(policy: &str) -> String {
    with_secrets(&format!("server.security.referrer_policy = {policy:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_go_on_and_have_the_new_settings() {
    let gateway = Gateway::start(&policy("no-referrer")).await;
    let address = gateway.base.strip_prefix("http://").unwrap();
    let mut open = TcpStream::connect(address).await.unwrap();
    assert!(
        ask(&mut open)
            .await
            .contains("referrer-policy: no-referrer")
    );

    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..6)
        .map(|_| {
            let (stop, url) = (Arc::clone(&stop), format!("{}/work", gateway.base));
            tokio::spawn(async move {
                let (client, mut answers) = (client(), 0_u64);
                while !stop.load(Ordering::Relaxed) {
                    let response = client.get(&url).send().await.unwrap();
                    assert_eq!(response.status(), 200);
                    assert_eq!(response.text().await.unwrap(), "one");
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    for round in 0..10 {
        let wanted = ["same-origin", "no-referrer"][round % 2];
        gateway.write(&policy(wanted));
        gateway.hang_up().await;
        gateway.until_policy(wanted).await;
        let answer = ask(&mut open).await;
        let header = format!("referrer-policy: {wanted}");
        assert!(answer.contains(&header), "{answer}");
    }
    stop.store(true, Ordering::Relaxed);
    let mut answers = 0;
    for one in load {
        answers += one.await.unwrap();
    }
    assert!(answers > 100, "{answers}");
    println!("10 reloads beside {answers} requests, of which none failed");
}

/// A request on a connection that stays open; the head of its answer.
async fn ask(open: &mut TcpStream) -> String {
    let request = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n";
    open.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let whole = async {
        while !answer.ends_with(b"\r\n\r\none") {
            assert_ne!(
                open.read_buf(&mut answer).await.unwrap(),
                0,
                "it was closed"
            );
        }
    };
    tokio::time::timeout(PATIENCE, whole).await.unwrap();
    String::from_utf8(answer).unwrap().to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_and_what_needs_a_restart_is_told() {
    let gateway = Gateway::start(SECRETS).await;
    let nothing = json!({"applied": [], "restart": [], "certificates": false});
    assert_eq!(gateway.reload().await, (200, nothing));

    gateway.write(&with_secrets(
        "server.max_requests = 7\n\
         server.rate.address.per_second = 1\n\
         server.rate.address.burst = 2\n\
         plugin.misfit.limits.memory = \"32MiB\"",
    ));
    let (status, body) = gateway.reload().await;
    assert_eq!(status, 200, "{body}");
    let applied = [
        "server.rate.address.burst",
        "server.rate.address.per_second",
    ];
    let waiting = ["plugin.misfit.limits.memory", "server.max_requests"];
    assert_eq!(body["applied"], json!(applied));
    assert_eq!(body["restart"], json!(waiting));
    let mut refused = 0;
    for _ in 0..10 {
        let url = format!("{}/ok", gateway.base);
        let response = gateway.client.get(url).send().await.unwrap();
        refused += u32::from(response.status() == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 5, "{refused}");

    // What waits is told again, until there was a restart or it was taken back.
    let (_, body) = gateway.reload().await;
    assert_eq!(
        (&body["applied"], &body["restart"]),
        (&json!([]), &json!(waiting))
    );
    gateway.write(SECRETS);
    let (_, body) = gateway.reload().await;
    assert_eq!(
        (&body["applied"], &body["restart"]),
        (&json!(applied), &json!([]))
    );
    for _ in 0..10 {
        let url = format!("{}/ok", gateway.base);
        assert_eq!(gateway.client.get(url).send().await.unwrap().status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_and_says_why() {
    let mut gateway = Gateway::start(&policy("no-referrer")).await;
    for (settings, reason) in [
        (
            "server.rate.address.per_second = 0",
            "server.rate.address.per_second",
        ),
        ("server.no_such = 1", "server.no_such"),
        ("deploy.trusted_keys = \"me=missing.pem\"", "missing.pem"),
        ("this is no TOML", "gateway.toml"),
    ] {
        let changed = policy("same-origin");
        gateway.write(&format!("{changed}\n{settings}"));
        let (status, body) = gateway.reload().await;
        assert_eq!(status, 422, "{settings}: {body}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{message}");
        assert!(!message.contains('\n'), "{message}");
        assert_eq!(gateway.policy().await, "no-referrer", "{settings}");
    }
    std::fs::remove_file(gateway.path("gateway.toml")).unwrap();
    gateway.hang_up().await;
    let line = gateway.logged("gateway.toml").await;
    assert!(line.contains("nothing was changed"), "{line}");
    assert_eq!(gateway.policy().await, "no-referrer");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_exchanged() {
    let mut gateway = Gateway::start(&format!("{SECRETS}log.filter = \"error\"")).await;
    let claims = |gateway: &Gateway| {
        let url = format!("{}/claims", gateway.base);
        let request = gateway.client.get(url);
        request.bearer_auth(token::of("t", "alice"))
    };
    assert_eq!(answer(claims(&gateway)).await.0, 200);

    let other = "admin.token = \"another-token-of-the-operators\"\n\
                 auth.secret = \"another secret of more than 32 bytes\"\n\
                 log.filter = \"info\"";
    gateway.write(other);
    let (status, body) = gateway.reload().await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["applied"],
        json!(["admin.token", "auth.secret", "log.filter"])
    );
    // Which only the new filter lets through.
    gateway.logged("the configuration was read again").await;
    assert_eq!(answer(claims(&gateway)).await.0, 401);
    assert_eq!(gateway.reload().await.0, 401);

    // And back, by what is left of the ways.
    gateway.write(SECRETS);
    gateway.hang_up().await;
    gateway.logged("the configuration was read again").await;
    assert_eq!(answer(claims(&gateway)).await.0, 200);
    assert_eq!(gateway.reload().await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_read_again_unless_they_are_wrong() {
    let settings = with_secrets(
        "server.tls.certificate = \"certificate.pem\"\n\
         server.tls.key = \"key.pem\"\n\
         server.tls.reload_interval = \"1day\"",
    );
    let folder = tempfile::tempdir().unwrap();
    let write = || {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        std::fs::write(folder.path().join("certificate.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    };
    write();
    let settings = settings
        .replace(
            "certificate.pem",
            folder.path().join("certificate.pem").to_str().unwrap(),
        )
        .replace("key.pem", folder.path().join("key.pem").to_str().unwrap());
    let gateway = Gateway::start(&settings).await;
    assert_eq!(gateway.reload().await.1["certificates"], false);
    write();
    assert_eq!(gateway.reload().await.1["certificates"], true);
    std::fs::write(folder.path().join("key.pem"), "no key").unwrap();
    let (status, body) = gateway.reload().await;
    assert_eq!(status, 422, "{body}");
    assert!(!body.to_string().contains("no key\""), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reload_is_on_record_with_who_and_what() {
    let gateway = Gateway::start(&policy("no-referrer")).await;
    gateway.write(&format!(
        "{}\nplugin.misfit.limits.memory = \"32MiB\"",
        policy("same-origin")
    ));
    let url = format!("{}/v1/reload", gateway.admin);
    let request = gateway.client.post(url).bearer_auth(OPERATOR);
    let (status, body) = answer(request.header("x-operator", "mary")).await;
    assert_eq!(status, 200, "{body}");
    let entry = gateway.recorded(1).await;
    assert_eq!(
        (&entry["actor"], &entry["outcome"], &entry["plugin"]),
        (&json!("mary"), &json!("allowed"), &json!(null))
    );
    assert_eq!(entry["details"], body);
    let applied = json!(["server.security.referrer_policy"]);
    assert_eq!(entry["details"]["applied"], applied);

    gateway.write(&with_secrets("auth.secret = \"twice, and so refused\""));
    gateway.hang_up().await;
    let entry = gateway.recorded(2).await;
    assert_eq!(
        (&entry["actor"], &entry["outcome"]),
        (&json!("SIGHUP"), &json!("denied"))
    );
    let reason = entry["details"]["refused"].as_str().unwrap();
    assert!(reason.contains("gateway.toml"), "{reason}");
    assert!(!reason.contains("twice"), "{reason}");

    // What it wrote is in the chain.
    let verify = ["audit", "verify", "--config", "gateway.toml"];
    gateway.write(SECRETS);
    let ran = gateway_tests::command::run(gateway.folder.path(), &verify, &[]).await;
    ran.ok();
}
