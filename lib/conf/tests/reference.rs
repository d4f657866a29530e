//! The same texts through `nats-server -t` of the reference (named by `NATS_REFERENCE_BIN`): same verdict, same digest.
//!
//! The reference prints a digest over all values of a file that it accepts, and accepts any value under a key that some variable
//! refers to. So `X: <value>`, a reference to it under a known key, and then that key again make every value observable.

use std::path::PathBuf;
use std::process::Command;

use nats_conf::{System, parse_file};

fn reference() -> Option<PathBuf> {
    let binary = std::env::var_os("NATS_REFERENCE_BIN").map(PathBuf::from);
    if binary.is_none() {
        let message = "SKIPPED: comparison of configurations with the reference: NATS_REFERENCE_BIN is not set";
        assert!(std::env::var_os("NATS_REQUIRE_ALL").is_none(), "{message}");
        println!("{message}");
    }
    binary
}

/// The digest that the reference prints, or `None` when it refuses the text.
fn reference_digest(binary: &PathBuf, file: &std::path::Path) -> Option<String> {
    let output = Command::new(binary)
        .arg("-t")
        .arg("-c")
        .arg(file)
        .output()
        .expect("the reference runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let digest = text
        .split_once("is valid (")?
        .1
        .split_once(')')?
        .0
        .to_owned();
    output.status.success().then_some(digest)
}

/// Values whose meaning must be the same.
const SAME: &[&str] = &[
    "text",
    "'raw \\n'",
    "\"esc\\t\\x41\\\"\"",
    "a\\tb",
    "true",
    "YES",
    "off",
    "'off'",
    "1",
    "-1",
    "0007",
    "1.50",
    "-0.25",
    "1000000000000000000000.5",
    "0.0000001",
    "3k",
    "3KB",
    "3ki",
    "3mib",
    "7G",
    "7gb",
    "1t",
    "1TiB",
    "2p",
    "2e",
    "-5k",
    "-5kx",
    "5kx",
    "5kii",
    "5kb7",
    "5e1",
    "{a: }",
    "5k5",
    "1.2.3.4",
    "1.2.3.4:80",
    "1.2.3",
    "1.2.3.4x",
    "10ms",
    "1h30m",
    "4222abc",
    "2006-01-02T15:04:05Z",
    "2006-02-30T15:04:05Z",
    "2006-01-02",
    "$2a$11$hash",
    "$2b$11$hash",
    "$UNDEFINED_HERE",
    "nats://u:p@h:1/x?y",
    "<a&b>",
    "a'b'",
    "it's",
    "[]",
    "[ ]",
    "[a,b]",
    "[a\nb]",
    "[a, b,]",
    "[,]",
    "[a,,b]",
    "[a b]",
    "[ 1, 2 ]",
    "[ 1.5]",
    "[-5]",
    "[[x],{y: z}]",
    "{}",
    "{a: 1}",
    "{a 1, b=2; c:3}",
    "{a: {b: {c: d}}}",
    "{a:\n1}",
    "{'k k': 1}",
    "{\"a\":1,\"a\":2}",
    "{a: 1 b: 2}",
    "{a: [}",
    "{,a: 1}",
    "(\nx\n)",
    "(\n x ) y\n)\n",
    "(x)",
    "x # y",
    "x // y",
    "x /y",
    "http://x",
    "#",
    "x;",
    "x}",
    "a:b",
    "=",
    "-",
    "-x",
    ".5",
    "1.",
    "1.x",
    "\"two\nlines\"",
    "'two\nlines'",
    "\"open",
    "'open",
    "[open",
    "{open: 1",
    "\\q",
    "9223372036854775807",
    "9223372036854775808",
    "\u{e9}\u{20ac}",
    "\"\\x3c\\x01\\x7f\"",
    "\u{2028}",
    "$port",
    "tru",
    "a\tb",
    "a,b",
];

/// Values of which ours means something else than the reference, and why that is better.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "[1,2]",
        "the reference lets a number swallow the bracket behind it and then misses the bracket; JSON has such lists",
    ),
    (
        "[5k]",
        "the reference makes this a string, because of the same bracket",
    ),
    (
        "9000000pib",
        "the reference lets the number overflow; ours refuses it",
    ),
    (
        "\"\\xff\"",
        "the reference keeps bytes that are not UTF-8; ours refuses them",
    ),
];

fn compare(binary: &PathBuf, text: &str) -> (Option<String>, Option<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("c.conf");
    std::fs::write(&file, text).expect("a temporary file");
    let ours = parse_file(&file, &System)
        .ok()
        .map(|document| document.digest());
    (reference_digest(binary, &file), ours)
}

fn document(value: &str) -> String {
    format!("port: 4222\nX: {value}\nport: $X\nport: 4222\n")
}

#[test]
fn values_are_read_as_the_reference_reads_them() {
    let Some(binary) = reference() else { return };
    let mut wrong = Vec::new();
    for value in SAME {
        let (reference, ours) = compare(&binary, &document(value));
        if reference != ours {
            wrong.push(format!("{value:?}: reference {reference:?}, ours {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_known_differences_are_still_differences() {
    let Some(binary) = reference() else { return };
    for (value, why) in DIFFERENT {
        let (reference, ours) = compare(&binary, &document(value));
        assert_ne!(
            reference, ours,
            "{value:?} is no difference any more ({why}); move it to SAME"
        );
    }
}

#[test]
fn documents_in_braces_and_entries_in_all_forms_have_the_reference_digest() {
    let Some(binary) = reference() else { return };
    for text in [
        "{\"port\": 4222, \"host\": \"::\"}",
        "{\n  port = 4222\n}\n",
        "port 4222; host 'h', debug on",
        "port\n4222",
        "PORT: 4222\n",
        "port: 4222 }\nhost: x",
        "{ port: 4222\n",
        "port: 4222\n}",
        "port: 1\nport: 4222",
        "port:\n4222",
        "port",
        "port: 4222 host: x",
        "# only a comment",
        "// c\nport: 4222 // c\n# c",
        "server_tags [a b]",
        "server_metadata { a: b\n c d, e = f }",
        "server_name: \"\u{20ac}\"\r\ndebug: on\r\n",
    ] {
        let (reference, ours) = compare(&binary, text);
        // An empty configuration is a warning of the server, not of the language.
        if text != "# only a comment" {
            assert_eq!(reference, ours, "{text:?}");
        }
    }
}
