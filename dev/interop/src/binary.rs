//! Which binary is under test, and whether it is the reference server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The server under test: `NATS_SERVER_BIN`, or the workspace's own `nats-server`, built through cargo when it is missing or older
/// than its sources.
///
/// # Panics
/// When the variable names no file, or when cargo cannot build the server.
pub fn under_test() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("NATS_SERVER_BIN") {
        Some(given) => {
            let path = PathBuf::from(given);
            assert!(
                path.is_file(),
                "NATS_SERVER_BIN names no file: {}",
                path.display()
            );
            path.canonicalize().expect("an existing file has a path")
        }
        None => our_own(),
    })
}

/// The reference server for differential runs, from `NATS_REFERENCE_BIN`.
pub fn reference() -> Option<PathBuf> {
    std::env::var_os("NATS_REFERENCE_BIN").map(PathBuf::from)
}

/// True when the server under test is the reference server, told by the build record that the Go linker leaves in its programs.
///
/// Only for tests of something that ours deliberately does better: they say what the reference does and return early.
pub fn is_reference() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| is_go_program(under_test()))
}

/// Repository root: two levels above this package.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of reference data beside the repository, when it is there.
pub fn reference_data() -> Option<PathBuf> {
    let path = workspace_root().join("../shared/reference");
    path.is_dir().then_some(path)
}

fn is_go_program(path: &Path) -> bool {
    const MARK: &[u8] = b"\xff Go buildinf:";
    let bytes = std::fs::read(path).expect("the binary under test can be read");
    let text = bytes.as_slice();
    // Skip quickly over bytes that cannot start the mark: an unoptimised build scans tens of megabytes here.
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|b| *b == MARK[0]) {
        if text[from + at..].starts_with(MARK) {
            return true;
        }
        from += at + 1;
    }
    false
}

fn our_own() -> PathBuf {
    // target/<profile>/deps/<test executable>
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile_dir = test
        .parent()
        .and_then(Path::parent)
        .expect("a test lies in target/<profile>/deps");
    let binary = profile_dir.join("nats-server");
    if !is_fresh(&binary) {
        build(profile_dir);
    }
    assert!(
        binary.is_file(),
        "cargo built no nats-server in {}",
        profile_dir.display()
    );
    binary
}

/// Compares the binary with the sources that cargo's dependency file names, so that `cargo test -p nats-interop` never tests
/// yesterday's server.
fn is_fresh(binary: &Path) -> bool {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let Some(built) = modified(binary) else {
        return false;
    };
    let Ok(dependencies) = std::fs::read_to_string(binary.with_extension("d")) else {
        return false;
    };
    let Some((_, sources)) = dependencies.split_once(": ") else {
        return false;
    };
    sources
        .split_whitespace()
        .all(|source| modified(Path::new(source)).is_some_and(|at: SystemTime| at <= built))
}

fn build(profile_dir: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--bin", "nats-server", "--target-dir"])
        .arg(profile_dir.parent().expect("a profile lies in target"))
        .current_dir(workspace_root());
    if profile_dir.file_name().is_some_and(|n| n == "release") {
        command.arg("--release");
    }
    let status = command.status().expect("cargo can be started");
    assert!(status.success(), "cargo could not build nats-server");
}
