//! TLS: what is agreed on, who is let in, and certificates that change.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/tls.rs"]
mod tls;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gateway_tests::command;
use gateway_tests::database::{Dialect, TestDatabase};
use gateway_tests::server::Server;
use hyper::Version;
use tls::{Authority, Files, Http, connect, der, shown};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long anything here may take that does not fail.
const SOON: Duration = Duration::from_secs(20);

async fn misfit(env: &[(String, String)]) -> Server {
    let database = TestDatabase::fresh(Dialect::Sqlite).await;
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Server::start(database, &[("misfit", "/")], &env).await
}

/// The status of one request on a connection of its own.
async fn status(client: &TlsConnector, address: SocketAddr) -> io::Result<u16> {
    let stream = connect(client, address).await?;
    let answer = Http::over(stream).await.get("/ok").await;
    let answer = answer.map_err(io::Error::other)?;
    Ok(answer.status().as_u16())
}

/// Waits for the peer to close a connection; how long that took.
async fn closed(mut stream: TcpStream) -> Duration {
    let start = Instant::now();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut rest));
    // A reset is an end as well.
    drop(read.await.expect("it stays open"));
    start.elapsed()
}

#[tokio::test]
async fn http_1_and_2_are_agreed_on_in_the_handshake() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue());
    let server = misfit(&files.env(&[])).await;
    for (offered, agreed, version) in [
        (&["h2", "http/1.1"][..], Some(&b"h2"[..]), Version::HTTP_2),
        (&["http/1.1"], Some(b"http/1.1"), Version::HTTP_11),
        (&[], None, Version::HTTP_11),
    ] {
        let client = authority.client(offered, None);
        let stream = connect(&client, server.addr()).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        let mut http = Http::over(stream).await;
        for _ in 0..3 {
            let answer = http.get("/ok").await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        }
    }
    let none = authority.client(&["gopher"], None);
    assert!(connect(&none, server.addr()).await.is_err());

    let mut plain = TcpStream::connect(server.addr()).await.unwrap();
    plain
        .write_all(b"GET /ok HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, plain.read_to_end(&mut answer)).await;
    drop(read.expect("it stays open"));
    assert!(!answer.starts_with(b"HTTP"), "it was answered in the clear");
    server.stop().await;
}

