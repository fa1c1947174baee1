//! The client for browsers is made of the document that the service gives.

use serde_json::Value as Json;

use crate::support::Service;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/client/openapi.json");

/// Its types are made of that file, which `cargo xtask test` compares where there is npm.
#[test]
fn the_document_of_the_client_is_that_of_the_service() {
    let document = Service::new().nobody().read("/openapi.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        std::fs::write(COMMITTED, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap();
    let committed: Json = serde_json::from_str(&committed).unwrap();
    assert!(
        committed == document,
        "run UPDATE_DOCS=1 cargo test --release -p chat client, and then `npm ci` and \
         `npm run build` in plugin/client"
    );
}
