use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::*;

mod refused;

fn env(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn from_env(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Draft::read(None, &env(variables), &Flags::default()).map(|draft| draft.config)
}

/// Reads a file, with a fixed name in messages.
fn from_file(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.toml");
    fs::write(&path, text).unwrap();
    Draft::read(Some(&path), &env(&[]), &Flags::default())
        .map(|draft| draft.config)
        .map_err(|error| {
            error
                .to_string()
                .replace(&format!("{}/", folder.path().display()), "")
        })
}

#[test]
fn the_table_and_the_types_agree_and_every_default_is_allowed() {
    let config = from_env(&[("GATEWAY_PLUGIN_NOTES_FILE", "notes.wasm")]).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:3000".parse().unwrap());
    assert_eq!(config.server.max_header_bytes, 32 << 10);
    assert_eq!(config.database.url, "sqlite:./data/gateway.db");
    assert_eq!(config.database.idle_timeout, Duration::from_secs(600));
    assert!(config.auth.keys.is_empty());
    let notes = &config.plugins["notes"];
    assert_eq!(notes.mount, "/");
    assert!(notes.hosts.is_empty() && notes.database.is_none());
    assert_eq!(notes.grants, Grants::default());
    assert_eq!(notes.isolation, Isolation::Reuse);
    assert_eq!(notes.limits.sql.statement_timeout, Duration::from_secs(5));
    assert_eq!(notes.limits.memory, 64 << 20);
}

#[test]
fn an_inspector_is_a_file_with_types_and_limits() {
    let config = from_env(&[
        ("GATEWAY_INSPECTOR_MY_SCANNER_FILE", "f"),
        ("GATEWAY_INSPECTOR_MY_SCANNER_TYPES", "image/png, text/*"),
        ("GATEWAY_INSPECTOR_MY_SCANNER_LIMITS_MEMORY", "1GiB"),
        ("GATEWAY_INSPECTOR_B_FILE", "f"),
    ])
    .unwrap();
    assert!(config.plugins.is_empty());
    let scanner = &config.inspectors["my-scanner"];
    assert_eq!(scanner.limits.memory, 1 << 30);
    assert!(scanner.sees("text/plain") && !scanner.sees("image/webp"));
    let other = &config.inspectors["b"];
    assert_eq!(other.limits.memory, 256 << 20);
    assert!(other.sees("image/webp"));
}

#[test]
fn a_plugin_may_have_a_database_or_a_schema_of_its_own() {
    let config = from_env(&[
        ("DATABASE_URL", "postgres://h/d"),
        ("DB_SCHEMA", "shared"),
        ("GATEWAY_DATABASE_MAX_CONNECTIONS", "7"),
        ("GATEWAY_PLUGIN_A_FILE", "f"),
        (
            "GATEWAY_PLUGIN_A_HOSTS",
            "a.example.com, *.a.example.com, 10.0.0.1, [::1]",
        ),
        ("GATEWAY_PLUGIN_A_DATABASE_URL", "sqlite:a.db"),
        ("GATEWAY_PLUGIN_A_DATABASE_MAX_CONNECTIONS", "2"),
        ("GATEWAY_PLUGIN_B_FILE", "f"),
        ("GATEWAY_PLUGIN_B_MOUNT", "/b"),
        ("GATEWAY_PLUGIN_B_DATABASE_SCHEMA", "b"),
        ("GATEWAY_PLUGIN_C_FILE", "f"),
    ])
    .unwrap();
    let of = |name: &str| {
        let database = config.plugins[name].database.as_ref()?;
        let schema = database.schema.as_deref();
        Some((database.url.as_str(), schema, database.max_connections))
    };
    assert_eq!(of("a"), Some(("sqlite:a.db", None, 2)));
    assert_eq!(of("b"), Some(("postgres://h/d", Some("b"), 7)));
    assert_eq!(of("c"), None);
    assert_eq!(config.plugins["a"].hosts.len(), 4);
}

#[test]
fn blobs_are_kept_in_a_folder_or_in_a_bucket() {
    let folder = |variables: &[(&str, &str)]| match from_env(variables).unwrap().blob.store {
        BlobStore::Folder(path) => path,
        BlobStore::S3(bucket) => panic!("{bucket:?}"),
    };
    assert_eq!(folder(&[("GATEWAY_DATA", "/d")]), Path::new("/d/blobs"));
    assert_eq!(folder(&[("GATEWAY_BLOB_STORE", "b")]), Path::new("b"));
    assert_eq!(
        folder(&[("GATEWAY_BLOB_STORE", "file:///b")]),
        Path::new("/b")
    );

    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "hidden\n").unwrap();
    let keys = [
        ("GATEWAY_BLOB_S3_ACCESS_KEY", "seen"),
        (
            "GATEWAY_BLOB_S3_SECRET_KEY_FILE",
            secret.path().to_str().unwrap(),
        ),
    ];
    let bucket = |variables: &[(&str, &str)]| {
        let config = from_env(&[&keys, variables].concat()).unwrap();
        match config.blob.store {
            BlobStore::S3(bucket) => bucket,
            BlobStore::Folder(path) => panic!("{path:?}"),
        }
    };
    let aws = bucket(&[("GATEWAY_BLOB_STORE", "s3://my.bucket-1")]);
    assert_eq!(
        (aws.bucket.as_str(), aws.prefix.as_str()),
        ("my.bucket-1", "")
    );
    assert_eq!(aws.secret_key.0, "hidden");
    assert_eq!((aws.part_bytes, aws.retries), (8 << 20, 5));
    assert_eq!(aws.request_timeout, Duration::from_secs(15));
    assert_eq!(aws.bucket_endpoint(), None);
    let own = bucket(&[
        ("GATEWAY_BLOB_STORE", "s3://abc/x/y_1/"),
        ("GATEWAY_BLOB_S3_ENDPOINT", "https://s3.example.com:9000/"),
        ("GATEWAY_BLOB_S3_PATH_STYLE", "false"),
        ("GATEWAY_BLOB_S3_REQUEST_TIMEOUT", "250ms"),
    ]);
    assert_eq!(own.prefix, "x/y_1");
    assert_eq!(own.request_timeout, Duration::from_millis(250));
    let endpoint = own.bucket_endpoint();
    assert_eq!(endpoint.as_deref(), Some("https://abc.s3.example.com:9000"));
    assert!(!format!("{own:?} {}", BlobStore::S3(own.clone())).contains("hidden"));
    assert!(!format!("{own:?}").contains("seen"));
}

