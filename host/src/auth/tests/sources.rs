use std::time::Instant;

use hyper::StatusCode;

use super::key_sets::jwk;
use super::server::KeyServer;
use super::*;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rules with a key set at a URL and no configured key, where nothing happens by itself
/// unless a test says so.
fn rules_of(url: String) -> Auth {
    let mut rules = rules();
    rules.keys.clear();
    rules.jwks.url = Some(url);
    rules.refresh = Refresh {
        interval: Duration::from_secs(3600),
        floor: Duration::from_secs(3600),
        max_age: Duration::from_secs(7200),
        timeout: Duration::from_secs(10),
    };
    rules
}

fn first() -> Value {
    jwk(RSA_PUBLIC, Algorithm::Rs256, Some("first"))
}

fn next() -> Value {
    jwk(OTHER_RSA_PUBLIC, Algorithm::Rs256, Some("next"))
}

/// A token of the key `id`, which is the one that the name says.
fn token(id: &str) -> String {
    let pem = if id == "next" { OTHER_RSA } else { RSA };
    signed(
        &json!({"alg": "RS256", "kid": id}).to_string(),
        &json!({"sub": "alice", "exp": NOW + 60}).to_string(),
        Alg::RS256,
        &EncodingKey::from_rsa_pem(pem).unwrap(),
    )
}

async fn authenticate(verifier: &Verifier, token: &str) -> Result<(), TokenError> {
    let header = format!("Bearer {token}");
    let outcome = verifier.authenticate([header.as_bytes()].into_iter());
    tokio::time::timeout(PATIENCE, outcome)
        .await
        .expect("no request waits for long")
        .map(drop)
}

