//! What crosses the border between the gateway and a component arrives whole.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use gateway_tests::server::Server;

on_every_database!(a_component_reads_what_it_wrote);

/// A value of each kind and a row of nulls, written by a guest, and read from the cells
/// and the heap that it is handed.
async fn a_component_reads_what_it_wrote(database: TestDatabase) {
    let server = Server::start(database, &[("misfit", "/")], &[]).await;
    let response = server.get("/sql-kinds").send().await.expect("an answer");
    let text = response.text().await.expect("a text");
    assert!(text.starts_with("same true\n"), "{text}");
    server.stop().await;
}
