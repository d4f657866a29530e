//! Checks the repository against the rules that no compiler checks.
//!
//! **What lives here.** The walk over the files that git knows, the list of exceptions, and the report. The rules themselves are pure
//! functions from a file's text to findings ([`rules`]); [`source`] blanks out comments and strings for those that read code.
//!
//! **Who may call.** `main`. **What never happens here.** No file is changed. There is no lock.
//!
//! **Where to start reading.** [`check`].

mod exceptions;
pub mod rules;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use exceptions::Exceptions;

const EXCEPTIONS: &str = "dev/xtask/tidy-exceptions.txt";

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub rule: &'static str,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.path, self.line, self.rule, self.what
        )
    }
}

/// What a check found.
pub struct Outcome {
    pub findings: Vec<Finding>,
    pub files_read: usize,
}

/// Checks every text file of the repository.
///
/// # Errors
/// When git cannot list the files, or the list of exceptions is malformed.
pub fn check(root: &Path) -> anyhow::Result<Outcome> {
    let text = std::fs::read_to_string(root.join(EXCEPTIONS))
        .with_context(|| format!("cannot read {EXCEPTIONS}"))?;
    let mut exceptions = Exceptions::parse(EXCEPTIONS, &text)?;
    let mut findings = Vec::new();
    let mut files_read = 0;
    for path in files(root)? {
        let Ok(text) = std::fs::read_to_string(root.join(&path)) else {
            // Not text, or removed but not yet committed.
            continue;
        };
        files_read += 1;
        let name = path.to_string_lossy().replace('\\', "/");
        findings.extend(
            rules::all(&name, &text)
                .into_iter()
                .filter(|f| !exceptions.allow(f)),
        );
    }
    findings.extend(exceptions.unused());
    findings.sort();
    Ok(Outcome {
        findings,
        files_read,
    })
}

/// The files that git tracks, and the new ones that it does not ignore.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("cannot start git")?;
    ensure!(
        output.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let list = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(list
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_prints_where_which_and_what() {
        let finding = Finding {
            path: "a/b.rs".to_owned(),
            line: 7,
            rule: "file-length",
            what: "900 lines".to_owned(),
        };
        assert_eq!(finding.to_string(), "a/b.rs:7: file-length: 900 lines");
    }

    #[test]
    fn this_repository_can_be_walked() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let outcome = check(&root).expect("the repository can be read");
        assert!(outcome.files_read > 10);
    }
}
