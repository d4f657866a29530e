//! The subjects of a benchmark that publishes: one, or many with a number at their end.

use std::io::Write;

/// How many subjects, and in which order.
#[derive(Debug, Clone, clap::Args)]
pub struct SubjectArgs {
    /// Append the number of the message to the subject, as a token of its own
    #[arg(long)]
    pub multisubject: bool,

    /// Use so many subjects at most; 0 for as many as there are messages
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    pub multisubjectmax: u64,

    /// Choose among them at random
    #[arg(long)]
    pub multisubjectrandomize: bool,
}

impl SubjectArgs {
    /// The subject, or the wildcard over all of them.
    pub fn pattern(&self, subject: &str) -> String {
        if self.multisubject {
            format!("{subject}.*")
        } else {
            subject.to_owned()
        }
    }

    /// For the banner.
    pub fn arguments(&self, subject: &str) -> Vec<(&'static str, String)> {
        use crate::output::format;
        vec![
            ("subject", self.pattern(subject)),
            ("multi-subject", self.multisubject.to_string()),
            ("multi-subject-max", format::count(self.multisubjectmax)),
            (
                "multi-subject-randomize",
                self.multisubjectrandomize.to_string(),
            ),
        ]
    }
}

/// Yields one subject after the other.
#[derive(Debug, Clone)]
pub struct Subjects {
    base: usize,
    text: Vec<u8>,
    options: SubjectArgs,
}

impl Subjects {
    pub fn new(subject: &str, options: &SubjectArgs) -> Self {
        Self {
            base: subject.len(),
            text: subject.as_bytes().to_vec(),
            options: options.clone(),
        }
    }

    /// The subject of message `number`.
    pub fn of(&mut self, number: u64) -> &[u8] {
        if !self.options.multisubject {
            return &self.text;
        }
        self.text.truncate(self.base);
        // Writing to memory cannot fail.
        let _ = match self.options.multisubjectmax {
            0 => write!(self.text, ".{number}"),
            max => {
                let token = if self.options.multisubjectrandomize {
                    fastrand::u64(..max)
                } else {
                    number % max
                };
                let width = max.ilog10() as usize + 1;
                write!(self.text, ".{token:0width$}")
            }
        };
        &self.text
    }

    /// The same as text.
    pub fn text_of(&mut self, number: u64) -> &str {
        // It is text with a number at its end.
        std::str::from_utf8(self.of(number)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(multisubjectmax: u64, multisubject: bool) -> Vec<String> {
        let options = SubjectArgs {
            multisubject,
            multisubjectmax,
            multisubjectrandomize: false,
        };
        let mut subjects = Subjects::new("s", &options);
        [0, 9, 12]
            .map(|number| subjects.text_of(number).to_owned())
            .to_vec()
    }

    #[test]
    fn subjects_are_numbered_with_the_width_of_the_greatest_number() {
        assert_eq!(subjects(10, true), ["s.00", "s.09", "s.02"]);
        assert_eq!(subjects(0, true), ["s.0", "s.9", "s.12"]);
        assert_eq!(subjects(10, false), ["s", "s", "s"]);
    }
}
