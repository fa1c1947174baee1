//! Requests that no well-behaved client makes.

use std::time::Duration;

use gateway_tests::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends `bytes`, and reads until the server closes the connection.
pub(crate) async fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // A reset after the answer is as good as an end.
    let _ = tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}
