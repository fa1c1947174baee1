use super::*;

#[test]
fn a_wrong_variable_is_named_with_what_is_allowed() {
    #[rustfmt::skip] // A table: the variables, and what the message has in it.
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[("GATEWAY_SERVER_MAX_CONNECTIONS", "many")], r#"GATEWAY_SERVER_MAX_CONNECTIONS: "many" is not a whole number from 1 to 1000000"#),
        (&[("GATEWAY_SERVER_MAX_CONNECTIONS", "0")], r#"GATEWAY_SERVER_MAX_CONNECTIONS: "0" is not a whole number"#),
        (&[("GATEWAY_SERVER_MAX_CONNECTIONS", "-1")], r#""-1" is not a whole number"#),
        (&[("GATEWAY_SERVER_MAX_HEADER_BYTES", "1KiB")], r#""1KiB" is not a size from 8 KiB to 1 MiB, such as"#),
        (&[("GATEWAY_SERVER_BODY_TIMEOUT", "2 fortnights")], r#""2 fortnights" is not a time from 100ms to 1h, such as"#),
        (&[("GATEWAY_SERVER_LISTEN", "localhost")], r#""localhost" is not an IP address with a port"#),
        (&[("GATEWAY_AUTH_REQUIRE_EXP", "maybe")], r#""maybe" is not true or false"#),
        (&[("GATEWAY_LOG_FORMAT", "xml")], r#""xml" is not one of auto, human, json"#),
        (&[("GATEWAY_LOG_FILTER", "a=b=c")], r#""a=b=c" is not a log filter"#),
        (&[("GATEWAY_AUTH_ISSUER", "a\nb")], r#""a\nb" is not one line"#),
        (&[("GATEWAY_SERVER_MAX_CONECTIONS", "1")], "GATEWAY_SERVER_MAX_CONECTIONS: there is no such setting; did you mean GATEWAY_SERVER_MAX_CONNECTIONS?"),
        (&[("GATEWAY_PLUGIN_NOTES_FIEL", "1")], "GATEWAY_PLUGIN_NOTES_FIEL: there is no such setting"),
        (&[("GATEWAY_XYZ", "1")], "GATEWAY_XYZ: there is no such setting"),
        (&[("GATEWAY_PLUGIN_A_MOUNT", "/a")], "plugin.a: it has no file; set plugin.a.file or GATEWAY_PLUGIN_A_FILE"),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_MOUNT", "a")], r#"GATEWAY_PLUGIN_A_MOUNT: "a" is not a path that starts with /"#),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_MOUNT", "/a/../b")], "is not a path that starts with /"),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_B_FILE", "f")], r#"plugin.b.mount: "/" is the mount of plugin.a as well"#),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_HOSTS", "a.org, *.b.org"), ("GATEWAY_PLUGIN_B_FILE", "f"), ("GATEWAY_PLUGIN_B_HOSTS", "*.b.org")], r#"plugin.b.mount: "/" on *.b.org is the mount of plugin.a as well"#),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_HOSTS", "a.org:80")], r#"GATEWAY_PLUGIN_A_HOSTS: "a.org:80" is not a list of hosts such as"#),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_HOSTS", "A.org")], "is not a list of hosts"),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_HOSTS", "*")], "is not a list of hosts"),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_HOSTS", "a.*.org")], "is not a list of hosts"),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_GRANTS", "sql, files")], r#"GATEWAY_PLUGIN_A_GRANTS: "sql, files" is not a list of audit, blob, clocks"#),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_DATABASE_URL", "sqlite:a"), ("GATEWAY_PLUGIN_A_DATABASE_URL_FILE", "b")], "GATEWAY_PLUGIN_A_DATABASE_URL_FILE: it and GATEWAY_PLUGIN_A_DATABASE_URL say the same"),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_DATABASE_MAX_CONNECTIONS", "2")], "GATEWAY_PLUGIN_A_DATABASE_MAX_CONNECTIONS: the plugin has no database of its own; set plugin.a.database.url"),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_DATABASE_SCHEMA", "a")], "GATEWAY_PLUGIN_A_DATABASE_SCHEMA: the database is not PostgreSQL"),
        (&[("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_LIMITS_WALL_TIME", "10ms")], "plugin.a.limits.cpu_time: 1s is longer than wall_time, which is 10ms"),
        (&[("GATEWAY_ADMIN_LISTEN", "127.0.0.1:3000")], "GATEWAY_ADMIN_LISTEN: 127.0.0.1:3000 is server.listen as well"),
        (&[("GATEWAY_BLOB_STORE", "gs://bucket")], r#"GATEWAY_BLOB_STORE: "gs://bucket" is not the path of a folder, or s3://BUCKET"#),
        (&[("GATEWAY_BLOB_STORE", "file://relative")], "is not the path of a folder"),
        (&[("GATEWAY_BLOB_STORE", "s3://")], "is not the path of a folder"),
        (&[("GATEWAY_BLOB_STORE", "s3://Bucket")], "is not the path of a folder"),
        (&[("GATEWAY_BLOB_STORE", "s3://abc/a/../b")], "is not the path of a folder"),
        (&[("GATEWAY_BLOB_STORE", "s3://abc/a b")], "is not the path of a folder"),
        (&[("GATEWAY_BLOB_STORE", "s3://abc")], "GATEWAY_BLOB_STORE: a bucket needs blob.s3.access_key and blob.s3.secret_key"),
        (&[("GATEWAY_BLOB_STORE", "s3://abc"), ("GATEWAY_BLOB_S3_ACCESS_KEY", "a")], "GATEWAY_BLOB_STORE: a bucket needs blob.s3.access_key and blob.s3.secret_key"),
        (&[("GATEWAY_BLOB_STORE", "s3://abc"), ("GATEWAY_BLOB_S3_ACCESS_KEY", "a"), ("GATEWAY_BLOB_S3_SECRET_KEY_FILE", "/nonexistent")], r#"GATEWAY_BLOB_S3_SECRET_KEY_FILE: cannot read "/nonexistent""#),
        (&[("GATEWAY_BLOB_STORE", "s3://abc"), ("GATEWAY_BLOB_S3_ACCESS_KEY", "a"), ("GATEWAY_BLOB_S3_SECRET_KEY_FILE", "/dev/null")], r#"GATEWAY_BLOB_S3_SECRET_KEY_FILE: "/dev/null" is empty"#),
        (&[("GATEWAY_BLOB_STORE", "s3://abc"), ("GATEWAY_BLOB_S3_ACCESS_KEY", "a"), ("GATEWAY_BLOB_S3_SECRET_KEY", "hidden"), ("GATEWAY_BLOB_S3_SECRET_KEY_FILE", "b")], "GATEWAY_BLOB_S3_SECRET_KEY_FILE: it and GATEWAY_BLOB_S3_SECRET_KEY say the same"),
        (&[("GATEWAY_BLOB_STORE", "s3://abc"), ("GATEWAY_BLOB_S3_ACCESS_KEY", "a"), ("GATEWAY_BLOB_S3_SECRET_KEY", "hidden"), ("GATEWAY_BLOB_S3_ENDPOINT", "http://s3.example.com")], "GATEWAY_BLOB_S3_ENDPOINT: without TLS everybody on the way can read the blobs; use https://, or set blob.s3.allow_http"),
        (&[("GATEWAY_BLOB_STORE", "s3://abc"), ("GATEWAY_BLOB_S3_ACCESS_KEY", "a"), ("GATEWAY_BLOB_S3_SECRET_KEY", "hidden"), ("GATEWAY_BLOB_S3_ENDPOINT", "s3.example.com")], "is not http://HOST:PORT or https://HOST"),
        (&[("GATEWAY_BLOB_STORE", "s3://abc"), ("GATEWAY_BLOB_S3_ACCESS_KEY", "a"), ("GATEWAY_BLOB_S3_SECRET_KEY", "hidden"), ("GATEWAY_BLOB_S3_ENDPOINT", "https://10.0.0.1"), ("GATEWAY_BLOB_S3_PATH_STYLE", "false")], "GATEWAY_BLOB_S3_PATH_STYLE: a bucket can't be a part of an address without a name; set it to true"),
        (&[("GATEWAY_BLOB_STORE", "s3://abc"), ("GATEWAY_BLOB_S3_ACCESS_KEY", "a"), ("GATEWAY_BLOB_S3_SECRET_KEY", "hidden"), ("GATEWAY_BLOB_S3_PART_BYTES", "1MiB")], r#"GATEWAY_BLOB_S3_PART_BYTES: "1MiB" is not a size from 5 MiB to 1 GiB"#),
        (&[("GATEWAY_BLOB_STORE", "s3://abc"), ("GATEWAY_BLOB_S3_ACCESS_KEY", "a"), ("GATEWAY_BLOB_S3_SECRET_KEY", "hidden"), ("GATEWAY_PLUGIN_A_FILE", "f"), ("GATEWAY_PLUGIN_A_LIMITS_BLOB_BYTES", "1TiB")], "GATEWAY_PLUGIN_A_LIMITS_BLOB_BYTES: 1099511627776 bytes have more than 10000 parts, which is what S3 takes; set blob.s3.part_bytes to 109951163 or more"),
        (&[("GATEWAY_BLOB_S3_REGION", "eu-central-1")], "GATEWAY_BLOB_S3_REGION: it does nothing while blob.store is a folder; set blob.store to s3://BUCKET"),
        (&[("GATEWAY_EVENTS_BUS", "postgres")], "GATEWAY_EVENTS_BUS: no event log is in a PostgreSQL"),
        (&[("GATEWAY_EVENTS_BUS", "nats")], "GATEWAY_EVENTS_BUS: nats needs events.nats.url or events.nats.url_file"),
        (&[("GATEWAY_EVENTS_BUS", "kafka")], r#"GATEWAY_EVENTS_BUS: "kafka" is not one of auto, none, postgres, nats"#),
        (&[("GATEWAY_EVENTS_NATS_CA_FILE", "/dev/null")], "GATEWAY_EVENTS_NATS_CA_FILE: it does nothing without events.nats.url"),
        (&[("GATEWAY_EVENTS_NATS_CREDENTIALS_FILE", "/dev/null")], "GATEWAY_EVENTS_NATS_CREDENTIALS_FILE: it does nothing without events.nats.url"),
        (&[("GATEWAY_EVENTS_NATS_URL", "http://hidden@nats:4222")], "GATEWAY_EVENTS_NATS_URL: an address is nats://HOST:PORT or tls://HOST:PORT"),
        (&[("GATEWAY_EVENTS_NATS_URL", "nats://a:1,")], "GATEWAY_EVENTS_NATS_URL: an address is nats://HOST:PORT"),
        (&[("GATEWAY_EVENTS_NATS_URL", "nats://a:1"), ("GATEWAY_EVENTS_NATS_CREDENTIALS_FILE", "/nonexistent")], r#"GATEWAY_EVENTS_NATS_CREDENTIALS_FILE: cannot read "/nonexistent""#),
        (&[("GATEWAY_EVENTS_NATS_URL", "nats://a:1"), ("GATEWAY_EVENTS_NATS_PREFIX", "a.*")], "GATEWAY_EVENTS_NATS_PREFIX: a prefix has at most 64 letters"),
        (&[("GATEWAY_EVENTS_NATS_URL", "nats://a:1"), ("GATEWAY_EVENTS_NATS_URL_FILE", "b")], "GATEWAY_EVENTS_NATS_URL_FILE: it and GATEWAY_EVENTS_NATS_URL say the same"),
        (&[("GATEWAY_SERVER_CORS_ORIGINS", "*"), ("GATEWAY_SERVER_CORS_CREDENTIALS", "true")], "GATEWAY_SERVER_CORS_CREDENTIALS: true does not go with server.cors.origins = *, because then every site could act"),
        (&[("GATEWAY_SERVER_CORS_HEADERS", "*"), ("GATEWAY_SERVER_CORS_CREDENTIALS", "true")], "GATEWAY_SERVER_CORS_CREDENTIALS: true does not go with server.cors.headers = *"),
        (&[("GATEWAY_SERVER_CORS_ORIGINS", "https://a.example,")], r#"GATEWAY_SERVER_CORS_ORIGINS: "https://a.example," is not a list of origins"#),
        (&[("GATEWAY_SERVER_CORS_ORIGINS", "https://a.example/")], "is not a list of origins"),
        (&[("GATEWAY_SERVER_CORS_ORIGINS", "https://A.example")], "is not a list of origins"),
        (&[("GATEWAY_SERVER_CORS_ORIGINS", "https://a.example:443")], "is not a list of origins"),
        (&[("GATEWAY_SERVER_CORS_ORIGINS", "https://a.example, *")], "is not a list of origins"),
        (&[("GATEWAY_SERVER_CORS_ORIGINS", "null")], "is not a list of origins"),
        (&[("GATEWAY_SERVER_CORS_METHODS", "GET POST")], r#""GET POST" is not a list of names"#),
        (&[("GATEWAY_SERVER_TRUSTED_PROXIES", "10.0.0.0/8, proxy")], r#""10.0.0.0/8, proxy" is not a list of networks"#),
        (&[("GATEWAY_SERVER_TRUSTED_PROXIES", "10.0.0.0/33")], "is not a list of networks"),
        (&[("GATEWAY_SERVER_TRUSTED_PROXIES", "*")], "is not a list of networks"),
        (&[("GATEWAY_SERVER_RATE_ADDRESS_PER_SECOND", "0")], r#""0" is not a whole number from 1"#),
        (&[("GATEWAY_SERVER_RATE_CALLER_BURST", "5")], "GATEWAY_SERVER_RATE_CALLER_BURST: it does nothing without server.rate.caller.per_second"),
        (&[("GATEWAY_SERVER_COMPRESSION_LEVEL", "10")], r#""10" is not a whole number from 1 to 9"#),
        (&[("JWT_SECRET", "")], r#"JWT_SECRET: "" is not a secret"#),
        (&[("GATEWAY_AUTH_SECRET", "")], r#"GATEWAY_AUTH_SECRET: "" is not a secret"#),
        (&[("JWT_SECRET", "a"), ("JWT_SECRET_FILE", "b")], "JWT_SECRET_FILE: it and JWT_SECRET say the same; give one"),
        (&[("JWT_SECRET_FILE", "/nonexistent")], r#"JWT_SECRET_FILE: cannot read "/nonexistent": No such file"#),
        (&[("DATABASE_URL", "oracle://u:hidden@h/d")], r#"DATABASE_URL: "oracle://u:********@h/d" is not sqlite:PATH"#),
        (&[("DATABASE_URL", "hidden")], r#"DATABASE_URL: "(not shown)" is not sqlite:PATH"#),
        (&[("DB_PORT", "x"), ("DB_HOST", "h")], r#"DB_PORT: "x" is not a port"#),
        (&[("DB_CONNECTOR", "oracle")], r#"DB_CONNECTOR: "oracle" is not one of postgresql, mysql"#),
        (&[("DB_HOST", "h"), ("DB_SCHEMA", "pg_x")], "DB_SCHEMA: a schema has at most 63 bytes"),
        (&[("PORT", "99999")], r#"PORT: "99999" is not a port"#),
        (&[("HOST", "my-host")], r#"HOST: "my-host" is not an IP address"#),
        (&[("LOG_LEVEL", "loud")], r#"LOG_LEVEL: "loud" is not one of error"#),
        (&[("ENABLE_DB_CONNECTION_POOLING", "yes")], r#"ENABLE_DB_CONNECTION_POOLING: "yes" is not one of 1"#),
        (&[("GATEWAY_AUTH_KEYS", "hidden")], "GATEWAY_AUTH_KEYS: the value (not shown) is not a list of tables"),
        (&[("GATEWAY_AUTH_KEYS", "[{algorithm = 'HS512', secret = 'hidden'}]")], "GATEWAY_AUTH_KEYS[0].algorithm: unknown variant `HS512`"),
        (&[("GATEWAY_AUTH_KEYS", "[{algorithm = 'HS256', secret = 5}]")], "GATEWAY_AUTH_KEYS[0].secret: it must be a text"),
        (&[("GATEWAY_AUTH_KEYS", "[{algorithm = 'RS256', secret = 'hidden'}]")], "GATEWAY_AUTH_KEYS[0]: RS256 takes exactly one of public_key, public_key_file"),
        (&[("GATEWAY_AUTH_KEYS", "[{algorithm = 'HS256', public_key = 'hidden'}]")], "GATEWAY_AUTH_KEYS[0]: HS256 takes exactly one of secret, secret_file"),
        (&[("GATEWAY_AUTH_KEYS", "[{algorithm = 'RS256', public_key = '-----BEGIN PRIVATE KEY-----hidden'}]")], "GATEWAY_AUTH_KEYS[0]: the key is a private one, not a public key in PEM"),
        (&[("JWT_SECRET", "-----BEGIN PUBLIC KEY-----hidden")], "JWT_SECRET: the secret is a key in PEM; give a public key as public_key in auth.keys"),
        (&[("GATEWAY_AUTH_JWKS_URL", "http://example.org/keys?hidden")], r#"GATEWAY_AUTH_JWKS_URL: "http://example.org/keys?********" is not https://HOST/PATH (or http:// of localhost"#),
        (&[("GATEWAY_AUTH_JWKS_URL", "https://u:hidden@example.org/")], r#"GATEWAY_AUTH_JWKS_URL: "https://example.org/" is not"#),
        (&[("GATEWAY_AUTH_JWKS_URL", "hidden")], r#"GATEWAY_AUTH_JWKS_URL: "(not shown)" is not"#),
        (&[("GATEWAY_AUTH_JWKS_URL", "file:///hidden")], r#"GATEWAY_AUTH_JWKS_URL: "(not shown)" is not"#),
        (&[("GATEWAY_TELEMETRY_OTLP_ENDPOINT", "http://u:hidden@h:4318")], r#"GATEWAY_TELEMETRY_OTLP_ENDPOINT: "http://h:4318/" is not http://HOST:PORT"#),
        (&[("GATEWAY_TELEMETRY_OTLP_ENDPOINT", "h:4318")], "is not http://HOST:PORT"),
        (&[("GATEWAY_TELEMETRY_SAMPLE", "1.1")], r#""1.1" is not a number from 0 to 1"#),
        (&[("GATEWAY_TELEMETRY_SAMPLE", "NaN")], "is not a number from 0 to 1"),
        (&[("GATEWAY_AUTH_JWKS_FILE", "/nonexistent")], r#"GATEWAY_AUTH_JWKS_FILE: cannot read "/nonexistent": No such file"#),
        (&[("GATEWAY_AUTH_JWKS_FILE", "Cargo.toml")], r#"GATEWAY_AUTH_JWKS_FILE: "Cargo.toml": it is no JSON Web Key Set: it has no list of keys"#),
        (&[("GATEWAY_AUTH_JWKS_CA_FILE", "Cargo.toml")], r#"GATEWAY_AUTH_JWKS_CA_FILE: "Cargo.toml": there is no certificate in it"#),
        (&[("GATEWAY_AUTH_REFRESH_FLOOR", "10min")], "GATEWAY_AUTH_REFRESH_FLOOR: 10m is longer than auth.refresh.interval, which is 5m"),
        (&[("GATEWAY_AUTH_REFRESH_MAX_AGE", "1min")], "GATEWAY_AUTH_REFRESH_MAX_AGE: 1m is shorter than auth.refresh.interval, which is 5m"),
        (&[("GATEWAY_AUTH_DATABASE_TABLE", "keys")], "GATEWAY_AUTH_DATABASE_TABLE: there is no database to read it from; set auth.database.url as well"),
        (&[("GATEWAY_AUTH_DATABASE_TABLE", "keys; DROP TABLE x")], r#"GATEWAY_AUTH_DATABASE_TABLE: "keys; DROP TABLE x" is not the name of a table"#),
        (&[("GATEWAY_AUTH_DATABASE_URL", "sqlite:/nonexistent.db?mode=ro")], r#"GATEWAY_AUTH_DATABASE_URL: there is no file "/nonexistent.db"; name the one that has the keys"#),
        (&[("AUTH_DB", "auth"), ("DB_SCHEMA", "a b")], r#"DB_SCHEMA: "a b.jwt_keys" is not the name of a table"#),
        (&[("AUTH_DB", "auth"), ("DB_PORT", "x")], r#"DB_PORT: "x" is not a port"#),
        (&[("GATEWAY_AUTH_KEYS", "[{algorithm = 'ES256', public_key = 'hidden'}]")], "GATEWAY_AUTH_KEYS[0]: the key is not a P-256 public key in PEM"),
        (&[("GATEWAY_AUTH_KEYS", "[{algorithm = 'HS256', secret = 'x', kid = 'a'}]")], "GATEWAY_AUTH_KEYS[0].kid: unknown field `kid`"),
    ];
    for (variables, expected) in table {
        let error = from_env(variables).expect_err(expected).to_string();
        assert!(
            error.contains(expected),
            "{error:?} should contain {expected:?}"
        );
        assert!(!error.contains('\n'), "one line: {error:?}");
        assert!(!error.contains("hidden"), "no secrets: {error:?}");
    }
}

#[test]
fn a_wrong_line_of_the_file_is_named() {
    #[rustfmt::skip] // A table: the file, and how the message starts.
    let table = [
        ("[server]\nlisten = 5", "g.toml:2: server.listen: 5 is not an IP address with a port"),
        ("\n[server]\nmax_conections = 5", "g.toml:3: server.max_conections: there is no such setting; did you mean server.max_connections?"),
        ("[plugins.notes]\nfile = 'x'", "g.toml:2: plugins.notes.file: there is no such setting; did you mean plugin.NAME.file?"),
        ("[inspector.X]\nfile = 'x'", "g.toml:2: inspector.X.file: an inspector's name is"),
        ("[inspector.x]\ntypes = ['a/*']", "inspector.x: it has no file; set inspector.x.file or"),
        ("[inspector.x]\nfile = 'x'\ntypes = ['image']", "g.toml:3: inspector.x.types"),
        (
            "[inspector.x]\nfile = 'x'\nlimits.cpu_time = '2min'",
            "g.toml:3: inspector.x.limits.cpu_time: 2m is longer than wall_time",
        ),
        ("[inspector.x]\nfile = 'x'\nmount = '/x'", "g.toml:3: inspector.x.mount"),
        ("[plugin.Notes]\nfile = 'x'", "g.toml:2: plugin.Notes.file: a plugin's name is"),
        ("a = 1\na = 2", "g.toml:2: duplicate key"),
        ("[server\nx", "g.toml:1: "),
        ("[auth]\nsecret = 5", "g.toml:2: auth.secret: the value (not shown) is not a text"),
        ("[[auth.keys]]\nalgorithm = 'none'", "g.toml:1: auth.keys[0].algorithm: unknown variant `none`"),
        ("server = 5", "g.toml:1: server: there is no such setting"),
        ("server.max_body_bytes = 99999999999999999999", "g.toml:1: a number here is too large"),
    ];
    for (text, expected) in table {
        let error = from_file(text).expect_err(expected);
        assert!(
            error.starts_with(expected),
            "{error:?} should start with {expected:?}"
        );
        assert!(!error.contains('\n'), "one line: {error:?}");
    }
}

#[test]
fn a_key_set_without_a_usable_key_is_refused_with_the_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    fs::write(
        &path,
        r#"{"keys":[{"kty":"oct","k":"hidden","kid":"a"},{"kty":"RSA","use":"enc"}]}"#,
    )
    .unwrap();
    let error = from_env(&[("GATEWAY_AUTH_JWKS_FILE", path.to_str().unwrap())])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("GATEWAY_AUTH_JWKS_FILE: ")
            && error.ends_with(
                "has no key that can verify tokens (key 0 (\"a\"): unknown kty \"oct\" ; \
                 key 1: its use is \"enc\", not \"sig\"); add one"
            ),
        "{error}"
    );
}

#[test]
fn a_token_is_not_tried_against_any_number_of_keys() {
    let list = |number: usize, id: &str| {
        let one = format!("{{algorithm = 'HS256', secret = 's'{id}}}");
        format!("[{}]", vec![one; number].join(","))
    };
    let read = |keys: String| from_env(&[("GATEWAY_AUTH_KEYS", &keys)]);
    assert_eq!(read(list(8, "")).unwrap().auth.keys.len(), 8);
    assert_eq!(read(list(9, ", id = 'a'")).unwrap().auth.keys.len(), 9);
    let error = read(list(9, "")).unwrap_err().to_string();
    assert_eq!(
        error,
        "GATEWAY_AUTH_KEYS: more than 8 HS256 keys have no id; give each the kid of its tokens"
    );
}