#[test]
fn every_variable_has_one_key() {
    for setting in SETTINGS {
        let name = setting.variable().replace("<NAME>", "MY_NOTES");
        let key = setting.key.replace('*', "my-notes");
        let found = env(&[(&name, "x")]).given().unwrap();
        assert_eq!(found[0].key, key, "{name}");
    }
}

#[test]
fn a_kubernetes_service_called_gateway_is_no_mistake() {
    let links = [
        ("GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("GATEWAY_SERVICE_PORT_HTTP", "80"),
        ("GATEWAY_PORT", "tcp://10.0.0.1:80"),
        ("GATEWAY_PORT_80_TCP_ADDR", "10.0.0.1"),
    ];
    assert_eq!(from_env(&links).unwrap().server.listen.port(), 3000);
}

#[test]
fn the_file_and_the_environment_say_the_same_things() {
    let file = from_file(
        r#"
        [server]
        listen = "0.0.0.0:8080"
        max_connections = 5
        queue_timeout = 3
        [auth]
        require_exp = false
        keys = [{ id = "k", algorithm = "HS256", secret = "s" }]
        [plugin.my-notes]
        file = "x.wasm"
        limits.memory = "8MiB"
        limits.sql.rows = 7
        "#,
    )
    .unwrap();
    let variables = from_env(&[
        ("GATEWAY_SERVER_LISTEN", "0.0.0.0:8080"),
        ("GATEWAY_SERVER_MAX_CONNECTIONS", "5"),
        ("GATEWAY_SERVER_QUEUE_TIMEOUT", "3"),
        ("GATEWAY_AUTH_REQUIRE_EXP", "false"),
        (
            "GATEWAY_AUTH_KEYS",
            r#"[{ id = "k", algorithm = "HS256", secret = "s" }]"#,
        ),
        ("GATEWAY_PLUGIN_MY_NOTES_FILE", "x.wasm"),
        ("GATEWAY_PLUGIN_MY_NOTES_LIMITS_MEMORY", "8MiB"),
        ("GATEWAY_PLUGIN_MY_NOTES_LIMITS_SQL_ROWS", "7"),
    ])
    .unwrap();
    assert_eq!(file.server.queue_timeout, Duration::from_secs(3));
    assert_eq!(file.auth.keys[0].material, variables.auth.keys[0].material);
    let without_warnings = |mut config: Config| {
        config.warnings.clear();
        config.origin = Origin::default();
        format!("{config:?}")
    };
    assert_eq!(without_warnings(file), without_warnings(variables));
}

#[test]
fn lists_are_read_from_toml_and_from_text() {
    let file = from_file(
        "[server.cors]\norigins = ['https://a.example', 'capacitor://localhost']\nmethods = []",
    );
    let cors = file.unwrap().server.cors;
    assert_eq!(cors.origins, ["https://a.example", "capacitor://localhost"]);
    assert!(cors.methods.is_empty());
    assert!(cors.expose.contains(&"x-request-id".to_owned()));
    let variables = [
        (
            "GATEWAY_SERVER_CORS_ORIGINS",
            "http://localhost:8080 ,http://[::1]:8080",
        ),
        ("GATEWAY_SERVER_CORS_HEADERS", "*"),
    ];
    let cors = from_env(&variables).unwrap().server.cors;
    assert_eq!(cors.origins, ["http://localhost:8080", "http://[::1]:8080"]);
    assert_eq!(cors.headers, ["*"]);
    let printed = Draft::read(None, &env(&variables), &Flags::default())
        .unwrap()
        .print();
    let line = "headers = [\"*\"] # GATEWAY_SERVER_CORS_HEADERS\n";
    assert!(printed.contains(line), "{printed}");
}

#[test]
fn later_layers_win() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.toml");
    fs::write(
        &path,
        "data = 'a'\nserver.listen = '127.0.0.1:1'\nserver.max_streams = 1",
    )
    .unwrap();
    let env = env(&[
        ("GATEWAY_CONFIG", path.to_str().unwrap()),
        ("PORT", "2"),
        ("GATEWAY_SERVER_LISTEN", "127.0.0.1:3"),
        ("GATEWAY_DATA", "b"),
    ]);
    let flags = Flags {
        data: Some("c".into()),
        ..Flags::default()
    };
    let config = Draft::read(None, &env, &flags).unwrap().config;
    assert_eq!(config.data, Path::new("c"));
    assert_eq!(config.database.url, "sqlite:c/gateway.db");
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.server.max_streams, 1);
}

