use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde_json::{Value, json};

use super::*;
use crate::auth::key_set::{KeySet, MAX_KEYS, read};

/// A public key in PEM as an entry of a key set.
pub(super) fn jwk(pem: &[u8], algorithm: Algorithm, id: Option<&str>) -> Value {
    let (key, name) = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => (DecodingKey::from_rsa_pem(pem), algorithm.name()),
        Algorithm::EdDsa => (DecodingKey::from_ed_pem(pem), "EdDSA"),
        _ => (DecodingKey::from_ec_pem(pem), algorithm.name()),
    };
    let jwk = Jwk::from_decoding_key(&key.unwrap(), None).unwrap();
    let mut jwk = serde_json::to_value(jwk).unwrap();
    jwk["alg"] = json!(name);
    if let Some(id) = id {
        jwk["kid"] = json!(id);
    }
    jwk
}

/// The entry with other members; null takes one away.
fn with(mut entry: Value, members: Value) -> Value {
    let Value::Object(members) = members else {
        unreachable!("members are an object")
    };
    for (name, value) in members {
        match value {
            Value::Null => drop(entry.as_object_mut().unwrap().remove(&name)),
            value => entry[name] = value,
        }
    }
    entry
}

fn rsa() -> Value {
    jwk(RSA_PUBLIC, Algorithm::Rs256, Some("r"))
}

fn ec() -> Value {
    jwk(EC_PUBLIC, Algorithm::Es256, Some("e"))
}

#[test]
fn a_key_has_one_algorithm_or_is_skipped() {
    let ed = || jwk(ED_PUBLIC, Algorithm::EdDsa, None);
    let weak = jwk(WEAK_RSA_PUBLIC, Algorithm::Rs256, None);
    #[rustfmt::skip] // A table: one case a line.
    let table = [
        (rsa(), Ok(Algorithm::Rs256)),
        (with(rsa(), json!({"alg": null})), Ok(Algorithm::Rs256)),
        (with(rsa(), json!({"alg": "PS256"})), Ok(Algorithm::Ps256)),
        (with(rsa(), json!({"use": "sig", "key_ops": ["verify"], "x5c": ["AAAA"]})), Ok(Algorithm::Rs256)),
        (ec(), Ok(Algorithm::Es256)),
        (with(ec(), json!({"alg": null})), Ok(Algorithm::Es256)),
        (jwk(EC384_PUBLIC, Algorithm::Es384, None), Ok(Algorithm::Es384)),
        (with(jwk(EC384_PUBLIC, Algorithm::Es384, None), json!({"alg": null})), Ok(Algorithm::Es384)),
        (ed(), Ok(Algorithm::EdDsa)),
        (with(ed(), json!({"alg": null})), Ok(Algorithm::EdDsa)),
        (weak, Err("the RSA key has 1024 bits; make one of 2048 to 8192")),
        (with(rsa(), json!({"use": "enc"})), Err("its use is \"enc\", not \"sig\"")),
        (with(rsa(), json!({"key_ops": ["encrypt"]})), Err("its key_ops lack \"verify\"")),
        (with(rsa(), json!({"alg": "RSA-OAEP"})), Err("its alg \"RSA-OAEP\" is unknown or does not fit")),
        (with(rsa(), json!({"alg": "HS256"})), Err("its alg \"HS256\" is unknown or does not fit")),
        (with(rsa(), json!({"alg": "none"})), Err("its alg \"none\" is unknown or does not fit")),
        (with(rsa(), json!({"alg": "ES256"})), Err("its alg \"ES256\" is unknown or does not fit")),
        (with(ec(), json!({"alg": "ES384"})), Err("its alg \"ES384\" is unknown or does not fit")),
        (with(ec(), json!({"crv": "secp256k1", "alg": null})), Err("unknown kty \"EC\" secp256k1")),
        (with(ec(), json!({"y": null})), Err("the key is not a P-256 public key in PEM")),
        (with(ec(), json!({"x": "AA"})), Err("the key is not a P-256 public key in PEM")),
        (with(rsa(), json!({"n": ""})), Err("the RSA key has 0 bits; make one of 2048 to 8192")),
        (with(rsa(), json!({"n": "+/"})), Err("its parameters cannot be decoded")),
        (with(rsa(), json!({"d": "AAAA"})), Err("the key is a private one, not a public key in PEM")),
        (with(rsa(), json!({"kty": "rsa"})), Err("unknown kty \"rsa\" ")),
        (json!({"kty": "oct", "k": "AAAA", "alg": "HS256"}), Err("unknown kty \"oct\" ")),
        (with(rsa(), json!({"kid": 1})), Err("a member is missing or of the wrong type")),
        (json!({}), Err("a member is missing or of the wrong type")),
        (json!("key"), Err("a member is missing or of the wrong type")),
    ];
    for (entry, expected) in table {
        let text = json!({ "keys": [entry] }).to_string();
        let keys = read(text.as_bytes()).unwrap();
        match expected {
            Ok(algorithm) => {
                assert_eq!(keys.usable[0].algorithm, algorithm, "{text}");
                assert!(keys.skipped.is_empty(), "{text}");
            }
            Err(reason) => {
                assert!(keys.usable.is_empty(), "{text}");
                assert!(keys.skipped[0].ends_with(reason), "{:?}", keys.skipped);
            }
        }
    }
}

#[test]
fn what_is_no_set_is_refused() {
    for text in ["", "{}", "[]", "<html>", r#"{"keys":{}}"#, r#"{"keys":1}"#] {
        assert!(read(text.as_bytes()).is_err(), "{text}");
    }
    assert!(read(br#"{"keys":[]}"#).unwrap().usable.is_empty());
}

#[test]
fn a_set_has_an_end() {
    let keys: Vec<Value> = (0..MAX_KEYS + 100)
        .map(|number| with(ec(), json!({ "kid": number.to_string() })))
        .collect();
    let read = read(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    assert_eq!(read.usable.len(), MAX_KEYS);
    assert!(
        (1..100).contains(&read.skipped.len()),
        "some lines, not one for each"
    );
}

#[test]
fn a_key_id_selects_and_without_one_only_what_is_plain() {
    let set = |keys: Value| {
        let read = read(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        KeySet::replacing(None, read.usable)
    };
    let next = |id: Value| {
        with(
            jwk(OTHER_RSA_PUBLIC, Algorithm::Rs256, None),
            json!({ "kid": id }),
        )
    };
    let fitting = |set: &KeySet, id| set.fitting(Algorithm::Rs256, id).count();

    let two = set(json!([rsa(), next(json!("n")), ec()]));
    assert_eq!(fitting(&two, Some("r")), 1);
    assert_eq!(fitting(&two, Some("e")), 0, "of another algorithm");
    assert_eq!(fitting(&two, Some("x")), 0);
    assert_eq!(fitting(&two, None), 0, "which of the two?");
    assert_eq!(
        two.fitting(Algorithm::Es256, None).count(),
        1,
        "the only one"
    );
    assert!(two.knows("e") && !two.knows("x"));

    let nameless = set(json!([rsa(), next(json!(null))]));
    assert_eq!(fitting(&nameless, None), 1, "the one without an id");
    assert_eq!(fitting(&nameless, Some("r")), 1);
    assert_eq!(fitting(&nameless, Some("x")), 0);

    let many = set(json!(vec![next(json!(null)); 100]));
    assert_eq!(fitting(&many, None), 8, "no more than that are tried");
}
