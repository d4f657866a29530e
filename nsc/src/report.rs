//! What an operation did: a tree of lines with `[ OK ]`, `[WARN]` or `[ERR ]` before them, in the reference's form, or as JSON.

use serde::Serialize;

/// How a line, or all that hangs below it, came out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    #[default]
    None,
    Ok,
    Warning,
    Error,
}

/// A line and the lines below it. One without a label is the list of its details.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    status: Status,
    #[serde(rename = "message", skip_serializing_if = "String::is_empty")]
    label: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Report>,
    /// Details are worth a line only when something is not right.
    #[serde(skip)]
    quiet: bool,
    /// The last line counts what succeeded.
    #[serde(skip)]
    counted: bool,
    /// What a server said, in its words.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    quoted: bool,
    /// All of those that the line is about; the line itself may name some of them only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
}

impl Report {
    /// A list of lines.
    pub fn list() -> Self {
        Self::default()
    }

    /// A list of lines, with a count at its end where there are several.
    pub fn counted() -> Self {
        Self {
            counted: true,
            ..Self::default()
        }
    }

    /// One line.
    pub fn line(status: Status, label: impl Into<String>) -> Self {
        Self {
            status,
            label: label.into(),
            ..Self::default()
        }
    }

    /// The same, about these; a document has all of them.
    #[must_use]
    pub fn with_names(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    /// Warnings about those who are named, which scripts must not lose.
    pub fn urgent(&self) -> Vec<&str> {
        let below = self.details.iter().flat_map(Self::urgent);
        let own = (!self.names.is_empty()).then_some(self.label.as_str());
        own.into_iter().chain(below).collect()
    }

    /// A line whose details are shown only when something is not right.
    pub fn quiet(label: impl Into<String>) -> Self {
        Self {
            quiet: true,
            ..Self::line(Status::Ok, label)
        }
    }

    pub fn ok(&mut self, text: impl Into<String>) {
        self.add(Self::line(Status::Ok, text));
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        self.add(Self::line(Status::Warning, text));
    }

    pub fn error(&mut self, text: impl Into<String>) {
        self.add(Self::line(Status::Error, text));
    }

    /// The words of a server.
    pub fn quote(&mut self, text: &str) {
        if !text.trim().is_empty() {
            let mut line = Self::line(Status::Ok, text.trim());
            line.quoted = true;
            self.add(line);
        }
    }

    pub fn add(&mut self, detail: Self) {
        self.details.push(detail);
        self.status = self
            .details
            .iter()
            .map(|d| d.status)
            .max()
            .unwrap_or_default();
    }

    /// Adds the lines of another report.
    pub fn extend(&mut self, other: Self) {
        for detail in other.details {
            self.add(detail);
        }
    }

    pub fn relabel(&mut self, label: impl Into<String>) {
        self.label = label.into();
    }

    pub fn status(&self) -> Status {
        self.status
    }

    pub fn has_errors(&self) -> bool {
        self.status == Status::Error
    }

    pub fn is_empty(&self) -> bool {
        self.label.is_empty() && self.details.is_empty()
    }

    pub fn details(&self) -> &[Self] {
        &self.details
    }

    pub fn message(&self) -> &str {
        &self.label
    }

    /// The text, without a line break at its end.
    pub fn render(&self) -> String {
        let mut lines = Vec::new();
        self.push_lines("", &mut lines);
        lines.join("\n")
    }

    fn push_lines(&self, indent: &str, lines: &mut Vec<String>) {
        if self.label.is_empty() {
            for detail in &self.details {
                detail.push_lines(indent, lines);
            }
            return;
        }
        let mark = match self.status {
            Status::None => return,
            _ if self.quoted => "> ",
            Status::Ok => "[ OK ] ",
            Status::Warning => "[WARN] ",
            Status::Error => "[ERR ] ",
        };
        let quoted = self.details.iter().any(|detail| detail.quoted);
        let below =
            !self.details.is_empty() && (!self.quiet || self.status != Status::Ok || quoted);
        let colon = if below { ":" } else { "" };
        for (at, line) in self.label.lines().enumerate() {
            let mark = if at == 0 || self.quoted { mark } else { "" };
            lines.push(format!("{indent}{mark}{line}"));
        }
        if let Some(last) = lines.last_mut() {
            last.push_str(colon);
        }
        if below {
            let indent = format!("{indent}       ");
            for detail in &self.details {
                detail.push_lines(&indent, lines);
            }
        }
    }

    /// The line that counts, if one is due; as an error when something failed.
    pub fn summary(&self) -> std::result::Result<Option<String>, String> {
        let count = |status| self.details.iter().filter(|d| d.status == status).count();
        let (ok, warn, err) = (
            count(Status::Ok),
            count(Status::Warning),
            count(Status::Error),
        );
        let all = self
            .details
            .iter()
            .filter(|d| d.status != Status::None)
            .count();
        let jobs = |n: usize| if n > 1 { "jobs" } else { "job" };
        if err > 0 {
            return Err(if err == all {
                "all jobs failed".to_owned()
            } else {
                format!(
                    "{err} {} failed - {ok} {} succeeded and {warn} had warnings",
                    jobs(err),
                    jobs(ok)
                )
            });
        }
        if self.has_errors() {
            return Err("the job failed".to_owned());
        }
        if !self.counted || all <= 1 {
            return Ok(None);
        }
        Ok(Some(if ok == all {
            "all jobs succeeded".to_owned()
        } else if warn == all {
            "all jobs had warnings".to_owned()
        } else {
            format!("{ok} {} succeeded - {warn} have warnings", jobs(ok))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_drawn_as_the_reference_draws_it() {
        let mut user = Report::line(Status::Ok, "user s [U1]");
        user.ok("user deleted");
        let mut users = Report::line(Status::Ok, "delete users");
        users.add(user);
        users.warn("odd");
        assert_eq!(
            users.render(),
            "[WARN] delete users:\n       [ OK ] user s [U1]:\n              [ OK ] user deleted\n       [WARN] odd"
        );
    }

    #[test]
    fn the_summary_counts_what_came_out_how() {
        let mut report = Report::counted();
        assert_eq!(report.summary(), Ok(None));
        report.ok("a");
        assert_eq!(report.summary(), Ok(None));
        report.ok("b");
        assert_eq!(report.summary(), Ok(Some("all jobs succeeded".into())));
        report.warn("c");
        assert_eq!(
            report.summary(),
            Ok(Some("2 jobs succeeded - 1 have warnings".into()))
        );
        report.error("d");
        assert_eq!(
            report.summary(),
            Err("1 job failed - 2 jobs succeeded and 1 had warnings".into())
        );
    }

    #[test]
    fn quiet_lines_keep_their_details_for_when_something_is_wrong() {
        let mut quiet = Report::quiet("push A");
        quiet.ok("fine");
        assert_eq!(quiet.render(), "[ OK ] push A");
        quiet.error("bad");
        assert_eq!(
            quiet.render(),
            "[ERR ] push A:\n       [ OK ] fine\n       [ERR ] bad"
        );
    }
}
