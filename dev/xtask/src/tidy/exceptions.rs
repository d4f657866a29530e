//! The one list of exceptions: `rule path reason`, one a line, each with its reason; an exception that excuses nothing is reported.

use anyhow::ensure;

use super::Finding;

pub struct Exceptions {
    file: String,
    entries: Vec<Entry>,
}

struct Entry {
    line: usize,
    rule: String,
    path: String,
    used: bool,
}

impl Exceptions {
    /// Reads the list. Empty lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// When an entry has no path or no reason.
    pub fn parse(file: &str, text: &str) -> anyhow::Result<Self> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let (rule, path) = (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            );
            ensure!(
                words.next().is_some(),
                "{file}:{}: want `rule path reason`",
                index + 1
            );
            entries.push(Entry {
                line: index + 1,
                rule: rule.to_owned(),
                path: path.to_owned(),
                used: false,
            });
        }
        Ok(Self {
            file: file.to_owned(),
            entries,
        })
    }

    /// True when the list excuses this finding.
    pub fn allow(&mut self, finding: &Finding) -> bool {
        let mut allowed = false;
        for entry in &mut self.entries {
            if entry.rule == finding.rule && entry.path == finding.path {
                entry.used = true;
                allowed = true;
            }
        }
        allowed
    }

    /// A finding for every entry that excused nothing.
    pub fn unused(&self) -> Vec<Finding> {
        let unused = self.entries.iter().filter(|e| !e.used);
        unused
            .map(|entry| Finding {
                path: self.file.clone(),
                line: entry.line,
                rule: "unused-exception",
                what: format!(
                    "{} {} excuses nothing any more; remove it",
                    entry.rule, entry.path
                ),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &'static str, path: &str) -> Finding {
        Finding {
            path: path.to_owned(),
            line: 1,
            rule,
            what: String::new(),
        }
    }

    #[test]
    fn an_entry_excuses_its_rule_in_its_file_only() {
        let mut list =
            Exceptions::parse("list", "# remark\n\nfile-length a.rs a table of 900 keys\n")
                .expect("a list");
        assert!(list.allow(&finding("file-length", "a.rs")));
        assert!(!list.allow(&finding("file-length", "b.rs")));
        assert!(!list.allow(&finding("marker", "a.rs")));
        assert!(list.unused().is_empty());
    }

    #[test]
    fn an_entry_without_a_reason_is_an_error_and_an_unused_one_is_reported() {
        assert!(Exceptions::parse("list", "file-length a.rs").is_err());
        let list = Exceptions::parse("list", "file-length a.rs because").expect("a list");
        assert_eq!(list.unused().len(), 1);
        assert_eq!(list.unused()[0].line, 1);
    }
}
