//! Configuration files as users have them: the reference data, and the same files and texts through the reference server
//! (`NATS_REFERENCE_BIN`).

use std::path::{Path, PathBuf};
use std::process::Command;

use nats_server::options::Options;

/// Parts of names of files that must be refused, as the README of the reference data says.
const REFUSED: &[&str] = &[
    "bad",
    "malformed",
    "invalid",
    "insecure_ciphers.conf",
    "empty_",
    "multiple_errors",
];

/// Files whose names say nothing, or the wrong thing, about whether they are in order by themselves: with the reason.
const NOT_BY_NAME: &[(&str, bool, &str)] = &[
    (
        "tls_cert_cn_gateways_invalid_auth.conf",
        true,
        "what is invalid is a certificate that it names",
    ),
    (
        "tls_cert_cn_routes_invalid_auth.conf",
        true,
        "what is invalid is a certificate that it names",
    ),
    ("gws.conf", false, "a part that others include"),
    (
        "include_conf_check_b.conf",
        false,
        "a part that others include",
    ),
    ("passwords.conf", false, "a part that others include"),
    ("users.conf", false, "a part that others include"),
    ("auths.conf", false, "a part that others include"),
    (
        "reload.conf",
        false,
        "it includes a file that the tests of the reference write",
    ),
];

fn skipped(what: &str, why: &str) {
    let message = format!("SKIPPED: {what}: {why}");
    assert!(std::env::var_os("NATS_REQUIRE_ALL").is_none(), "{message}");
    println!("{message}");
}

/// All `.conf` files of the reference data.
fn reference_configurations() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference/server-configs");
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "conf")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        skipped(
            "sample configurations",
            "the reference data is not beside the repository",
        );
    }
    found
}

fn reference_binary() -> Option<PathBuf> {
    let binary = std::env::var_os("NATS_REFERENCE_BIN").map(PathBuf::from);
    if binary.is_none() {
        skipped(
            "comparison of configurations with the reference",
            "NATS_REFERENCE_BIN is not set",
        );
    }
    binary
}

/// Whether `-t` of ours would accept a file, were all features there: no errors, no warnings, and all named files readable.
fn accepted(file: &Path) -> Result<String, String> {
    let loaded = Options::from_file(file).map_err(|error| error.to_string())?;
    let mut problems = loaded.warnings;
    problems.extend(loaded.options.unreadable_files());
    if problems.is_empty() {
        return Ok(loaded.options.source.config_digest);
    }
    Err(problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n"))
}

/// The digest that the reference prints for a file, or what it says against it.
fn accepted_by_reference(binary: &Path, file: &Path) -> Result<String, String> {
    let output = Command::new(binary)
        .arg("-t")
        .arg("-c")
        .arg(file)
        .current_dir(file.parent().unwrap_or(Path::new("/")))
        .output()
        .expect("the reference runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let digest = text
        .split_once("is valid (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(digest, _)| digest.to_owned());
    digest.filter(|_| output.status.success()).ok_or(text)
}

#[test]
fn sample_configurations_are_read_or_refused_as_their_names_say() {
    for file in reference_configurations() {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let by_name = !REFUSED.iter().any(|part| name.contains(part));
        let listed = NOT_BY_NAME.iter().find(|(listed, ..)| *listed == name);
        let refused = !listed.map_or(by_name, |(_, accepted, _)| *accepted);
        match Options::from_file(&file) {
            Ok(_) => assert!(!refused, "{name} should be refused"),
            Err(error) => assert!(refused, "{name} should be read, but: {error}"),
        }
    }
}

#[test]
fn sample_configurations_have_the_verdict_and_the_digest_of_the_reference() {
    let Some(binary) = reference_binary() else {
        return;
    };
    for file in reference_configurations() {
        match (accepted_by_reference(&binary, &file), accepted(&file)) {
            (Ok(reference), Ok(ours)) => assert_eq!(reference, ours, "{}", file.display()),
            (Err(_), Err(_)) => {}
            (reference, ours) => {
                panic!("{}: reference {reference:?}, ours {ours:?}", file.display())
            }
        }
    }
}

/// Texts with one setting each that the reference and we judge alike; `A…` and `U…` stand for public keys.
const SAME: &str = include_str!("configuration/same.txt");

/// Texts that only we refuse under `-t`, because a server could not start with them, or could not do what they say.
const STRICTER: &str = include_str!("configuration/stricter.txt");

fn texts(list: &str) -> impl Iterator<Item = String> + '_ {
    let account = "AD4YRVUJF2KASKPGRMNXTYKIYSCB3IHHB4Y2ME6B2PDIV5QJ23C2ZRIT";
    let user = "UB57IEMPG4KOTPFV5A66QKE2HZ3XBXFHVRCCVMJEWKECMVN2HSH3VTSJ";
    let lines = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines.map(move |line| {
        line.replace("\\n", "\n")
            .replace("A…", account)
            .replace("U…", user)
            + "\n"
    })
}

fn verdicts(binary: &Path, text: &str) -> (Result<String, String>, Result<String, String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("c.conf");
    std::fs::write(&file, text).expect("a temporary file");
    (accepted_by_reference(binary, &file), accepted(&file))
}

#[test]
fn single_settings_have_the_verdict_of_the_reference() {
    let Some(binary) = reference_binary() else {
        return;
    };
    let mut wrong = Vec::new();
    for text in texts(SAME) {
        let (reference, ours) = verdicts(&binary, &text);
        let same = match (&reference, &ours) {
            (Ok(reference), Ok(ours)) => reference == ours,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if !same {
            wrong.push(format!("{text}  reference {reference:?}\n  ours {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_could_not_start_is_refused_although_the_reference_tests_it_well() {
    for text in texts(STRICTER) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("c.conf");
        std::fs::write(&file, &text).expect("a temporary file");
        assert!(accepted(&file).is_err(), "{text}");
    }
    let Some(binary) = reference_binary() else {
        return;
    };
    for text in texts(STRICTER) {
        let (reference, _) = verdicts(&binary, &text);
        assert!(
            reference.is_ok(),
            "the reference refuses it too, move it to same.txt: {text}{reference:?}"
        );
    }
}