#[test]
fn the_originals_variables_count() {
    let url = |variables: &[(&str, &str)]| from_env(variables).unwrap().database.url;
    let db = [
        ("DB_HOST", "db"),
        ("DB_PORT", "6000"),
        ("DB_USER", "a@b"),
        ("DB_PASSWORD", "p:/?#%41"),
        ("DB_DATABASE", "notes"),
    ];
    assert_eq!(
        url(&db),
        "postgres://a%40b:p%3A%2F%3F%23%2541@db:6000/notes"
    );
    assert_eq!(
        url(&[("DB_HOST", "db"), ("DB_CONNECTOR", "mysql")]),
        "mysql://db:3306/"
    );
    assert_eq!(url(&[("DB_DATABASE", "c")]), "postgres://localhost:5432/c");
    assert_eq!(url(&[("DB_HOST", "::1")]), "postgres://[::1]:5432/");
    assert_eq!(url(&[("DB_USER", "u")]), "sqlite:./data/gateway.db");
    let mut all = db.to_vec();
    all.push(("DATABASE_URL", "mysql://h/d"));
    assert_eq!(url(&all), "mysql://h/d");
    all.push(("GATEWAY_DATABASE_URL", "sqlite:x"));
    assert_eq!(url(&all), "sqlite:x");

    let pool = [
        ("DB_MAX_CONNECTIONS", "25"),
        ("DB_IDLE_TIMEOUT_MILLIS", "60000"),
        ("DB_CONNECTION_TIMEOUT_MILLIS", "0"),
    ];
    let off = from_env(&pool).unwrap();
    assert_eq!(off.database.max_connections, 10);
    assert_eq!(
        off.warnings
            .iter()
            .filter(|line| line.contains("is ignored"))
            .count(),
        3
    );
    let mut on = pool.to_vec();
    on.push(("ENABLE_DB_CONNECTION_POOLING", "1"));
    let on = from_env(&on).unwrap();
    assert_eq!(on.database.max_connections, 25);
    assert_eq!(on.database.idle_timeout, Duration::from_secs(60));
    assert_eq!(on.database.acquire_timeout, Duration::from_secs(3600));

    let listen =
        |variables: &[(&str, &str)]| from_env(variables).unwrap().server.listen.to_string();
    assert_eq!(listen(&[("PORT", "80")]), "127.0.0.1:80");
    assert_eq!(listen(&[("HOST", "0.0.0.0")]), "0.0.0.0:3000");
    assert_eq!(listen(&[("HOST", "::"), ("PORT", "80")]), "[::]:80");
    assert_eq!(
        from_env(&[("LOG_LEVEL", "verbose")]).unwrap().log.filter,
        "debug"
    );

    let auth = from_env(&[("JWT_SECRET", "short"), ("JWT_ISSUER", "sourcefuse")]).unwrap();
    assert_eq!(auth.auth.keys[0].material, b"short");
    assert_eq!(auth.auth.issuer.as_deref(), Some("sourcefuse"));
    assert!(
        auth.warnings[0].starts_with("JWT_SECRET: the secret has 5 bytes"),
        "{auth:?}"
    );
}

