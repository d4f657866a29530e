//! The program itself, started as a user starts it. That this test exists also makes `cargo test` build the binary that the black-box
//! suites in `dev/interop` run.

use std::process::Command;

#[test]
fn a_flag_that_does_not_exist_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_nats-server"))
        .arg("--no-such-flag")
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no-such-flag"), "{said}");
}