#[tokio::test]
async fn a_new_certificate_is_taken_and_open_connections_go_on() {
    let authority = Authority::new();
    let (first, second) = (authority.issue(), authority.issue());
    let files = Files::new(&first);
    let env = files.env(&[("GATEWAY_SERVER_TLS_RELOAD_INTERVAL", "20ms")]);
    let server = misfit(&env).await;
    let mut open = Vec::new();
    for protocol in ["h2", "http/1.1"] {
        let client = authority.client(&[protocol], None);
        let stream = connect(&client, server.addr()).await.unwrap();
        assert_eq!(shown(&stream), der(&first.certificate));
        let mut http = Http::over(stream).await;
        assert_eq!(http.get("/ok").await.unwrap().status(), 200);
        open.push(http);
    }

    files.write(&second);
    let client = authority.client(&[], None);
    let start = Instant::now();
    loop {
        let stream = connect(&client, server.addr()).await.unwrap();
        if shown(&stream) == der(&second.certificate) {
            break;
        }
        assert!(start.elapsed() < SOON, "the old certificate is still shown");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for http in &mut open {
        assert_eq!(http.get("/ok").await.unwrap().status(), 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn bad_files_change_nothing_and_the_reason_is_told() {
    let authority = Authority::new();
    let (first, second) = (authority.issue(), authority.issue());
    let files = Files::new(&first);
    let server = misfit(&files.env(&[])).await;
    let client = authority.client(&[], None);
    assert_eq!(server.reload_certificates(), Ok(false));

    let path = |path: std::path::PathBuf| format!("{path:?}");
    let (certificate, key) = (path(files.certificate()), path(files.key()));
    for (content, reason) in [
        (
            (Some(second.certificate.as_str()), Some(first.key.as_str())),
            format!("server.tls.key: {key}: it is not the key of the certificate"),
        ),
        (
            (Some(second.certificate.as_str()), Some("rubbish")),
            format!("server.tls.key: {key}: there is no private key in PEM in it"),
        ),
        (
            (Some(""), Some(first.key.as_str())),
            format!("server.tls.certificate: {certificate}: there is no certificate in PEM in it"),
        ),
        (
            (Some(first.certificate.as_str()), None),
            format!("server.tls.key: cannot read {key}: No such file or directory (os error 2)"),
        ),
    ] {
        for (file, text) in [(files.certificate(), content.0), (files.key(), content.1)] {
            match text {
                Some(text) => fs::write(file, text).unwrap(),
                None => fs::remove_file(file).unwrap(),
            }
        }
        // Every time, since an operator may have asked.
        for _ in 0..2 {
            assert_eq!(server.reload_certificates(), Err(reason.clone()));
        }
        let stream = connect(&client, server.addr()).await.unwrap();
        assert_eq!(shown(&stream), der(&first.certificate));
    }

    files.write(&second);
    assert_eq!(server.reload_certificates(), Ok(true));
    let stream = connect(&client, server.addr()).await.unwrap();
    assert_eq!(shown(&stream), der(&second.certificate));
    server.stop().await;
}

#[tokio::test]
async fn clients_without_a_good_certificate_are_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let files = Files::new(&authority.issue());
    files.write_authority(&authority);
    let ca = files.authority();
    let own = authority.issue();
    let nobody = authority.client(&[], None);
    let known = authority.client(&[], Some(&own));
    let foreign = authority.client(&[], Some(&stranger.issue()));
    for (auth, without) in [("required", false), ("optional", true)] {
        let env = files.env(&[
            ("GATEWAY_SERVER_TLS_CLIENT_CA", ca.to_str().unwrap()),
            ("GATEWAY_SERVER_TLS_CLIENT_AUTH", auth),
        ]);
        let server = misfit(&env).await;
        assert_eq!(status(&known, server.addr()).await.unwrap(), 200, "{auth}");
        assert_eq!(status(&nobody, server.addr()).await.is_ok(), without);
        assert!(status(&foreign, server.addr()).await.is_err(), "{auth}");
        server.stop().await;
    }

    // Authorities are exchanged as certificates are.
    let env = files.env(&[
        ("GATEWAY_SERVER_TLS_CLIENT_CA", ca.to_str().unwrap()),
        ("GATEWAY_SERVER_TLS_CLIENT_AUTH", "required"),
    ]);
    let server = misfit(&env).await;
    assert_eq!(status(&known, server.addr()).await.unwrap(), 200);
    files.write_authority(&stranger);
    assert_eq!(server.reload_certificates(), Ok(true));
    let old = status(&known, server.addr()).await;
    assert!(old.is_err(), "a session was resumed past the new authority");
    assert_eq!(status(&foreign, server.addr()).await.unwrap(), 200);
    server.stop().await;
}

/// A peer that begins a handshake and says nothing more: a whole greeting, or half of it.
async fn staller(authority: &Authority, address: SocketAddr, part: usize) -> TcpStream {
    // The greeting of a real client, caught in the middle.
    let trap = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, to) = (authority.client(&[], None), trap.local_addr().unwrap());
    let caught = tokio::spawn(async move { connect(&client, to).await.map(drop) });
    let (mut stream, _) = trap.accept().await.unwrap();
    let mut greeting = vec![0; 16 * 1024];
    let length = stream.read(&mut greeting).await.unwrap();
    caught.abort();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&greeting[..length / part]).await.unwrap();
    stream
}

#[tokio::test]
async fn peers_that_do_not_finish_their_handshake_hold_nobody_up_and_are_cut() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue());
    let env = files.env(&[
        ("GATEWAY_SERVER_TLS_HANDSHAKE_TIMEOUT", "1s"),
        ("GATEWAY_SERVER_TLS_MAX_HANDSHAKES", "1"),
    ]);
    let server = misfit(&env).await;
    let client = authority.client(&[], None);

    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(server.addr()).await.unwrap());
        silent.push(staller(&authority, server.addr(), 2).await);
    }
    let start = Instant::now();
    assert_eq!(status(&client, server.addr()).await.unwrap(), 200);
    assert!(
        start.elapsed() < Duration::from_millis(900),
        "it had to wait"
    );
    for stream in silent {
        assert!(closed(stream).await < Duration::from_secs(5));
    }

    // One that has been answered takes the only place, until its time is over.
    let stalled = staller(&authority, server.addr(), 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    assert_eq!(status(&client, server.addr()).await.unwrap(), 200);
    assert!(start.elapsed() > Duration::from_millis(300), "no bound");
    closed(stalled).await;
    server.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_no_handshake_and_lets_requests_finish() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue());
    let server = misfit(&files.env(&[])).await;
    let _silent = TcpStream::connect(server.addr()).await.unwrap();
    let client = authority.client(&["h2"], None);
    let stream = connect(&client, server.addr()).await.unwrap();
    let mut http = Http::over(stream).await;
    assert_eq!(http.get("/ok").await.unwrap().status(), 200);
    let (running, _database, _data) = server.running();
    let clean = tokio::time::timeout(SOON, running.stop()).await.unwrap();
    assert!(clean, "something was cut");
}

