//! What a release program is made with: the commit it comes from, and no symbols.
//!
//! **The commit** stands in `--version`, INFO and varz. It is asked of git; whoever builds from an archive says it with `NATS_GIT_COMMIT`. Debug
//! programs have none, for every commit would build the server anew.
//!
//! **Symbols** go while it is linked. The profile says `strip = "symbols"`, but cargo forgets that for a package with an entry of its own in the profile, and this one
//! has one (`opt-level`). The profile `profiling` keeps them.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=NATS_GIT_COMMIT");
    let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|value| value == wanted);
    if is("PROFILE", "release") && is("DEBUG", "false") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
    if is("PROFILE", "release") && std::env::var_os("NATS_GIT_COMMIT").is_none() {
        name_commit();
    }
}

/// Passes the commit of the working tree on, if this is one.
fn name_commit() {
    // The list of what HEAD was grows with every commit and checkout.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    if let Some(commit) = git(&["rev-parse", "--short=7", "HEAD"]) {
        println!("cargo::rustc-env=NATS_GIT_COMMIT={commit}");
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