/// Tries until the outcome is the expected one. In between, a token of a key that nobody
/// has causes the set to be read again as soon as it may be.
async fn becomes(verifier: &Verifier, token: &str, expected: Result<(), TokenError>) {
    let start = Instant::now();
    loop {
        let _ = authenticate(verifier, &self::token("nobody")).await;
        let outcome = authenticate(verifier, token).await;
        if outcome == expected {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{outcome:?} for {expected:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_key_set_is_fetched_once_and_kept() {
    let server = KeyServer::start(json!([first()])).await;
    let verifier = verifier(&rules_of(server.url()));
    let requests = (0..32).map(|_| async { authenticate(&verifier, &token("first")).await });
    for outcome in join_all(requests).await {
        assert_eq!(outcome, Ok(()));
    }
    assert_eq!(
        check(&verifier, &token("first")),
        Ok(()),
        "nothing to wait for"
    );
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn https_needs_an_authority_that_is_trusted() {
    let server = KeyServer::start_tls(json!([first()])).await;
    let mut rules = rules_of(server.tls_url());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/auth/test_keys/tls");
    rules.jwks.ca_file = Some(folder.join("ca.pem"));
    assert_eq!(
        authenticate(&verifier(&rules), &token("first")).await,
        Ok(())
    );
    rules.jwks.ca_file = Some(folder.join("other-ca.pem"));
    let refused = authenticate(&verifier(&rules), &token("first")).await;
    assert_eq!(refused, Err(TokenError::NoKeys), "signed by nobody we know");
    rules.jwks.ca_file = Some(folder.join("none.pem"));
    let error = Verifier::new(&rules).unwrap_err().to_string();
    assert!(
        error.contains("auth.jwks.ca_file") && error.contains("none.pem"),
        "{error}"
    );
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_key_that_came_is_found_and_one_that_went_is_refused() {
    let server = KeyServer::start(json!([first()])).await;
    let mut rules = rules_of(server.url());
    rules.refresh.floor = Duration::from_millis(10);
    let verifier = verifier(&rules);
    assert_eq!(authenticate(&verifier, &token("first")).await, Ok(()));
    server.publish(json!([first(), next()]));
    // The interval is an hour: it is the unknown id that has the set read again.
    becomes(&verifier, &token("next"), Ok(())).await;
    let remembered = verifier.remembered.len();
    assert_eq!(check(&verifier, &token("first")), Ok(()));
    assert_eq!(
        verifier.remembered.len(),
        remembered,
        "the same key as before"
    );

    server.publish(json!([next()]));
    // Remembered as good or not: its key is gone.
    becomes(&verifier, &token("first"), Err(TokenError::UnknownKey)).await;
    assert_eq!(check(&verifier, &token("next")), Ok(()));
}

#[tokio::test]
async fn keys_are_read_again_in_the_background() {
    let server = KeyServer::start(json!([first()])).await;
    let mut rules = rules_of(server.url());
    rules.refresh.interval = Duration::from_millis(20);
    rules.refresh.floor = Duration::from_millis(20);
    let verifier = verifier(&rules);
    assert_eq!(authenticate(&verifier, &token("first")).await, Ok(()));
    // Another key under the same id: no token can tell.
    server.publish(json!([jwk(
        OTHER_RSA_PUBLIC,
        Algorithm::Rs256,
        Some("first")
    )]));
    becomes(&verifier, &token("first"), Err(TokenError::Signature)).await;
}

#[tokio::test]
async fn a_storm_of_unknown_ids_causes_few_reads() {
    let server = KeyServer::start(json!([first()])).await;
    let verifier = verifier(&rules_of(server.url()));
    assert_eq!(authenticate(&verifier, &token("first")).await, Ok(()));
    let strangers = (0..200).map(|number| {
        let token = token(&format!("stranger {number}"));
        let verifier = &verifier;
        async move { authenticate(verifier, &token).await }
    });
    for outcome in join_all(strangers).await {
        assert_eq!(outcome, Err(TokenError::UnknownKey));
    }
    assert_eq!(server.asked(), 1, "none within the floor");
}

#[tokio::test]
async fn a_storm_at_a_slow_source_is_one_read_and_stops_nobody() {
    let server = KeyServer::start(json!([first()])).await;
    let mut rules = rules_of(server.url());
    rules.refresh.floor = Duration::from_millis(10);
    let verifier = Arc::new(verifier(&rules));
    assert_eq!(authenticate(&verifier, &token("first")).await, Ok(()));
    server.change(|answer| answer.after = Duration::from_secs(1));
    // Once the floor is over, all of these wait for one read, or for none.
    becomes(&verifier, &token("stranger"), Err(TokenError::UnknownKey)).await;
    let before = server.asked();
    let storm: Vec<_> = (0..200)
        .map(|number| {
            let verifier = Arc::clone(&verifier);
            let token = token(&format!("stranger {number}"));
            tokio::spawn(async move { authenticate(&verifier, &token).await })
        })
        .collect();
    let mut good = 0;
    while storm.iter().any(|stranger| !stranger.is_finished()) {
        let start = Instant::now();
        assert_eq!(authenticate(&verifier, &token("first")).await, Ok(()));
        assert!(
            start.elapsed() < Duration::from_millis(700),
            "waited for the read"
        );
        good += 1;
        tokio::task::yield_now().await;
    }
    assert!(good > 0);
    for stranger in storm {
        assert_eq!(stranger.await.unwrap(), Err(TokenError::UnknownKey));
    }
    let reads = server.asked() - before;
    assert!(reads <= 2, "{reads} reads");
}

#[tokio::test]
async fn a_request_that_goes_away_cuts_no_read() {
    let server = KeyServer::start(json!([first()])).await;
    server.change(|answer| answer.after = Duration::from_millis(100));
    let verifier = verifier(&rules_of(server.url()));
    let first = token("first");
    let hurried = authenticate(&verifier, &first);
    let gone = tokio::time::timeout(Duration::from_millis(10), hurried).await;
    assert!(gone.is_err(), "it went away before the answer");
    assert_eq!(authenticate(&verifier, &first).await, Ok(()));
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn good_keys_stay_while_the_source_fails_but_not_for_ever() {
    let server = KeyServer::start(json!([first()])).await;
    let mut rules = rules_of(server.url());
    rules.refresh.interval = Duration::from_millis(20);
    rules.refresh.floor = Duration::from_millis(20);
    let lasting = verifier(&rules);
    assert_eq!(authenticate(&lasting, &token("first")).await, Ok(()));

    #[rustfmt::skip] // A table: one case a line.
    let failures: [(StatusCode, String); 6] = [
        (StatusCode::INTERNAL_SERVER_ERROR, json!({"keys": []}).to_string()),
        (StatusCode::FOUND, json!({"keys": []}).to_string()),
        (StatusCode::OK, String::new()),
        (StatusCode::OK, "<html>".into()),
        (StatusCode::OK, r#"{"error":"x"}"#.into()),
        (StatusCode::OK, format!(r#"{{"keys":[{}]}}"#, " ".repeat(20 << 10))),
    ];
    for (status, body) in failures {
        server.change(|answer| (answer.status, answer.body) = (status, body.clone()));
        let before = server.asked();
        let start = Instant::now();
        // One may have been under way when the answer changed.
        while server.asked() < before + 3 {
            assert!(start.elapsed() < PATIENCE, "it is asked again");
            assert_eq!(
                authenticate(&lasting, &token("first")).await,
                Ok(()),
                "{status} {body:.20}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(
        authenticate(&lasting, &token("other")).await,
        Err(TokenError::UnknownKey)
    );

    server.change(|answer| answer.status = StatusCode::OK);
    server.publish(json!([first()]));
    rules.refresh.max_age = Duration::from_millis(100);
    let forgetful = verifier(&rules);
    assert_eq!(authenticate(&forgetful, &token("first")).await, Ok(()));
    drop(server);
    becomes(&forgetful, &token("first"), Err(TokenError::NoKeys)).await;
    assert_eq!(check(&lasting, &token("first")), Ok(()));
}

#[tokio::test]
async fn a_source_that_never_answered_has_no_keys() {
    let server = KeyServer::start(json!([first()])).await;
    server.change(|answer| answer.after = PATIENCE * 10);
    let mut rules = rules_of(server.url());
    rules.keys.push(key(None, Algorithm::Hs256, SECRET));
    rules.refresh.timeout = Duration::from_millis(50);
    rules.refresh.floor = Duration::from_millis(20);
    let verifier = verifier(&rules);
    assert_eq!(
        authenticate(&verifier, &token("first")).await,
        Err(TokenError::NoKeys)
    );
    // What needs no key from there waits for none.
    let secret = |bytes: &[u8]| {
        let payload = json!({"exp": NOW + 60}).to_string();
        signed(
            r#"{"alg":"HS256"}"#,
            &payload,
            Alg::HS256,
            &EncodingKey::from_secret(bytes),
        )
    };
    assert_eq!(authenticate(&verifier, &secret(SECRET)).await, Ok(()));
    assert_eq!(
        authenticate(&verifier, &secret(b"x")).await,
        Err(TokenError::Signature)
    );
    assert_eq!(
        authenticate(&verifier, "a.b.c").await,
        Err(TokenError::Malformed)
    );
    server.change(|answer| answer.after = Duration::ZERO);
    becomes(&verifier, &token("first"), Ok(())).await;
}

#[tokio::test]
async fn a_token_cannot_name_where_its_key_is() {
    let theirs = KeyServer::start(json!([next()])).await;
    let ours = KeyServer::start(json!([first()])).await;
    let mut rules = rules_of(ours.url());
    rules.refresh.floor = Duration::from_millis(10);
    let verifier = verifier(&rules);
    let header = json!({"alg": "RS256", "kid": "next", "jku": theirs.url(), "x5u": theirs.url()});
    let payload = json!({"exp": NOW + 60}).to_string();
    let other = EncodingKey::from_rsa_pem(OTHER_RSA).unwrap();
    let forged = signed(&header.to_string(), &payload, Alg::RS256, &other);
    assert_eq!(
        authenticate(&verifier, &forged).await,
        Err(TokenError::UnknownKey)
    );
    becomes(&verifier, &token("first"), Ok(())).await;
    assert!(ours.asked() > 0);
    assert_eq!(theirs.asked(), 0);
}

#[tokio::test]
async fn a_set_in_a_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, json!({"keys": [first()]}).to_string()).unwrap();
    let mut rules = rules_of(String::new());
    rules.jwks.url = None;
    rules.jwks.file = Some(path.clone());
    rules.refresh.floor = Duration::from_millis(10);
    let verifier = verifier(&rules);
    assert_eq!(authenticate(&verifier, &token("first")).await, Ok(()));
    std::fs::write(&path, json!({"keys": [next()]}).to_string()).unwrap();
    becomes(&verifier, &token("next"), Ok(())).await;
    assert_eq!(
        check(&verifier, &token("first")),
        Err(TokenError::UnknownKey)
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        authenticate(&verifier, &token("other")).await,
        Err(TokenError::UnknownKey)
    );
    assert_eq!(check(&verifier, &token("next")), Ok(()));
}

#[tokio::test]
async fn sources_add_up() {
    let server = KeyServer::start(json!([first()])).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, json!({"keys": [next()]}).to_string()).unwrap();
    let mut rules = rules_of(server.url());
    rules.jwks.file = Some(path);
    rules
        .keys
        .push(key(Some("ec"), Algorithm::Es256, EC_PUBLIC));
    let verifier = verifier(&rules);
    assert_eq!(authenticate(&verifier, &token("next")).await, Ok(()));
    assert_eq!(authenticate(&verifier, &token("first")).await, Ok(()));
    let es = es256(
        r#"{"alg":"ES256","kid":"ec"}"#,
        &json!({"exp": NOW + 60}).to_string(),
    );
    assert_eq!(check(&verifier, &es), Ok(()));
}
