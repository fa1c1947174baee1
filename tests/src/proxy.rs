//! A proxy before a database or a gateway that cuts, stalls and delays.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::database::TestDatabase;

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// They pass.
    Open,
    /// Each piece waits for that long.
    Slow(Duration),
    /// Connections stay, and nothing comes through them.
    Stalled,
    /// Connections are ended, and new ones as soon as they are made.
    Cut,
}

/// A proxy to one server; dropped, it and its connections are gone.
#[derive(Debug)]
pub struct Proxy {
    line: watch::Sender<Line>,
    server: watch::Sender<(String, u16)>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to the server of a database, and the database as it is seen through it.
    ///
    /// # Panics
    /// The database is a file.
    pub async fn before(database: &TestDatabase) -> (Self, TestDatabase) {
        let mut url: reqwest::Url = database.config.url.parse().unwrap();
        let host = url.host_str().expect("a server").to_owned();
        let proxy = Self::to((host, url.port().expect("a port"))).await;
        let mut seen = database.again();
        url.set_ip_host(proxy.address.ip()).unwrap();
        url.set_port(Some(proxy.address.port())).unwrap();
        seen.config.url = url.into();
        (proxy, seen)
    }

    /// A proxy to a gateway.
    pub async fn to_gateway(address: SocketAddr) -> Self {
        Self::to((address.ip().to_string(), address.port())).await
    }

    async fn to(server: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, watched) = watch::channel(Line::Open);
        let (server, servers) = watch::channel(server);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() != Line::Cut {
                    let server = servers.borrow().clone();
                    tokio::spawn(connect(client, server, watched.clone()));
                }
            }
        });
        Self {
            line,
            server,
            address,
            accepting,
        }
    }

    /// Has new connections go to another gateway.
    pub fn point(&self, address: SocketAddr) {
        let server = (address.ip().to_string(), address.port());
        self.server.send_replace(server);
    }

    /// Changes what becomes of the bytes, on the connections that there are, too.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(Line::Cut);
    }
}

async fn connect(client: TcpStream, server: (String, u16), line: watch::Receiver<Line>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).ok();
    }
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let mut cut = line.clone();
    tokio::select! {
        () = pass(from_client, to_server, line.clone()) => {}
        () = pass(from_server, to_client, line) => {}
        _ = cut.wait_for(|line| *line == Line::Cut) => {}
    }
}

/// Passes bytes on in one direction until either end is gone.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: watch::Receiver<Line>) {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else {
            return;
        };
        let passes = |line: &Line| matches!(line, Line::Open | Line::Slow(_));
        let Ok(line) = line.wait_for(passes).await.map(|line| *line) else {
            return;
        };
        if let Line::Slow(delay) = line {
            tokio::time::sleep(delay).await;
        }
        if to
            .write_all(piece.get(..length).unwrap_or_default())
            .await
            .is_err()
        {
            return;
        }
    }
}