#[tokio::test]
async fn the_operators_listener_has_its_own() {
    let (public, operators) = (Authority::new(), Authority::new());
    let files = Files::new(&public.issue());
    let admin = Files::new(&operators.issue());
    let (certificate, key) = (admin.certificate(), admin.key());
    let env = files.env(&[
        (
            "GATEWAY_ADMIN_TLS_CERTIFICATE",
            certificate.to_str().unwrap(),
        ),
        ("GATEWAY_ADMIN_TLS_KEY", key.to_str().unwrap()),
    ]);
    let server = misfit(&env).await;
    let client = operators.client(&[], None);
    let stream = connect(&client, server.admin_addr()).await.unwrap();
    let answer = Http::over(stream).await.get("/readyz").await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.body());
    assert!(connect(&client, server.addr()).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn a_start_with_wrong_files_is_one_line_and_64() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (pair, other) = (authority.issue(), authority.issue());
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("certificate.pem", &pair.certificate);
    write("key.pem", &pair.key);
    write("other.pem", &other.key);
    write("rubbish.pem", "rubbish");
    const CERTIFICATE: (&str, &str) = ("GATEWAY_SERVER_TLS_CERTIFICATE", "certificate.pem");
    const KEY: (&str, &str) = ("GATEWAY_SERVER_TLS_KEY", "key.pem");
    const CA: (&str, &str) = ("GATEWAY_SERVER_TLS_CLIENT_CA", "rubbish.pem");
    const AUTH: (&str, &str) = ("GATEWAY_SERVER_TLS_CLIENT_AUTH", "required");
    for (env, line) in [
        (
            &[CERTIFICATE][..],
            "GATEWAY_SERVER_TLS_CERTIFICATE: it does nothing without server.tls.key",
        ),
        (
            &[KEY],
            "GATEWAY_SERVER_TLS_KEY: it does nothing without server.tls.certificate",
        ),
        (
            &[CA],
            "GATEWAY_SERVER_TLS_CLIENT_CA: it does nothing without server.tls.certificate",
        ),
        (
            &[CERTIFICATE, KEY, AUTH],
            "GATEWAY_SERVER_TLS_CLIENT_AUTH: it does nothing without server.tls.client_ca",
        ),
        (
            &[CERTIFICATE, KEY, CA],
            "GATEWAY_SERVER_TLS_CLIENT_CA: it does nothing while server.tls.client_auth is off",
        ),
        (
            &[CERTIFICATE, KEY, CA, AUTH],
            "GATEWAY_SERVER_TLS_CLIENT_CA: \"rubbish.pem\": there is no certificate in it",
        ),
        (
            &[CERTIFICATE, ("GATEWAY_SERVER_TLS_KEY", "other.pem")],
            "GATEWAY_SERVER_TLS_KEY: \"other.pem\": it is not the key of the certificate",
        ),
        (
            &[KEY, ("GATEWAY_SERVER_TLS_CERTIFICATE", "none.pem")],
            "GATEWAY_SERVER_TLS_CERTIFICATE: cannot read \"none.pem\": No such file",
        ),
        (
            &[("GATEWAY_ADMIN_TLS_KEY", "key.pem")],
            "GATEWAY_ADMIN_TLS_KEY: it does nothing without admin.tls.certificate",
        ),
    ] {
        for arguments in [&["serve"][..], &["config", "check"]] {
            let ran = command::run(folder.path(), arguments, env).await;
            assert_eq!(ran.code, Some(64), "{env:?} {}", ran.err);
            assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
            assert!(ran.err.contains(line), "{line}\n{}", ran.err);
        }
    }
    let checked = command::run(folder.path(), &["config", "check"], &[CERTIFICATE, KEY]).await;
    let printed = checked.ok();
    assert!(printed.contains("key = \"key.pem\""), "{printed}");
    assert!(!printed.contains("PRIVATE"), "{printed}");
}

#[tokio::test]
async fn a_bad_pair_is_logged_once_with_its_reason() {
    let authority = Authority::new();
    let (first, second) = (authority.issue(), authority.issue());
    let (files, folder) = (Files::new(&first), tempfile::tempdir().unwrap());
    let env = files.env(&[
        ("GATEWAY_SERVER_TLS_RELOAD_INTERVAL", "10ms"),
        ("GATEWAY_SERVER_LISTEN", "127.0.0.1:0"),
        ("GATEWAY_ADMIN_LISTEN", "127.0.0.1:0"),
    ]);
    let env: Vec<_> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let mut child = command::start(folder.path(), &["serve"], &env);
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(SOON, out.next_line()).await.unwrap();
    let line = line.unwrap().unwrap();
    assert!(
        line.starts_with("listening on https://127.0.0.1:"),
        "{line}"
    );

    fs::write(files.key(), &second.key).unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut complaints = Vec::new();
    let mut read = async || {
        let line = tokio::time::timeout(SOON, log.next_line()).await;
        line.expect("nothing is logged").unwrap().unwrap()
    };
    while complaints.is_empty() {
        let line = read().await;
        if line.contains("server.tls.key") {
            complaints.push(line);
        }
    }
    assert!(
        complaints[0].contains("it is not the key of the certificate; the certificates from"),
        "{complaints:?}"
    );
    // Some looks later, the right certificate for it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    files.write(&second);
    loop {
        let line = read().await;
        if line.contains("certificates were read again") {
            break;
        }
        assert!(!line.contains("it is not the key"), "said twice: {line}");
    }
    child.kill().await.unwrap();
}
