//! The command line, by running the executable: what scripts and operators rely on.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use gateway::auth::Verifier;
use gateway::config::{Config, Environment, Flags};
use gateway_tests::server::component;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Names and values.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// The executable, in a folder of its own and with no environment but what a test gives.
struct Gateway {
    folder: TempDir,
}

impl Gateway {
    fn new() -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str], variables: Variables<'_>) -> Result<Ran> {
        let output = Command::new(executable()?)
            .args(arguments)
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(self.path())
            .output()?;
        Ran::of(output)
    }

    fn ok(&self, arguments: &[&str], variables: Variables<'_>) -> Result<String> {
        let ran = self.run(arguments, variables)?;
        ensure!(ran.code == 0, "{arguments:?} failed: {}", ran.err);
        Ok(ran.out)
    }
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Result<Self> {
        Ok(Self {
            code: output.status.code().context("killed by a signal")?,
            out: String::from_utf8(output.stdout)?,
            err: String::from_utf8(output.stderr)?,
        })
    }
}

fn executable() -> Result<PathBuf> {
    let path = match std::env::var_os("GATEWAY_BIN") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/gateway"),
    };
    path.canonicalize()
        .with_context(|| format!("{} is missing; run `cargo xtask build`", path.display()))
}

/// The claims of a token, as the gateway with this secret would read them.
fn claims(token: &str, variables: Variables<'_>, data: &Path) -> Result<Value> {
    let env: Environment = variables.iter().copied().collect();
    let data = data.to_str().map(str::to_owned);
    let config = Config::load(
        None,
        &env,
        &Flags {
            data,
            ..Flags::default()
        },
    )?;
    let header = format!("Bearer {token}");
    let claims = Verifier::new(&config.auth)?.verify([header.as_bytes()].into_iter())?;
    Ok(serde_json::from_str(&claims.context("no claims")?.json)?)
}

