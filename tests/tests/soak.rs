//! A few swaps under load from another process, as `cargo xtask soak-swap` makes a
//! hundred: the same program, for seconds.

use std::process::{Command, Stdio};

use gateway_tests::process::binary;

#[test]
fn nothing_is_lost_while_versions_change_places_under_load() {
    let gateway = binary();
    let program = gateway.with_file_name("gateway-bench");
    assert!(
        program.is_file(),
        "{} is missing: run `cargo build --release --workspace --exclude xtask` first",
        program.display()
    );
    let ran = Command::new(program)
        .arg("soak-swap")
        .arg("--gateway")
        .arg(gateway)
        .args(["--swaps", "10", "--pause", "100", "--seconds", "60"])
        .args(["--before", "2", "--on", "sqlite"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}