#[test]
fn auth_db_is_a_database_beside_the_other() {
    let keys = |variables: &[(&str, &str)]| from_env(variables).unwrap().auth.database;
    assert!(keys(&[("DB_HOST", "h"), ("DB_DATABASE", "d")]).is_none());
    let all = [
        ("DB_HOST", "h"),
        ("DB_PORT", "7"),
        ("DB_USER", "u"),
        ("DB_PASSWORD", "p/w"),
        ("DB_DATABASE", "d"),
        ("DB_SCHEMA", "s"),
        ("AUTH_DB", "auth db"),
    ];
    let config = from_env(&all).unwrap();
    assert_eq!(config.database.url, "postgres://u:p%2Fw@h:7/d");
    let table = config.auth.database.as_ref().unwrap();
    assert_eq!(table.url, "postgres://u:p%2Fw@h:7/auth%20db");
    assert_eq!(table.table.as_deref(), Some("s.jwt_keys"));
    assert!(!config.auth.has_no_keys(), "no secret is made beside it");

    let mut mysql = all.to_vec();
    mysql.push(("DB_CONNECTOR", "mysql"));
    let table = keys(&mysql).unwrap();
    assert_eq!(table.url, "mysql://u:p%2Fw@h:7/auth%20db");
    assert_eq!(table.table, None, "schemas are PostgreSQL's");
    let alone = keys(&[("AUTH_DB", "a")]).unwrap();
    assert_eq!(
        (alone.url.as_str(), alone.table),
        ("postgres://localhost:5432/a", None)
    );

    let mut own = all.to_vec();
    own.push(("GATEWAY_AUTH_DATABASE_URL", "mysql://h/keys"));
    own.push(("GATEWAY_AUTH_DATABASE_TABLE", "other"));
    let table = keys(&own).unwrap();
    assert_eq!(
        (table.url.as_str(), table.table.as_deref()),
        ("mysql://h/keys", Some("other"))
    );

    let shown = Draft::read(None, &env(&all), &Flags::default())
        .unwrap()
        .print();
    let line = "url = \"postgres://u:********@h:7/auth%20db\" # AUTH_DB\n";
    assert!(shown.contains(line) && !shown.contains("p%2Fw"), "{shown}");
}