#[test]
fn a_wrong_configuration_is_one_line_and_exit_code_64() -> Result<()> {
    #[rustfmt::skip] // A table: the arguments, the environment, and the line.
    let table: &[(&[&str], Variables<'_>, &str)] = &[
        (&["serve"], &[("GATEWAY_SERVER_MAX_CONNECTIONS", "many")], r#"gateway: GATEWAY_SERVER_MAX_CONNECTIONS: "many" is not a whole number from 1 to 1000000"#),
        (&["serve"], &[("GATEWAY_SERVER_LISTEM", "x")], "gateway: GATEWAY_SERVER_LISTEM: there is no such setting; did you mean GATEWAY_SERVER_LISTEN?"),
        (&["serve", "--listen", "here"], &[], r#"gateway: --listen: "here" is not an IP address with a port, such as 127.0.0.1:3000"#),
        (&["serve", "--plugin", "Chat=x"], &[], "gateway: --plugin Chat: a plugin's name is at most 64 lower-case letters, digits and -, a letter first"),
        (&["serve", "--config", "g.toml"], &[], "gateway: g.toml:2: server.max_stream: there is no such setting; did you mean server.max_streams?"),
        (&["serve", "--config", "none.toml"], &[], r#"gateway: the configuration file: cannot read "none.toml": No such file or directory (os error 2)"#),
        (&["serve"], &[("JWT_SECRET", "")], r#"gateway: JWT_SECRET: "" is not a secret; unset the variable to have one made"#),
        (&["token", "--subject", "a"], &[("DB_CONNECTOR", "oracle")], r#"gateway: DB_CONNECTOR: "oracle" is not one of postgresql, mysql"#),
        (&["config", "check"], &[("GATEWAY_CONFIG", "g.toml")], "gateway: g.toml:2: server.max_stream: there is no such setting; did you mean server.max_streams?"),
        (&["config", "check"], &[("GATEWAY_SERVER_CORS_ORIGINS", "*"), ("GATEWAY_SERVER_CORS_CREDENTIALS", "true")], "gateway: GATEWAY_SERVER_CORS_CREDENTIALS: true does not go with server.cors.origins = *, because then every site could act in the name of its visitors; list the origins"),
        (&["config", "check"], &[("JWT_SECRET", "-----BEGIN PUBLIC KEY-----")], "gateway: JWT_SECRET: the secret is a key in PEM; give a public key as public_key in auth.keys"),
        (&["config", "check"], &[("GATEWAY_AUTH_JWKS_FILE", "g.toml")], r#"gateway: GATEWAY_AUTH_JWKS_FILE: "g.toml": it is no JSON Web Key Set: it has no list of keys"#),
        (&["audit", "verify"], &[("DATABASE_URL", "oracle://u:hidden@h")], r#"gateway: DATABASE_URL: "oracle://u:********@h" is not sqlite:PATH, postgres://USER:PASSWORD@HOST:PORT/DATABASE or mysql://USER:PASSWORD@HOST:PORT/DATABASE"#),
    ];
    for (arguments, variables, line) in table {
        let gateway = Gateway::new()?;
        fs::write(gateway.path().join("g.toml"), "[server]\nmax_stream = 8\n")?;
        let ran = gateway.run(arguments, variables)?;
        assert_eq!(
            (ran.code, ran.err.as_str()),
            (64, format!("{line}\n").as_str()),
            "{arguments:?}"
        );
        assert_eq!(ran.out, "");
        assert_eq!(
            fs::read_dir(gateway.path())?.count(),
            1,
            "{arguments:?} made something"
        );
    }
    Ok(())
}

#[test]
fn wrong_arguments_exit_with_64() -> Result<()> {
    let gateway = Gateway::new()?;
    for (arguments, text) in [
        (&[][..], "Usage: gateway"),
        (&["serv"], "serve"),
        (&["serve", "--port", "80"], "--port"),
        (&["serve", "--plugin", "x.wasm"], "write NAME=FILE"),
        (&["token"], "--subject"),
        (
            &["token", "--subject", "a", "--claim", "x"],
            "write KEY=JSON",
        ),
        (
            &["token", "--subject", "a", "--claim", "x=[1"],
            "this is no JSON",
        ),
        (
            &["token", "--subject", "a", "--expires", "soon"],
            "write a time such as",
        ),
        (
            &["token", "--subject", "a", "--expires", "0s"],
            "write a time from 1s",
        ),
    ] {
        let ran = gateway.run(arguments, &[])?;
        assert_eq!(ran.code, 64, "{arguments:?}: {}", ran.err);
        assert!(
            ran.err.contains(text),
            "{arguments:?} should say {text:?}: {}",
            ran.err
        );
    }
    Ok(())
}

#[test]
fn help_teaches() -> Result<()> {
    let gateway = Gateway::new()?;
    for (arguments, texts) in [
        (
            &["--help"][..],
            &[
                "Exit codes",
                "64",
                "gateway token --subject alice",
                "serve",
                "audit",
            ][..],
        ),
        (
            &["serve", "--help"],
            &[
                "listening on http://ADDR",
                "--plugin <NAME=FILE>",
                "Examples",
                "second one",
            ],
        ),
        (
            &["token", "--help"],
            &["tenantId=acme", "--expires", "Only the token is printed"],
        ),
        (
            &["config", "check", "--help"],
            &["masked", "64", "Examples"],
        ),
        (&["config", "defaults", "--help"], &["gateway.toml"]),
        (&["plugin", "inspect", "--help"], &["65", "Example"]),
        (&["plugin", "tasks", "--help"], &["Example"]),
        (
            &["plugin", "run", "--help"],
            &[
                "SIGTERM",
                "75 interrupted",
                "--source-file",
                "--dry-run",
                "Examples",
            ],
        ),
        (
            &["migrate", "--help"],
            &["migrate.at_start", "SOURCELOOP_MIGRATION"],
        ),
        (
            &["migrate", "plan", "--help"],
            &["1 when something is", "65", "Example"],
        ),
        (
            &["migrate", "status", "--help"],
            &["unfinished", "appliedAt", "Examples"],
        ),
        (&["migrate", "export", "--help"], &["--force", "Examples"]),
        (
            &["audit", "verify", "--help"],
            &["hash", "Exit code 1", "Examples"],
        ),
        (&["--version"], &["gateway 0."]),
    ] {
        let text = gateway.ok(arguments, &[])?;
        for expected in texts {
            assert!(
                text.contains(expected),
                "{arguments:?} should say {expected:?}:\n{text}"
            );
        }
    }
    Ok(())
}

#[test]
fn tokens_are_signed_with_the_secret_that_serve_would_use() -> Result<()> {
    let gateway = Gateway::new()?;
    let data = gateway.path().join("data");
    let first = gateway.ok(&["token", "--subject", "alice"], &[])?;
    let second = gateway.ok(&["token", "--subject", "alice"], &[])?;
    for token in [&first, &second] {
        assert_eq!(token.lines().count(), 1);
        let claims = claims(token.trim(), &[], &data)?;
        assert_eq!(claims["sub"], "alice");
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)?
            .as_secs();
        let left = claims["exp"].as_u64().context("exp")?.abs_diff(now + 3600);
        assert!(left < 60, "an hour, give or take this test: {claims}");
    }

    let variables = [
        ("JWT_SECRET", "a secret of thirty-two bytes, ok"),
        ("JWT_ISSUER", "me"),
        ("GATEWAY_AUTH_AUDIENCE", "you"),
    ];
    let arguments = [
        "token",
        "--subject",
        "bob",
        "--expires",
        "15m",
        "--claim",
        "tenantId=acme",
        "--claim",
        "permissions=[\"1\"]",
        "--claim",
        "id=\"7\"",
        "--claim",
        "age=7",
    ];
    let token = gateway.ok(&arguments, &variables)?;
    let mut claims = claims(token.trim(), &variables, &data)?;
    let times = (claims["exp"].as_u64(), claims["iat"].as_u64());
    assert!(
        matches!(times, (Some(exp), Some(iat)) if exp - iat == 900),
        "{claims}"
    );
    claims
        .as_object_mut()
        .context("no object")?
        .retain(|name, _| !matches!(name.as_str(), "exp" | "iat"));
    assert_eq!(
        claims,
        json!({"sub": "bob", "tenantId": "acme", "permissions": ["1"], "id": "7", "age": 7, "iss": "me", "aud": "you"})
    );
    Ok(())
}

#[test]
fn a_token_needs_a_secret() -> Result<()> {
    let gateway = Gateway::new()?;
    let public = include_str!("../../host/src/auth/test_keys/es256.pub.pem");
    fs::write(gateway.path().join("key.pem"), public)?;
    let keys = "[{ algorithm = 'ES256', public_key_file = 'key.pem' }]";
    let ran = gateway.run(&["token", "--subject", "a"], &[("GATEWAY_AUTH_KEYS", keys)])?;
    assert_eq!(ran.code, 64);
    assert!(
        ran.err.contains("only public keys are configured"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("JWT_SECRET"), "{}", ran.err);
    Ok(())
}

#[test]
fn config_check_shows_what_is_in_force_and_makes_nothing() -> Result<()> {
    let gateway = Gateway::new()?;
    let variables = [
        ("JWT_SECRET", "hidden"),
        ("GATEWAY_SERVER_MAX_STREAMS", "7"),
    ];
    let ran = gateway.run(&["config", "check"], &variables)?;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out
            .contains("max_streams = 7 # GATEWAY_SERVER_MAX_STREAMS\n"),
        "{}",
        ran.out
    );
    assert!(
        ran.err
            .contains("gateway: warning: JWT_SECRET: the secret has 6 bytes"),
        "{}",
        ran.err
    );
    assert!(!format!("{}{}", ran.out, ran.err).contains("hidden"));
    assert_eq!(fs::read_dir(gateway.path())?.count(), 0);
    Ok(())
}

#[test]
fn a_file_that_is_no_component_is_refused_with_65() -> Result<()> {
    let gateway = Gateway::new()?;
    fs::write(gateway.path().join("x.wasm"), "not one")?;
    let ran = gateway.run(&["plugin", "inspect", "x.wasm"], &[])?;
    assert_eq!(ran.code, 65, "{}", ran.err);
    assert!(
        ran.err
            .starts_with("gateway: x.wasm: not a WebAssembly component"),
        "{}",
        ran.err
    );
    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--plugin",
        "x=x.wasm",
    ];
    let ran = gateway.run(&serve, &[])?;
    assert_eq!(ran.code, 65, "{}", ran.err);
    assert_eq!(ran.out, "");
    Ok(())
}

#[test]
fn an_inspector_is_known_as_one() -> Result<()> {
    let gateway = Gateway::new()?;
    let file = |name| component(name).display().to_string();
    for (name, lines) in [
        (
            "pictures",
            [
                "kind      inspector, for inspector.NAME.file",
                "  gateway:plugin/inspect@0.1.0",
            ],
        ),
        (
            "notes",
            [
                "kind      service, for plugin.NAME.file",
                "  gateway:plugin/handler@0.1.0",
            ],
        ),
    ] {
        let ran = gateway.run(&["plugin", "inspect", &file(name)], &[])?;
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        for line in lines.into_iter().chain(["It fits."]) {
            assert!(ran.out.lines().any(|it| it == line), "{line}: {}", ran.out);
        }
        let migrates = ran.out.contains("migrations for");
        assert_eq!(migrates, name == "notes", "{}", ran.out);
    }
    // It would be no plugin, whatever that one is granted.
    let pictures = file("pictures");
    let variable = [("GATEWAY_PLUGIN_X_FILE", pictures.as_str())];
    let ran = gateway.run(&["plugin", "inspect", &pictures, "--as", "x"], &variable)?;
    assert_eq!(ran.code, 64, "{}", ran.err);
    assert!(
        ran.err.contains("is an inspector, and no plugin"),
        "{}",
        ran.err
    );
    Ok(())
}

#[test]
fn an_address_in_use_is_unavailable() -> Result<()> {
    let gateway = Gateway::new()?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let ran = gateway.run(
        &[
            "serve",
            "--listen",
            &address,
            "--admin-listen",
            "127.0.0.1:0",
        ],
        &[],
    )?;
    assert_eq!(ran.code, 69, "{}", ran.err);
    assert!(ran.err.contains(&address), "{}", ran.err);
    Ok(())
}

/// A child that does not outlive its test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn serve_tells_its_addresses_and_ends_at_sigterm() -> Result<()> {
    let gateway = Gateway::new()?;
    let mut serving = Serving(
        Command::new(executable()?)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
            ])
            .env_clear()
            .current_dir(gateway.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?,
    );
    // Ends when the child does, which gives up on its own when it cannot start.
    let mut lines = BufReader::new(serving.0.stdout.take().context("no output")?).lines();
    for prefix in ["listening on http://", "admin on http://"] {
        let line = lines.next().context("no line")??;
        let address = line.strip_prefix(prefix).with_context(|| line.clone())?;
        std::net::TcpStream::connect(address)?;
    }
    let pid = serving.0.id().to_string();
    ensure!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()?
            .success(),
        "no kill"
    );
    let deadline = Instant::now() + Duration::from_secs(20);
    let status = loop {
        match serving.0.try_wait()? {
            Some(status) => break status,
            None => ensure!(Instant::now() < deadline, "it did not end"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(0));
    assert!(lines.next().is_none(), "nothing else on standard output");
    Ok(())
}
