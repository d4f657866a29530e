//! The symbols of a release program go while it is linked.
//!
//! The profile says `strip = "symbols"`, but cargo forgets that for a package with an entry of its own in the profile, and this one
//! has one (`opt-level`). The profile `profiling` keeps them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|value| value == wanted);
    if is("PROFILE", "release") && is("DEBUG", "false") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
}
