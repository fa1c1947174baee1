//! What `docs/deploy` has for operators: what it says of the gateway is what the gateway
//! takes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use gateway_tests::command::run;

fn file(name: &str) -> PathBuf {
    let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deploy");
    PathBuf::from(deploy).join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// The settings in lines that match `NAME<between>VALUE`, of those that are the gateway's.
fn settings(text: &str, between: &str) -> Vec<(String, String)> {
    let ours = |name: &str| name.starts_with("GATEWAY_") || name.starts_with("DB_");
    text.lines()
        .filter_map(|line| {
            let line = line.trim().trim_end_matches('\\').trim();
            let line = line.trim_start_matches("ENV ");
            let (name, value) = line
                .trim_start_matches("Environment=")
                .split_once(between)?;
            let value = value.trim().trim_matches('"').to_owned();
            ours(name).then(|| (name.to_owned(), value))
        })
        .collect()
}

/// What `config check` says with these variables, with the folders of secrets in place.
async fn check(config: Option<&str>, mut env: Vec<(String, String)>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let secrets = [
        ("database_password", "a password"),
        ("database_url", "postgres://gateway:a-password@db/gateway"),
        ("jwt_secret", "a secret of the tests, of more than 32 bytes"),
        ("admin_token", "the-token-of-the-operators"),
    ];
    for (name, content) in secrets {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    for (_, value) in &mut env {
        for place in ["/run/secrets", "%d"] {
            *value = value.replace(place, folder.path().to_str().unwrap());
        }
        *value = value.replace("%S", "/var/lib");
    }
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let file = config.map(file);
    let mut arguments = vec!["config", "check"];
    if let Some(file) = &file {
        arguments.extend(["--config", file.to_str().unwrap()]);
    }
    let ran = run(folder.path(), &arguments, &env).await;
    assert_eq!(ran.err, "", "no warning either");
    ran.ok()
}

#[tokio::test]
async fn the_file_and_the_unit_go_together() {
    let unit = text("gateway.service");
    let env = settings(&unit, "=");
    assert_eq!(env.len(), 3, "{env:?}");
    let said = check(Some("gateway.toml"), env).await;
    assert!(said.contains("database_url"), "{said}");
    assert!(!said.contains("a-password"), "{said}");
    // What systemd hands over is what the variables read.
    for name in ["jwt_secret", "database_url"] {
        assert!(unit.contains(&format!("LoadCredential={name}:")), "{name}");
    }
    assert!(unit.contains("/gateway serve --config"));
}

#[tokio::test]
async fn the_image_and_the_composition_go_together() {
    let image = settings(&text("Dockerfile"), "=");
    let composition = settings(&text("compose.yaml"), ": ");
    assert_eq!((image.len(), composition.len()), (5, 7), "{composition:?}");
    let said = check(None, [image, composition].concat()).await;
    for part in [
        "postgres://gateway:",
        "@postgres:5432/gateway",
        "0.0.0.0:3000",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("a password"), "{said}");
}

#[tokio::test]
async fn the_composition_of_a_cluster_is_taken() {
    let image = settings(&text("Dockerfile"), "=");
    let composition = settings(&text("compose.cluster.yaml"), ": ");
    assert_eq!(composition.len(), 8, "{composition:?}");
    let said = check(None, [image, composition].concat()).await;
    for part in ["@postgres:5432/gateway", "GATEWAY_EVENTS_NATS_URL"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("a-password"), "{said}");
}

/// Everything that a copy names is in the repository or made by its build.
#[test]
fn the_image_builds_what_is_there() {
    let image = text("Dockerfile");
    assert!(image.contains("cargo xtask build"));
    let ignored = text("Dockerfile.dockerignore");
    for needed in ["Cargo.toml", "host", "plugin", "wit", "migrations", "xtask"] {
        let is_ignored = ignored.lines().any(|line| line == needed);
        assert!(!is_ignored, "{needed} is not in the image's context");
    }
    let compiler = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let manifest = std::fs::read_to_string(compiler).unwrap();
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .unwrap()
        .trim_matches('"');
    let compiler = format!("FROM rust:{version}-");
    assert!(image.contains(&compiler), "{compiler}");
}