#[test]
fn keys_are_fetched_over_tls_or_from_this_machine() {
    for url in [
        "https://id.example.org/keys",
        "https://id.example.org:8443/keys?a=b",
        "http://127.0.0.1:8080/keys",
        "http://localhost/keys",
        "http://[::1]/keys",
    ] {
        let config = from_env(&[("GATEWAY_AUTH_JWKS_URL", url)]).unwrap();
        assert_eq!(config.auth.jwks.url.as_deref(), Some(url));
        assert!(!config.auth.has_no_keys());
    }
    for url in [
        "http://localhost.example.org/keys",
        "http://128.0.0.1/keys",
        "http://127.0.0.1@example.org/keys",
        "http://[::2]/keys",
        "https:///keys",
        "https://h/keys#a",
        "ftp://h/keys",
        "//h/keys",
    ] {
        let error = from_env(&[("GATEWAY_AUTH_JWKS_URL", url)]).expect_err(url);
        assert!(
            error.to_string().starts_with("GATEWAY_AUTH_JWKS_URL: "),
            "{error}"
        );
    }
}

#[test]
fn a_secret_is_made_once_and_kept_private() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    let flags = Flags {
        data: Some(data.to_str().unwrap().into()),
        ..Flags::default()
    };
    let load = || Config::load(None, &env(&[]), &flags).unwrap();

    let secrets: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| load().auth.keys[0].material.clone()))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert_eq!(secrets[0].len(), 64);
    assert!(
        secrets.iter().all(|secret| *secret == secrets[0]),
        "all starts agree"
    );
    let file = data.join(SECRET_FILE);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&file)), (0o700, 0o600));
    assert_eq!(
        fs::read_dir(&data).unwrap().count(),
        2,
        "the signing secret and the operator's token, and no drafts"
    );

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let config = load();
    assert_eq!(config.auth.keys[0].material, secrets[0]);
    assert!(
        config
            .warnings
            .iter()
            .any(|line| line.contains("could be read by others (mode 644)"))
    );
    assert_eq!(mode(&file), 0o600);

    fs::write(&file, "short").unwrap();
    let error = Config::load(None, &env(&[]), &flags)
        .unwrap_err()
        .to_string();
    assert!(error.contains("shorter than 32 bytes"), "{error}");

    let configured = Config::load(None, &env(&[("JWT_SECRET", "given")]), &flags).unwrap();
    assert_eq!(configured.auth.keys[0].material, b"given");
}

#[test]
fn secrets_may_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let config = from_env(&[
        ("JWT_SECRET_FILE", &file("jwt", "from a file\n")),
        ("DATABASE_URL_FILE", &file("url", "postgres://h/d\n")),
    ])
    .unwrap();
    assert_eq!(config.auth.keys[0].material, b"from a file");
    assert_eq!(config.database.url, "postgres://h/d");
    let password = file("password", "p w\n");
    let config = from_env(&[
        ("DB_HOST", "h"),
        ("DB_USER", "u"),
        ("DB_PASSWORD_FILE", &password),
    ])
    .unwrap();
    assert_eq!(config.database.url, "postgres://u:p%20w@h:5432/");
    // The stronger layer's form hides the weaker layer's other form.
    let config = from_env(&[
        ("JWT_SECRET_FILE", "/nonexistent"),
        ("GATEWAY_AUTH_SECRET", "mine"),
    ])
    .unwrap();
    assert_eq!(config.auth.keys.len(), 1);
    assert_eq!(config.auth.keys[0].material, b"mine");
    let empty = file("empty", "\n");
    let error = from_env(&[("JWT_SECRET_FILE", &empty)])
        .unwrap_err()
        .to_string();
    assert_eq!(error, "JWT_SECRET_FILE: the secret is empty");
}

