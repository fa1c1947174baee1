//! Uploads in parts, by a client of the field: tuspy, the tus project's own for Python.

use std::process::Stdio;

use gateway_tests::database::TestDatabase;
use gateway_tests::on_every_database;
use serde_json::Value;
use tokio::process::Command;

use super::{chat, content, get, user};

on_every_database!(a_client_of_the_field_uploads_in_parts);

/// Python with tuspy; `cargo xtask test` installs it and says where.
const PYTHON: &str = "TEST_TUS_PYTHON";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/attachments/tus.py");

async fn a_client_of_the_field_uploads_in_parts(database: TestDatabase) {
    let python = std::env::var(PYTHON).unwrap_or_else(|_| {
        panic!("{PYTHON} is not set; `cargo xtask test` installs tuspy and sets it")
    });
    let server = chat(database, "").await;
    let token = gateway_tests::token::sign(&serde_json::json!({
        "sub": "bob", "userTenantId": "bob", "tenantId": "t",
        "exp": gateway_tests::token::FAR,
        "permissions": ["CreateAttachmentFile", "ViewAttachmentFile"],
    }));
    // Several requests' worth, and the first of them above what is handed over inline.
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|it| (it % 251) as u8).collect();
    let file = server.data().join("upload.bin");
    std::fs::write(&file, &bytes).unwrap();
    let output = Command::new(python)
        .arg(SCRIPT)
        .arg(format!("{}/attachments/uploads", server.base()))
        .arg(&token)
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("what the script tells");
    assert_eq!(told["offset"], 2_000_000, "{told}");
    let id = told["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let bob = user(&server, "t", "bob", &[]);
    let got = get(&bob, &content(id), &[]).await;
    assert_eq!((got.status, got.bytes == bytes), (200, true));
    assert!(got.header("content-disposition").contains("upload.bin"));
    server.stop().await;
}
