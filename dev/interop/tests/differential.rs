//! The same transcripts and the same configuration files through both servers: every difference is explained or gone.
//!
//! Runs when `NATS_REFERENCE_BIN` names the reference server. Known differences stand in `corpus/differences.txt` with their reasons;
//! an entry that has become untrue fails too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nats_interop::binary::{reference, reference_data, under_test};
use nats_interop::differential::{Differences, Transcript};
use nats_interop::server::{Finished, run_binary};
use nats_interop::skip::left_out;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn known_differences(file: &str) -> Differences {
    Differences::parse(
        &std::fs::read_to_string(corpus().join(file)).expect("the list of differences"),
    )
}

/// Every file with this extension below a folder, by its path from there.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .expect("a folder")
            .filter_map(Result::ok)
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What differs between the two servers on this transcript, after a second, slower look.
fn difference(transcript: &Transcript, ours: &Path, theirs: &Path) -> Option<String> {
    let mut shown = None;
    for quiet in [40, 400] {
        let quiet = Duration::from_millis(quiet);
        let (mine, other) = (transcript.play(ours, quiet), transcript.play(theirs, quiet));
        if mine == other {
            return None;
        }
        shown = Some(format!("--- ours\n{mine}--- reference\n{other}"));
    }
    shown
}

#[test]
fn transcripts_are_answered_alike() {
    let Some(theirs) = reference() else {
        return left_out(
            "differential transcripts",
            "NATS_REFERENCE_BIN names no reference server",
        );
    };
    let known = known_differences("differences.txt");
    let paths = files(&corpus(), "txt");
    let names: Vec<String> = paths
        .iter()
        .map(|p| {
            p.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.starts_with("differences") && !name.starts_with("config-differences"))
        .collect();
    assert!(
        names.len() >= 10,
        "the corpus has only {} transcripts",
        names.len()
    );
    let mut complaints = Vec::new();
    for name in &names {
        let text =
            std::fs::read_to_string(corpus().join(format!("{name}.txt"))).expect("a transcript");
        let transcript = Transcript::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        match (
            difference(&transcript, under_test(), &theirs),
            known.reason(name),
        ) {
            (Some(shown), None) => {
                complaints.push(format!("{name} is answered differently:\n{shown}"))
            }
            (None, Some(reason)) => {
                complaints.push(format!("{name} does not differ any more: {reason}"))
            }
            _ => {}
        }
    }
    complaints.extend(
        known
            .names()
            .filter(|n| !names.iter().any(|m| m == n))
            .map(|n| format!("{n} is no transcript")),
    );
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// A file that asks for something we do not have yet is refused, and every line of the refusal says so by name.
fn is_refused_for_missing_features(finished: &Finished) -> bool {
    let missing = "is configured, but this build does not have ";
    let mut lines = finished
        .stderr
        .lines()
        .filter(|l| !l.trim().is_empty())
        .peekable();
    finished.code == Some(1) && lines.peek().is_some() && lines.all(|l| l.contains(missing))
}

#[test]
fn configuration_files_are_judged_alike() {
    let Some(theirs) = reference() else {
        return left_out(
            "differential configurations",
            "NATS_REFERENCE_BIN names no reference server",
        );
    };
    let mut folders = vec![corpus().join("configs")];
    match reference_data() {
        Some(data) => folders.push(data.join("server-configs")),
        None => left_out(
            "differential configurations of the reference",
            "no reference data beside the repository",
        ),
    }
    let known = known_differences("config-differences.txt");
    let mut complaints = Vec::new();
    let mut names = Vec::new();
    for folder in folders {
        for path in files(&folder, "conf") {
            let name = path
                .strip_prefix(&folder)
                .expect("a path below its folder")
                .to_string_lossy()
                .into_owned();
            let judge =
                |binary: &Path| run_binary(binary, &["-t", "-c", &path.display().to_string()]);
            let (mine, other) = (judge(under_test()), judge(&theirs));
            if is_refused_for_missing_features(&mine) {
                names.push(name);
                continue;
            }
            match (mine.code == other.code, known.reason(&name)) {
                (false, None) => complaints.push(format!(
                    "{name}: ours {:?}: {}reference {:?}: {}",
                    mine.code,
                    mine.output(),
                    other.code,
                    other.output()
                )),
                (true, Some(reason)) => {
                    complaints.push(format!("{name} does not differ any more: {reason}"))
                }
                _ => {}
            }
            names.push(name);
        }
    }
    complaints.extend(
        known
            .names()
            .filter(|n| !names.iter().any(|m| m == n))
            .map(|n| format!("{n} is no file")),
    );
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