#[test]
fn every_secret_may_come_from_a_file_and_none_is_in_a_debug_text() {
    let secrets = SETTINGS
        .iter()
        .filter(|setting| matches!(setting.kind, Kind::Secret | Kind::Url));
    let mut count = 0;
    for setting in secrets {
        let twin = format!("{}_file", setting.key);
        let is_path = |other: &&Setting| matches!(other.kind, Kind::Path);
        assert!(
            settings::find(&twin).as_ref().is_some_and(is_path),
            "{twin}"
        );
        let pair = (setting.key, twin.as_str());
        assert!(settings::ALTERNATIVES.contains(&pair), "{twin}");
        count += 1;
    }
    assert_eq!(count, 8);

    let draft = Draft::read(
        None,
        &env(&[
            ("JWT_SECRET", "hidden"),
            ("DATABASE_URL", "postgres://u:hidden@h/d?password=hidden"),
            ("GATEWAY_AUTH_DATABASE_URL", "mysql://u:hidden@h/d"),
            ("GATEWAY_EVENTS_NATS_URL", "nats://u:hidden@h:4222"),
            (
                "GATEWAY_AUTH_KEYS",
                "[{ id = 'k', algorithm = 'HS256', secret = 'hidden' }]",
            ),
        ]),
        &Flags::default(),
    )
    .unwrap();
    assert!(!draft.print().contains("hidden"), "{}", draft.print());
    let text = format!("{:?}", draft.config());
    assert!(!text.contains("hidden"), "{text}");
}

