//! A form: questions whose answers come from flags, from a file, from the defaults or from the user.
//!
//! A bundle asks in its own order and by its own conditions; what was given and never asked for is an error, so that no answer is
//! accepted and ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use nats_term::prompt::Prompt;
use serde_json::Value;

use crate::commands::server::passwd;
use crate::error::{CliError, Result};
use crate::input;
use crate::parse;
use crate::template::random_text;

/// How deep answers are nested.
const DEPTH_MAX: usize = 4;
/// Letters and digits of a password that is made here.
const PASSWORD_LETTERS: usize = 22;

/// Who answers.
pub struct Form<'a> {
    given: BTreeMap<String, Value>,
    asked: BTreeSet<&'static str>,
    defaults: bool,
    prompt: &'a mut dyn Prompt,
}

/// A question: its name in files and flags, and its words.
pub struct Question<'a> {
    pub name: &'static str,
    pub text: &'static str,
    /// Empty: there is none.
    pub default: &'a str,
}

impl<'a> Form<'a> {
    /// With `defaults`, what is not given is not asked for.
    pub fn new(given: BTreeMap<String, Value>, defaults: bool, prompt: &'a mut dyn Prompt) -> Self {
        Self {
            given,
            asked: BTreeSet::new(),
            defaults,
            prompt,
        }
    }

    /// An answer that `read` takes; who types a wrong one is asked again.
    fn ask<T>(
        &mut self,
        question: &Question<'_>,
        read: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<T> {
        let name = question.name;
        self.asked.insert(name);
        if let Some(given) = self.given.get(name) {
            return read(&text_of(given)).map_err(|problem| wrong(name, &problem));
        }
        if self.defaults {
            return match question.default {
                "" => Err(CliError::new(format!("{name} has no default"))
                    .next_step(format!("say what it is: --set {name}=VALUE"))),
                default => read(default).map_err(|problem| wrong(name, &problem)),
            };
        }
        let instead = format!("--set {name}=VALUE, --answers FILE or --defaults");
        loop {
            let typed = self
                .prompt
                .input(question.text, question.default, &instead)?;
            match read(typed.trim()) {
                Ok(answer) => return Ok(answer),
                Err(problem) => eprintln!("{name}: {problem}"),
            }
        }
    }

    /// A line of text.
    pub fn text(&mut self, question: &Question<'_>) -> Result<String> {
        self.ask(question, |text| match text {
            "" => Err("an answer is needed".to_owned()),
            text => line(text),
        })
    }

    /// A line of text, or nothing.
    pub fn optional(&mut self, name: &'static str, text: &'static str) -> Result<String> {
        self.asked.insert(name);
        if self.defaults && !self.given.contains_key(name) {
            return Ok(String::new());
        }
        let question = Question {
            name,
            text,
            default: "",
        };
        self.ask(&question, line)
    }

    /// A name without blanks and separators: of a server, a domain.
    pub fn word(&mut self, question: &Question<'_>) -> Result<String> {
        self.ask(question, |text| {
            let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            match !text.is_empty() && text.chars().all(good) {
                true => Ok(text.to_owned()),
                false => Err(format!(
                    "{text:?} is no name: use letters, digits, '-', '_' and '.'"
                )),
            }
        })
    }

    pub fn address(&mut self, question: &Question<'_>) -> Result<IpAddr> {
        self.ask(question, |text| {
            text.parse()
                .map_err(|_| format!("{text:?} is no IP address, such as 0.0.0.0"))
        })
    }

    /// A whole number from `least` to `most`.
    pub fn number(&mut self, question: &Question<'_>, least: u32, most: u32) -> Result<u32> {
        self.ask(question, |text| match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!("{text:?} is no number from {least} to {most}")),
        })
    }

    /// A port; `least` is 0 where that switches something off.
    pub fn port(&mut self, question: &Question<'_>, least: u16) -> Result<u16> {
        let port = self.number(question, u32::from(least), u32::from(u16::MAX))?;
        Ok(u16::try_from(port).unwrap_or_default())
    }

    pub fn yes(&mut self, name: &'static str, text: &'static str, default: bool) -> Result<bool> {
        if !self.defaults && !self.given.contains_key(name) {
            self.asked.insert(name);
            let instead = format!("--set {name}=true, --answers FILE or --defaults");
            return Ok(self.prompt.confirm(text, default, &instead)?);
        }
        let question = Question {
            name,
            text,
            default: if default { "true" } else { "false" },
        };
        self.ask(&question, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        })
    }

    /// A size in bytes; `None` leaves the choice to the server.
    pub fn size(&mut self, name: &'static str, text: &'static str) -> Result<Option<i64>> {
        let question = Question {
            name,
            text,
            default: "-1",
        };
        self.ask(&question, |text| {
            let size = parse::byte_size(text).map_err(|error| error.to_string())?;
            Ok((size > 0).then_some(size))
        })
    }

    /// A password; the default is a new one.
    pub fn password(&mut self, name: &'static str, text: &'static str) -> Result<String> {
        if self.given.get(name).is_some_and(Value::is_number) {
            return Err(wrong(name, "a password of digits has to stand in quotes"));
        }
        let new = random_text(PASSWORD_LETTERS);
        let question = Question {
            name,
            text,
            default: &new,
        };
        self.ask(&question, |text| {
            passwd::check(text).map_err(|error| error.to_string())?;
            if text.starts_with("$2") {
                return Err("that is a hash; the password itself is needed".to_owned());
            }
            line(text)
        })
    }

    /// The end: nothing was given that nobody asked for.
    pub fn finish(self) -> Result {
        let unknown: Vec<&str> = self
            .given
            .keys()
            .map(String::as_str)
            .filter(|name| !self.asked.contains(name))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let asked: Vec<&str> = self.asked.into_iter().collect();
        Err(CliError::new(format!(
            "nobody asked for the answer {}",
            unknown.join(", ")
        ))
        .next_step(format!(
            "with these answers the questions are {}",
            asked.join(", ")
        )))
    }
}

