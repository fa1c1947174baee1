use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm as Alg, EncodingKey, crypto};
use serde_json::{Map, Value, json};

use super::*;
use crate::config::{Algorithm, Auth, Jwks, Key, Refresh};

mod key_sets;
mod server;
mod sources;

const NOW: u64 = 1_800_000_000;
const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";
const RSA: &[u8] = include_bytes!("test_keys/rs256.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("test_keys/rs256.pub.pem");
const EC: &[u8] = include_bytes!("test_keys/es256.pem");
const EC_PUBLIC: &[u8] = include_bytes!("test_keys/es256.pub.pem");
const EC384: &[u8] = include_bytes!("test_keys/es384.pem");
const EC384_PUBLIC: &[u8] = include_bytes!("test_keys/es384.pub.pem");
const ED: &[u8] = include_bytes!("test_keys/ed25519.pem");
const ED_PUBLIC: &[u8] = include_bytes!("test_keys/ed25519.pub.pem");
const OTHER_RSA: &[u8] = include_bytes!("test_keys/rs256-next.pem");
const OTHER_RSA_PUBLIC: &[u8] = include_bytes!("test_keys/rs256-next.pub.pem");
const WEAK_RSA_PUBLIC: &[u8] = include_bytes!("test_keys/rs1024.pub.pem");

fn key(id: Option<&str>, algorithm: Algorithm, material: &[u8]) -> Key {
    Key {
        id: id.map(str::to_owned),
        algorithm,
        material: material.to_vec(),
    }
}

/// The defaults, with one key of each kind.
fn rules() -> Auth {
    Auth {
        keys: vec![
            key(None, Algorithm::Hs256, SECRET),
            key(Some("rsa"), Algorithm::Rs256, RSA_PUBLIC),
            key(Some("ec"), Algorithm::Es256, EC_PUBLIC),
            key(Some("pss"), Algorithm::Ps256, RSA_PUBLIC),
            key(Some("ec384"), Algorithm::Es384, EC384_PUBLIC),
            key(Some("ed"), Algorithm::EdDsa, ED_PUBLIC),
        ],
        jwks: Jwks {
            file: None,
            url: None,
            ca_file: None,
            max_bytes: 16 << 10,
        },
        database: None,
        refresh: Refresh {
            interval: Duration::from_secs(300),
            floor: Duration::from_secs(10),
            max_age: Duration::from_secs(3600),
            timeout: Duration::from_secs(3),
        },
        issuer: None,
        audience: None,
        require_exp: true,
        leeway: Duration::from_secs(5),
        max_token_bytes: 16 << 10,
    }
}

fn verifier(rules: &Auth) -> Verifier {
    Verifier::with_clock(rules, || UNIX_EPOCH + Duration::from_secs(NOW)).unwrap()
}

fn signed(header: &str, payload: &str, algorithm: Alg, key: &EncodingKey) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn hs256(payload: &str) -> String {
    signed(
        r#"{"alg":"HS256"}"#,
        payload,
        Alg::HS256,
        &EncodingKey::from_secret(SECRET),
    )
}

fn rs256(header: &str, payload: &str) -> String {
    signed(
        header,
        payload,
        Alg::RS256,
        &EncodingKey::from_rsa_pem(RSA).unwrap(),
    )
}

fn es256(header: &str, payload: &str) -> String {
    signed(
        header,
        payload,
        Alg::ES256,
        &EncodingKey::from_ec_pem(EC).unwrap(),
    )
}

fn read(verifier: &Verifier, header: &str) -> Result<Option<Arc<Claims>>, TokenError> {
    verifier.verify([header.as_bytes()].into_iter())
}

/// The bytes that a PEM text encodes.
fn pem_body(pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}

fn check(verifier: &Verifier, token: &str) -> Result<(), TokenError> {
    read(verifier, &format!("Bearer {token}")).map(drop)
}

#[test]
fn headers() {
    let verifier = verifier(&rules());
    let good = hs256(&json!({"exp": NOW + 60}).to_string());
    assert_eq!(verifier.verify([].into_iter()), Ok(None));
    for scheme in ["Bearer ", "bearer ", "BEARER ", "Bearer   "] {
        assert!(
            read(&verifier, &format!("{scheme}{good}"))
                .unwrap()
                .is_some()
        );
    }
    let long = "a".repeat(16 * 1024 + 1);
    #[rustfmt::skip] // A table: one case a line.
    let table = [
        (good.clone(), TokenError::Scheme),
        ("Basic dXNlcjpwYXNz".into(), TokenError::Scheme),
        (String::new(), TokenError::Scheme),
        ("Bearer".into(), TokenError::Scheme),
        (format!("Bearer{good}"), TokenError::Scheme),
        ("Bearer ".into(), TokenError::Malformed),
        (format!("Bearer {good} {good}"), TokenError::Malformed),
        (format!("Bearer {good},Bearer {good}"), TokenError::Malformed),
        (format!("Bearer {good}="), TokenError::Malformed),
        (format!("Bearer {good}.x"), TokenError::Malformed),
        ("Bearer a.b".into(), TokenError::Malformed),
        ("Bearer ..".into(), TokenError::Malformed),
        (format!("Bearer {long}"), TokenError::TooLong),
    ];
    for (header, expected) in table {
        assert_eq!(read(&verifier, &header), Err(expected), "{header}");
    }
    assert_eq!(
        verifier.verify([&b"Bearer \xff\xfe.a.b"[..]].into_iter()),
        Err(TokenError::Malformed)
    );
    let twice = [&b"Bearer a.b.c"[..], b"Bearer a.b.c"];
    assert_eq!(
        verifier.verify(twice.into_iter()),
        Err(TokenError::Repeated)
    );
}

#[test]
fn signatures_and_algorithms() {
    let verifier = verifier(&rules());
    let payload = json!({"exp": NOW + 60}).to_string();
    let (rsa_header, ec_header) = (
        r#"{"alg":"RS256","kid":"rsa"}"#,
        r#"{"alg":"ES256","kid":"ec"}"#,
    );
    let unsigned = |header: &str, signature: &str| {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{signature}", encode(header), encode(&payload))
    };
    let by_secret = |header: &str, secret: &[u8]| {
        let key = EncodingKey::from_secret(secret);
        signed(header, &payload, Alg::HS256, &key)
    };
    let with_rsa = |header: &str, algorithm| {
        let key = EncodingKey::from_rsa_pem(RSA).unwrap();
        signed(header, &payload, algorithm, &key)
    };
    // Whoever forges a token can write this into it, and sign with it.
    let forged = |members: &str| {
        let header = format!(r#"{{"alg":"RS256",{members}}}"#);
        let key = EncodingKey::from_rsa_pem(OTHER_RSA).unwrap();
        signed(&header, &payload, Alg::RS256, &key)
    };
    let own_key = key_sets::jwk(OTHER_RSA_PUBLIC, Algorithm::Rs256, None).to_string();
    let public_jwk = key_sets::jwk(RSA_PUBLIC, Algorithm::Rs256, Some("rsa"));
    let public_der = pem_body(RSA_PUBLIC);
    let hs = |header: &str| {
        signed(
            header,
            &payload,
            Alg::HS256,
            &EncodingKey::from_secret(SECRET),
        )
    };
    let good = hs256(&payload);
    let other_payload = {
        let parts: Vec<&str> = good.split('.').collect();
        let forged = URL_SAFE_NO_PAD.encode(json!({"exp": NOW + 61}).to_string());
        format!("{}.{forged}.{}", parts[0], parts[2])
    };
    #[rustfmt::skip] // A table: one case a line.
    let table = [
        ("HS256", good.clone(), Ok(())),
        ("HS256 with a key id that no key asks for", hs(r#"{"alg":"HS256","kid":"x"}"#), Ok(())),
        ("RS256", rs256(rsa_header, &payload), Ok(())),
        ("ES256", es256(ec_header, &payload), Ok(())),
        ("none", unsigned(r#"{"alg":"none"}"#, ""), Err(TokenError::Algorithm)),
        ("None", unsigned(r#"{"alg":"None"}"#, "AAAA"), Err(TokenError::Algorithm)),
        ("no algorithm", hs("{}"), Err(TokenError::Malformed)),
        ("null algorithm", hs(r#"{"alg":null}"#), Err(TokenError::Malformed)),
        ("two algorithms", hs(r#"{"alg":"HS256","alg":"HS256"}"#), Err(TokenError::Malformed)),
        ("HS512", hs(r#"{"alg":"HS512"}"#), Err(TokenError::Algorithm)),
        ("hs256", hs(r#"{"alg":"hs256"}"#), Err(TokenError::Algorithm)),
        ("a critical header", hs(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#), Err(TokenError::CriticalHeader)),
        ("a critical header of null", hs(r#"{"alg":"HS256","crit":null}"#), Err(TokenError::CriticalHeader)),
        ("a critical header of nothing", hs(r#"{"alg":"HS256","crit":[]}"#), Err(TokenError::CriticalHeader)),
        ("a name twice in the header", hs(r#"{"alg":"HS256","typ":"JWT","typ":"JWT"}"#), Err(TokenError::Malformed)),
        ("a name twice, one escaped", hs(r#"{"alg":"HS256","\u0061lg":"HS256"}"#), Err(TokenError::Malformed)),
        ("a name twice, deep inside", hs(r#"{"alg":"HS256","x":{"a":1,"a":1}}"#), Err(TokenError::Malformed)),
        ("a token in a token", hs(r#"{"alg":"HS256","cty":"JWT"}"#), Err(TokenError::Nested)),
        ("a token in a token, in small letters", hs(r#"{"alg":"HS256","cty":"application/jwt"}"#), Err(TokenError::Nested)),
        ("an encrypted one's header", hs(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#), Err(TokenError::Nested)),
        ("an encrypted one", format!("{}.AAAA.AAAA.AAAA.AAAA", URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)), Err(TokenError::Malformed)),
        ("no signature", unsigned(r#"{"alg":"HS256"}"#, ""), Err(TokenError::Signature)),
        ("another payload", other_payload, Err(TokenError::Signature)),
        ("another secret", signed(r#"{"alg":"HS256"}"#, &payload, Alg::HS256, &EncodingKey::from_secret(b"x")), Err(TokenError::Signature)),
        ("the public key as a secret", by_secret(r#"{"alg":"HS256","kid":"rsa"}"#, RSA_PUBLIC), Err(TokenError::Signature)),
        ("the public key without its line end", by_secret(r#"{"alg":"HS256"}"#, RSA_PUBLIC.trim_ascii_end()), Err(TokenError::Signature)),
        ("the public key's bytes as a secret", by_secret(r#"{"alg":"HS256"}"#, &public_der), Err(TokenError::Signature)),
        ("the public JWK as a secret", by_secret(r#"{"alg":"HS256"}"#, public_jwk.to_string().as_bytes()), Err(TokenError::Signature)),
        ("the modulus as a secret", by_secret(r#"{"alg":"HS256"}"#, public_jwk["n"].as_str().unwrap().as_bytes()), Err(TokenError::Signature)),
        ("HS256 signed, RS256 said", by_secret(rsa_header, RSA_PUBLIC), Err(TokenError::Signature)),
        ("PS256", with_rsa(r#"{"alg":"PS256","kid":"pss"}"#, Alg::PS256), Ok(())),
        ("ES384", signed(r#"{"alg":"ES384","kid":"ec384"}"#, &payload, Alg::ES384, &EncodingKey::from_ec_pem(EC384).unwrap()), Ok(())),
        ("EdDSA", signed(r#"{"alg":"EdDSA","kid":"ed"}"#, &payload, Alg::EdDSA, &EncodingKey::from_ed_pem(ED).unwrap()), Ok(())),
        ("RS256 with the key of PS256", with_rsa(r#"{"alg":"RS256","kid":"pss"}"#, Alg::RS256), Err(TokenError::UnknownKey)),
        ("PS256 with the key of RS256", with_rsa(r#"{"alg":"PS256","kid":"rsa"}"#, Alg::PS256), Err(TokenError::UnknownKey)),
        ("PS256 signed, RS256 said", with_rsa(rsa_header, Alg::PS256), Err(TokenError::Signature)),
        ("its own key", forged(&format!(r#""kid":"rsa","jwk":{own_key}"#)), Err(TokenError::Signature)),
        ("its own key, without an id", forged(&format!(r#""jwk":{own_key}"#)), Err(TokenError::UnknownKey)),
        ("where to fetch its key", forged(r#""kid":"rsa","jku":"http://127.0.0.1:1/keys""#), Err(TokenError::Signature)),
        ("where to fetch its certificate", forged(r#""kid":"rsa","x5u":"http://127.0.0.1:1/","x5c":["AAAA"]"#), Err(TokenError::Signature)),
        ("a good one with such words", rs256(r#"{"alg":"RS256","kid":"rsa","jku":"http://x/","x5u":"http://x/","jwk":{},"typ":"JWT"}"#, &payload), Ok(())),
        ("RS256 signed, ES256 said", rs256(ec_header, &payload), Err(TokenError::Signature)),
        ("an unknown key id", rs256(r#"{"alg":"RS256","kid":"old"}"#, &payload), Err(TokenError::UnknownKey)),
        ("a path as key id", rs256(r#"{"alg":"RS256","kid":"../../dev/null"}"#, &payload), Err(TokenError::UnknownKey)),
        ("SQL as key id", rs256(r#"{"alg":"RS256","kid":"' OR '1'='1"}"#, &payload), Err(TokenError::UnknownKey)),
        ("no key id where the key has one", rs256(r#"{"alg":"RS256"}"#, &payload), Err(TokenError::UnknownKey)),
        ("the key id of another algorithm", rs256(r#"{"alg":"RS256","kid":"ec"}"#, &payload), Err(TokenError::UnknownKey)),
        ("a key id that is no text", rs256(r#"{"alg":"RS256","kid":1}"#, &payload), Err(TokenError::Malformed)),
    ];
    for (name, token, expected) in table {
        // Twice: a remembered token is no different.
        assert_eq!(check(&verifier, &token), expected, "{name}");
        assert_eq!(check(&verifier, &token), expected, "{name}, again");
    }
    let mut only_public = rules();
    only_public.keys.remove(0);
    let only_public = Verifier::with_clock(&only_public, SystemTime::now).unwrap();
    assert_eq!(check(&only_public, &good), Err(TokenError::UnknownKey));
}

#[test]
fn claims_are_read_strictly() {
    let verifier = verifier(&rules());
    let nested = |depth: usize| {
        format!(
            r#"{{"exp":{},"a":{}{}}}"#,
            NOW + 60,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let with = |name: &str, value: &str| format!(r#"{{"exp":{},"{name}":{value}}}"#, NOW + 60);
    let exp = |value: &str| format!(r#"{{"exp":{value}}}"#);
    let wrong = |name| Err(TokenError::Claim(name));
    let long_id = |length: usize| format!("\"{}\"", "ä".repeat(length));
    #[rustfmt::skip] // A table: one case a line.
    let table = [
        (exp(&format!("{}", NOW + 60)), Ok(())),
        (exp(&format!("{}.5", NOW + 60)), Ok(())),
        (exp(&format!("{}", NOW - 4)), Ok(())),
        (exp(&format!("{}", NOW - 5)), Err(TokenError::Expired)),
        (exp("0"), Err(TokenError::Expired)),
        (exp(&format!("\"{}\"", NOW + 60)), wrong("exp")),
        (exp("null"), wrong("exp")),
        (exp("true"), wrong("exp")),
        (exp("[]"), wrong("exp")),
        (exp("-1"), wrong("exp")),
        (exp("1e300"), wrong("exp")),
        (exp("99999999999999999999999"), wrong("exp")),
        (exp("1e400"), Err(TokenError::Malformed)),
        (exp("NaN"), Err(TokenError::Malformed)),
        ("{}".into(), Err(TokenError::Missing("exp"))),
        ("[]".into(), Err(TokenError::Malformed)),
        ("\"exp\"".into(), Err(TokenError::Malformed)),
        ("{\"exp\":1800000060} x".into(), Err(TokenError::Malformed)),
        (with("nbf", &(NOW + 5).to_string()), Ok(())),
        (with("nbf", &(NOW + 6).to_string()), Err(TokenError::NotYetValid)),
        (with("nbf", "\"0\""), wrong("nbf")),
        (with("nbf", "null"), wrong("nbf")),
        (with("iat", "0"), Ok(())),
        (with("iat", "\"0\""), wrong("iat")),
        (with("iat", "-5"), wrong("iat")),
        (with("passwordExpiryTime", "null"), Ok(())),
        (with("passwordExpiryTime", "\"2027-01-15T08:00:01.000Z\""), Ok(())),
        (with("passwordExpiryTime", "\"2027-01-15T08:00:00.000Z\""), Err(TokenError::PasswordExpired)),
        (with("passwordExpiryTime", "1800000000001"), Ok(())),
        (with("passwordExpiryTime", "1800000000000"), Err(TokenError::PasswordExpired)),
        (with("passwordExpiryTime", "\"soon\""), wrong("passwordExpiryTime")),
        (with("passwordExpiryTime", "true"), wrong("passwordExpiryTime")),
        (nested(15), Ok(())),
        (nested(16), Err(TokenError::TooDeep)),
        (nested(127), Err(TokenError::Malformed)),
        (nested(5000), Err(TokenError::Malformed)),
        (with("exp", &(NOW + 600).to_string()), Err(TokenError::Malformed)),
        (format!(r#"{{"id":"a","id":"a","exp":{}}}"#, NOW + 60), Err(TokenError::Malformed)),
        (with("a", r#"[{"b":1,"b":2}]"#), Err(TokenError::Malformed)),
        (with("id", "\"\""), wrong("actor")),
        (with("id", "\"a\\u0000b\""), wrong("actor")),
        (with("id", "1.5"), wrong("actor")),
        (with("id", "{}"), wrong("actor")),
        (with("id", &long_id(128)), Ok(())),
        (with("id", &long_id(129)), wrong("actor")),
        (with("tenantId", "\"\""), wrong("tenant")),
        (with("tenantId", "[\"a\"]"), wrong("tenant")),
    ];
    for (payload, expected) in table {
        assert_eq!(check(&verifier, &hs256(&payload)), expected, "{payload}");
    }
    let without_exp = verifier_with(|rules| rules.require_exp = false);
    assert_eq!(check(&without_exp, &hs256("{}")), Ok(()));
    assert_eq!(check(&without_exp, &hs256("{\"exp\":null}")), wrong("exp"));
}

fn verifier_with(change: impl FnOnce(&mut Auth)) -> Verifier {
    let mut rules = rules();
    change(&mut rules);
    verifier(&rules)
}

#[test]
fn issuer_and_audience_are_required_once_configured() {
    let verifier = verifier_with(|rules| {
        rules.issuer = Some("me".into());
        rules.audience = Some("you".into());
    });
    #[rustfmt::skip] // A table: one case a line.
    let table = [
        (json!({"iss": "me", "aud": "you"}), Ok(())),
        (json!({"iss": "me", "aud": ["them", "you"]}), Ok(())),
        (json!({"aud": "you"}), Err(TokenError::Missing("iss"))),
        (json!({"iss": "Me", "aud": "you"}), Err(TokenError::Issuer)),
        (json!({"iss": ["me"], "aud": "you"}), Err(TokenError::Claim("iss"))),
        (json!({"iss": null, "aud": "you"}), Err(TokenError::Claim("iss"))),
        (json!({"iss": "me"}), Err(TokenError::Missing("aud"))),
        (json!({"iss": "me", "aud": "them"}), Err(TokenError::Audience)),
        (json!({"iss": "me", "aud": []}), Err(TokenError::Audience)),
        (json!({"iss": "me", "aud": ["you", 1]}), Err(TokenError::Claim("aud"))),
        (json!({"iss": "me", "aud": {"you": true}}), Err(TokenError::Claim("aud"))),
    ];
    for (mut claims, expected) in table {
        claims["exp"] = json!(NOW + 60);
        assert_eq!(
            check(&verifier, &hs256(&claims.to_string())),
            expected,
            "{claims}"
        );
    }
}

#[test]
fn the_caller_is_the_first_claim_that_is_there() {
    let verifier = verifier(&rules());
    #[rustfmt::skip] // A table: one case a line.
    let table = [
        (json!({"userTenantId": "a", "id": "b", "sub": "c", "tenantId": "t"}), Some("a"), Some("t")),
        (json!({"userTenantId": null, "id": "b", "tenantId": null}), Some("b"), None),
        (json!({"id": 7, "tenantId": 12}), Some("7"), Some("12")),
        (json!({"sub": "c"}), Some("c"), None),
        (json!({}), None, None),
    ];
    for (mut claims, actor, tenant) in table {
        claims["exp"] = json!(NOW + 60);
        let header = format!("Bearer {}", hs256(&claims.to_string()));
        let found = read(&verifier, &header).unwrap().unwrap();
        assert_eq!(
            (found.actor.as_deref(), found.tenant.as_deref()),
            (actor, tenant)
        );
        assert_eq!(serde_json::from_str::<Value>(&found.json).unwrap(), claims);
    }
}

#[test]
fn a_remembered_token_still_expires() {
    static CLOCK: AtomicU64 = AtomicU64::new(NOW);
    let clock = || UNIX_EPOCH + Duration::from_secs(CLOCK.load(Ordering::Relaxed));
    let verifier = Verifier::with_clock(&rules(), clock).unwrap();
    let payload = json!({"exp": NOW + 60}).to_string();
    let token = es256(r#"{"alg":"ES256","kid":"ec"}"#, &payload);
    assert_eq!(check(&verifier, &token), Ok(()));
    assert_eq!(verifier.remembered.len(), 1);
    CLOCK.store(NOW + 65, Ordering::Relaxed);
    assert_eq!(check(&verifier, &token), Err(TokenError::Expired));
    let hs = hs256(&json!({"exp": NOW + 600}).to_string());
    assert_eq!(check(&verifier, &hs), Ok(()));
    assert_eq!(
        verifier.remembered.len(),
        1,
        "a secret's signature is cheap to check"
    );
}

#[test]
fn minted_tokens_verify() {
    let mut rules = rules();
    rules.issuer = Some("me".into());
    rules.audience = Some("you".into());
    let claims = Map::from_iter([("sub".to_owned(), json!("alice"))]);
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    let mint = |rules: &Auth| super::mint(rules, claims.clone(), now, Duration::from_secs(60));
    let token = mint(&rules).unwrap();
    let header = format!("Bearer {token}");
    let found = read(&verifier(&rules), &header).unwrap().unwrap();
    assert_eq!(found.actor.as_deref(), Some("alice"));
    rules.keys.remove(0);
    let error = mint(&rules).unwrap_err().to_string();
    assert!(
        error.contains("only public keys") && error.contains("JWT_SECRET"),
        "{error}"
    );
}

#[test]
fn keys_are_checked_when_they_are_read() {
    let read = |algorithm: &str, file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/auth/test_keys")
            .join(file);
        let keys = format!("[{{algorithm = {algorithm:?}, public_key_file = {path:?}}}]");
        let env = [("GATEWAY_AUTH_KEYS", keys)].into_iter().collect();
        config::Draft::read(None, &env, &config::Flags::default())
            .map(|draft| draft.config().auth.keys.len())
    };
    assert_eq!(read("RS256", "rs256.pub.pem").unwrap(), 1);
    assert_eq!(read("ES256", "es256.pub.pem").unwrap(), 1);
    assert_eq!(read("ES384", "es384.pub.pem").unwrap(), 1);
    assert_eq!(read("EdDSA", "ed25519.pub.pem").unwrap(), 1);
    assert_eq!(read("PS256", "rs256.pub.pem").unwrap(), 1);
    let error = read("RS256", "rs1024.pub.pem").unwrap_err().to_string();
    assert!(
        error.ends_with("the RSA key has 1024 bits; make one of 2048 to 8192"),
        "{error}"
    );
    for (algorithm, file) in [
        ("RS256", "es256.pub.pem"),
        ("ES256", "rs256.pub.pem"),
        ("RS256", "rs256.pem"),
        ("ES256", "es256.pem"),
        ("ES256", "es384.pub.pem"),
        ("ES384", "es256.pub.pem"),
        ("EdDSA", "es256.pub.pem"),
        ("PS256", "ed25519.pub.pem"),
        ("RS256", "tls/server.pem"),
    ] {
        let error = read(algorithm, file).expect_err(file).to_string();
        assert!(error.contains("public key in PEM"), "{error}");
    }
    let bad = Auth {
        keys: vec![key(None, Algorithm::Es256, b"x")],
        ..rules()
    };
    assert_eq!(
        Verifier::new(&bad).unwrap_err().to_string(),
        "key 0: the key is not a P-256 public key in PEM"
    );
}

#[test]
fn a_token_in_the_query_is_refused() {
    let refused = Err(TokenError::InQuery);
    #[rustfmt::skip] // A table: one case a line.
    let table = [
        (None, Ok(())),
        (Some(""), Ok(())),
        (Some("filter={\"where\":{\"access_token\":1}}"), Ok(())),
        (Some("a=access_token"), Ok(())),
        (Some("xaccess_token=a&access_tokens=b&access=c"), Ok(())),
        (Some("access_token=a"), refused),
        (Some("access_token"), refused),
        (Some("a=b&access_token=c.d.e"), refused),
        (Some("%61ccess%5Ftoken=c.d.e"), refused),
        (Some("&&access_token="), refused),
    ];
    for (query, expected) in table {
        assert_eq!(refuse_in_query(query), expected, "{query:?}");
    }
}