#[test]
fn what_is_in_force_is_printed_as_toml_without_secrets() {
    let env = env(&[
        ("JWT_SECRET", "hidden"),
        ("DATABASE_URL", "postgres://u:hidden@h/d"),
        ("GATEWAY_SERVER_MAX_STREAMS", "5"),
        ("GATEWAY_PLUGIN_NOTES_FILE", "notes.wasm"),
    ]);
    let text = Draft::read(None, &env, &Flags::default()).unwrap().print();
    toml::from_str::<toml::Table>(&text).unwrap();
    assert!(!text.contains("hidden"), "{text}");
    for line in [
        "data = \"./data\"\n",
        "max_streams = 5 # GATEWAY_SERVER_MAX_STREAMS\n",
        "url = \"postgres://u:********@h/d\" # DATABASE_URL\n",
        "secret = \"********\" # JWT_SECRET\n",
        "[plugin.notes]\nfile = \"notes.wasm\" # GATEWAY_PLUGIN_NOTES_FILE\n",
        "max_body_bytes = \"16MiB\"\n",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
}

#[test]
fn the_printed_defaults_are_a_configuration() {
    let uncommented: String = defaults()
        .lines()
        .filter(|line| !line.ends_with(" =") && !line.starts_with("# "))
        .map(|line| format!("{}\n", line.trim_start_matches('#')))
        .collect();
    let named = uncommented
        .replace("[plugin.NAME]", "[plugin.name]\nfile = 'f'")
        .replace("[inspector.NAME]", "[inspector.name]\nfile = 'f'")
        .replace("NAME", "name");
    let mut config = from_file(&named).unwrap();
    let mut plain = from_env(&[
        ("GATEWAY_PLUGIN_NAME_FILE", "f"),
        ("GATEWAY_INSPECTOR_NAME_FILE", "f"),
    ])
    .unwrap();
    (config.origin, plain.origin) = (Origin::default(), Origin::default());
    assert_eq!(format!("{config:?}"), format!("{plain:?}"));
}

#[test]
fn the_documentation_has_the_tables() {
    has_table("docs/configuration.md", "settings", &print::table());
    has_table("README.md", "settings", &print::brief(false));
    has_table("README.md", "limits", &print::brief(true));
    let text = fs::read_to_string(in_repository("docs/configuration.md")).unwrap();
    for name in [
        "DB_CONNECTOR",
        "DB_PASSWORD_FILE",
        "ENABLE_DB_CONNECTION_POOLING",
        "GATEWAY_CONFIG",
        "AUTH_DB",
    ] {
        assert!(text.contains(name), "{name} is not documented");
    }
}

fn in_repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// Between its marks in `file` stands `table`, and nothing else.
fn has_table(file: &str, mark: &str, table: &str) {
    let path = in_repository(file);
    let text = fs::read_to_string(&path).unwrap();
    let (start, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let (before, rest) = text.split_once(&start).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    let expected = format!("{before}{start}{table}{end}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text == expected,
        "run UPDATE_DOCS=1 cargo test --release -p gateway config"
    );
}

#[test]
fn the_installers_variables_are_of_the_plugins_name_and_of_the_catalogue() {
    let off = ("GATEWAY_PLUGIN_MY_NOTES_FILE", "x.wasm");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.toml");
    fs::write(&path, "migrate.at_start = false").unwrap();
    let read = |variables: &[(&str, &str)]| {
        let variables: Vec<_> = variables.iter().chain([&off]).copied().collect();
        Draft::read(Some(&path), &env(&variables), &Flags::default())
            .unwrap()
            .config
    };
    assert!(!read(&[]).migrate.at_start);
    assert!(
        !read(&[("OTHER_MIGRATION", "1"), ("SOURCELOOP_MIGRATION", "")])
            .migrate
            .at_start
    );
    assert!(
        read(&[("MY_NOTES_MIGRATION", "no")]).migrate.at_start,
        "any value counts"
    );
    assert!(read(&[("SOURCELOOP_MIGRATION", "1")]).migrate.at_start);
    let own = ("GATEWAY_MIGRATE_AT_START", "false");
    assert!(!read(&[("SOURCELOOP_MIGRATION", "1"), own]).migrate.at_start);

    let copied = read(&[("MY_NOTES_MIGRATION_COPY", "1")]);
    assert_eq!(
        copied.installer.copy.as_deref(),
        Some("MY_NOTES_MIGRATION_COPY")
    );
    assert!(copied.warnings[0].starts_with("MY_NOTES_MIGRATION_COPY: `gateway migrate up`"));
}

#[test]
fn mysqls_migrations_want_mysql() {
    let mysql = ("MYSQL_MIGRATION", "true");
    let refused = |variables: &[(&str, &str)]| from_env(variables).unwrap_err().to_string();
    assert_eq!(
        refused(&[mysql, ("DB_HOST", "db")]),
        "MYSQL_MIGRATION: it asks for the migrations of MySQL, but DB_HOST names a PostgreSQL \
         database; correct the one (with DB_HOST, by DB_CONNECTOR=mysql) or unset the other"
    );
    assert!(
        refused(&[mysql, ("DATABASE_URL", "sqlite:x.db")])
            .contains("DATABASE_URL names an SQLite database")
    );
    let fine = [mysql, ("DB_HOST", "db"), ("DB_CONNECTOR", "mysql")];
    assert!(from_env(&fine).unwrap().installer.mysql);
    let nothing = from_env(&[mysql]).unwrap();
    assert!(nothing.warnings[0].contains("no database is configured"));
    assert!(
        !from_env(&[("MYSQL_MIGRATION", "1"), ("DB_HOST", "db")])
            .unwrap()
            .installer
            .mysql
    );
}