fn wrong(name: &str, problem: &str) -> CliError {
    CliError::new(format!("{name}: {problem}"))
}

/// Text that can stand between quotes.
fn line(text: &str) -> std::result::Result<String, String> {
    match text.chars().any(char::is_control) {
        true => Err(format!("{text:?} holds control characters")),
        false => Ok(text.to_owned()),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Text as a quoted string of the server's configuration, of JSON and of YAML; answers hold no control characters.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The answers of a YAML or JSON file, with `jetstream.store_dir` for what is nested.
pub fn read_file(path: &Path) -> Result<BTreeMap<String, Value>> {
    answers(&input::text(path)?).map_err(|error| error.context(path.display()))
}

fn answers(text: &str) -> Result<BTreeMap<String, Value>> {
    let document: Value = serde_saphyr::from_str(text)
        .map_err(|error| CliError::new(format!("is neither YAML nor JSON: {error}")))?;
    let mut all = BTreeMap::new();
    match document {
        Value::Null => {}
        Value::Object(_) => flatten("", document, 0, &mut all)?,
        _ => {
            return Err(CliError::new("is no list of names and answers")
                .next_step("write one answer a line: port: 4222"));
        }
    }
    Ok(all)
}

fn flatten(name: &str, value: Value, depth: usize, into: &mut BTreeMap<String, Value>) -> Result {
    match value {
        Value::Object(members) if depth < DEPTH_MAX => {
            for (member, value) in members {
                let name = match name {
                    "" => member,
                    name => format!("{name}.{member}"),
                };
                flatten(&name, value, depth + 1, into)?;
            }
        }
        Value::Object(_) => return Err(wrong(name, "nested too deeply")),
        Value::Array(_) => return Err(wrong(name, "is a list; an answer is one value")),
        Value::Null => {}
        value => {
            into.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// `NAME=VALUE` of `--set`.
pub fn set(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not of the form NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use nats_term::prompt::Scripted;

    use super::*;

    const PORT: Question<'_> = Question {
        name: "port",
        text: "Port",
        default: "4222",
    };

    #[test]
    fn what_is_given_is_not_asked_for_and_the_rest_is() {
        let mut prompt = Scripted::new(["", "n"]);
        let given = answers("jetstream: {max_mem: 1KB}\nport: 4333").unwrap();
        let mut form = Form::new(given, false, &mut prompt);
        assert_eq!(form.port(&PORT, 1).unwrap(), 4333);
        assert_eq!(
            form.size("jetstream.max_mem", "Memory").unwrap(),
            Some(1024)
        );
        assert_eq!(form.size("jetstream.max_file", "Disk").unwrap(), None);
        assert!(!form.yes("streams", "Streams?", true).unwrap());
        form.finish().unwrap();
        assert_eq!(prompt.asked, ["Disk", "Streams?"]);
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again_but_not_one_of_a_flag() {
        let mut prompt = Scripted::new(["70000", "x", "80"]);
        let mut form = Form::new(BTreeMap::new(), false, &mut prompt);
        assert_eq!(form.port(&PORT, 1).unwrap(), 80);
        let given = BTreeMap::from([("port".to_owned(), Value::from(70000))]);
        let mut prompt = Scripted::default();
        let error = Form::new(given, true, &mut prompt)
            .port(&PORT, 1)
            .unwrap_err();
        assert_eq!(
            error.message(),
            "port: \"70000\" is no number from 1 to 65535"
        );
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_an_error_that_lists_the_questions() {
        let mut prompt = Scripted::default();
        let given = answers("ports: 1").unwrap();
        let mut form = Form::new(given, true, &mut prompt);
        form.port(&PORT, 1).unwrap();
        let error = form.finish().unwrap_err();
        assert!(error.message().ends_with("ports"), "{error}");
        assert!(error.hint().unwrap().ends_with("are port"), "{error:?}");
    }

    #[test]
    fn files_that_are_no_answers_are_refused() {
        for text in ["- a", "a: [1]", "a: {b: {c: {d: {e: 1}}}}", "a: \"", "x"] {
            assert!(answers(text).is_err(), "{text}");
        }
        assert!(answers("").unwrap().is_empty());
    }

    #[test]
    fn passwords_are_made_when_none_is_given_and_hashes_are_refused() {
        let mut prompt = Scripted::default();
        let mut form = Form::new(BTreeMap::new(), true, &mut prompt);
        let first = form.password("password", "Password").unwrap();
        assert_ne!(first, form.password("password", "Password").unwrap());
        for wrong in ["$2a$11$abcdefghijklmno", "short", "with\nnewline in it"] {
            let given = BTreeMap::from([("password".to_owned(), Value::from(wrong))]);
            let mut prompt = Scripted::default();
            let mut form = Form::new(given, true, &mut prompt);
            assert!(form.password("password", "Password").is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_quoted_text_is_the_same_text_for_the_configuration_and_for_json() {
        let text = r#"a "b" \ $c é #d"#;
        assert_eq!(serde_json::from_str::<String>(&quoted(text)).unwrap(), text);
        let config = format!("jetstream {{ store_dir: {} }}", quoted(text));
        let read = nats_server::options::Options::from_text(&config).unwrap();
        assert_eq!(read.options.store_dir.as_deref(), Some(Path::new(text)));
    }
}
