//! What must not be read in what the gateway writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/tls.rs"]
#[expect(dead_code, reason = "other suites use more of it")]
mod tls;

use std::time::Duration;

use gateway_tests::token;
use gateway_tests::{command, server};
use tls::{Authority, Files, Http, connect};
use tokio::io::{AsyncBufReadExt, BufReader};

/// How long anything here may take.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn not_even_the_most_talkative_log_has_a_secret() {
    let authority = Authority::new();
    let pair = authority.issue();
    let (files, folder) = (Files::new(&pair), tempfile::tempdir().unwrap());
    let misfit = server::component("misfit");
    let misfit = misfit.canonicalize().unwrap();
    let other = "another secret of the tests, of more than 32 bytes";
    let keys = format!("[{{ id = 'k', algorithm = 'HS256', secret = '{other}' }}]");
    let env = files.env(&[
        ("GATEWAY_AUTH_SECRET", token::SECRET),
        ("GATEWAY_AUTH_KEYS", &keys),
        ("GATEWAY_PLUGIN_MISFIT_FILE", misfit.to_str().unwrap()),
        ("GATEWAY_SERVER_LISTEN", "127.0.0.1:0"),
        ("GATEWAY_ADMIN_LISTEN", "127.0.0.1:0"),
        // Compilers have a lot to say, and none of it is about requests.
        (
            "GATEWAY_LOG_FILTER",
            "trace,cranelift_codegen=info,wasmtime=info,regalloc2=info",
        ),
    ]);
    let env: Vec<_> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let mut child = command::start(folder.path(), &["serve"], &env);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    // Read all along, or the gateway would wait for a reader.
    let log = tokio::spawn(async move {
        let mut text = Vec::new();
        while log.read_until(b'\n', &mut text).await.unwrap() > 0 {}
        String::from_utf8(text).unwrap()
    });
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(SOON, out.next_line()).await.unwrap();
    let line = line.unwrap().unwrap();
    let address = line
        .strip_prefix("listening on https://")
        .expect("it serves");

    let good = token::of("acme", "alice");
    let forged = format!("{good}forged");
    for protocol in ["h2", "http/1.1"] {
        let client = authority.client(&[protocol], None);
        let stream = connect(&client, address.parse().unwrap()).await.unwrap();
        let mut http = Http::over(stream).await;
        for (token, path, status) in [
            (good.as_str(), "/ok", 200),
            (good.as_str(), "/trap", 500),
            (forged.as_str(), "/ok", 401),
        ] {
            let answer = http.get_with(path, Some(token)).await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
        }
        let in_query = format!("/ok?access_token={good}");
        assert_eq!(http.get(&in_query).await.unwrap().status(), 401);
    }
    command::terminate(&child).await;
    let text = tokio::time::timeout(SOON, log).await.unwrap().unwrap();
    assert!(text.contains("answered"), "nothing was logged:\n{text}");

    let signature = good.rsplit('.').next().unwrap();
    let mut secrets = vec![token::SECRET, other, signature];
    secrets.extend(pair.key.lines().filter(|line| !line.starts_with('-')));
    for secret in secrets {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret:?} is in the log");
    }
}
