//! Commands that the user wants to run on messages: `reply --command` and `--translate`.
//!
//! The command line is split into words first and each word is filled in afterwards. What came over the network therefore
//! stays inside its word: it cannot become another argument, another command or a redirection.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;

use crate::error::{CliError, Result};
use crate::parse;
use crate::template::{Scope, Template};

/// A command line with templates in its words.
#[derive(Debug, Clone)]
pub struct Command {
    words: Vec<Word>,
}

#[derive(Debug, Clone)]
enum Word {
    Template(Template),
    /// Holds `{{1}}` and the like: tokens of the subject are put in before the rest is a template.
    WithTokens(String),
}

/// A command that bodies run through before they are shown.
#[derive(Debug, Clone)]
pub struct Translation {
    command: Command,
}

impl Command {
    /// Splits and checks a command line.
    pub fn parse(text: &str) -> Result<Self> {
        let mut words = Vec::new();
        for word in parse::shell_words(&protected(text))? {
            let word = word.replace(BLANK, " ");
            words.push(if holds_token(&word) {
                Word::WithTokens(word)
            } else {
                let template = Template::parse(&word);
                Word::Template(
                    template.map_err(|e| CliError::new(e.to_string()).context("command"))?,
                )
            });
        }
        Ok(Self { words })
    }

    /// The words for one message; `{{0}}`, `{{1}}`, … are the tokens of `subject`.
    pub fn words(&self, subject: &str, scope: &Scope<'_>) -> Result<Vec<String>> {
        let mut words = Vec::with_capacity(self.words.len());
        for word in &self.words {
            let rendered = match word {
                Word::Template(template) => template.render(scope),
                Word::WithTokens(text) => with_tokens(text, subject, scope),
            };
            let rendered = rendered.map_err(|e| CliError::new(e.to_string()).context("command"))?;
            words.push(String::from_utf8_lossy(&rendered).into_owned());
        }
        Ok(words)
    }

    /// Runs it and returns what it wrote to standard output and standard error, and whether it succeeded.
    pub async fn run(
        words: &[String],
        environment: &[(&str, &str)],
        input: Option<&[u8]>,
    ) -> Result<(Vec<u8>, bool)> {
        let (program, arguments) = words
            .split_first()
            .ok_or_else(|| CliError::new("the command is empty"))?;
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let failed = |e: std::io::Error| {
            CliError::new(e.to_string()).context(format!("running {program:?}"))
        };
        let mut child = command.spawn().map_err(failed)?;
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            let input = input.to_vec();
            // In a task of its own: a command that writes before it has read everything would block both sides.
            tokio::spawn(async move {
                let _ = pipe.write_all(&input).await;
            });
        }
        let output = child.wait_with_output().await.map_err(failed)?;
        let mut bytes = output.stdout;
        bytes.extend_from_slice(&output.stderr);
        Ok((bytes, output.status.success()))
    }
}

impl Translation {
    pub fn parse(text: &str) -> Result<Self> {
        let command = Command::parse(text).map_err(|e| e.context("--translate"))?;
        Ok(Self { command })
    }

    /// What the command makes of `body`.
    pub async fn apply(&self, body: &[u8], subject: &str) -> Result<Vec<u8>> {
        self.apply_to_stored(body, subject, "").await
    }

    /// The same for a message of a stream.
    pub async fn apply_to_stored(
        &self,
        body: &[u8],
        subject: &str,
        stream: &str,
    ) -> Result<Vec<u8>> {
        let extra = [("Subject", subject), ("Stream", stream)];
        let scope = Scope {
            extra: &extra,
            ..Scope::at_count(0)
        };
        let words = self.command.words(subject, &scope)?;
        let (output, success) = Command::run(&words, &[], Some(body)).await?;
        if !success {
            return Err(CliError::new(format!(
                "the command failed: {}",
                String::from_utf8_lossy(&output).trim()
            )));
        }
        Ok(output)
    }
}

/// Stands for a blank inside `{{…}}` while the command line is split, so that `{{ Random 1 2 }}` stays one word. It is a
/// character that Unicode reserves for such private purposes.
const BLANK: char = '\u{f8ff}';

fn protected(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let end = rest[start..]
            .find("}}")
            .map_or(rest.len(), |end| start + end + 2);
        output.push_str(&rest[..start]);
        let action: String = rest[start..end]
            .chars()
            .map(|c| if c == ' ' { BLANK } else { c })
            .collect();
        output.push_str(&action);
        rest = &rest[end..];
    }
    output.push_str(rest);
    output
}

fn holds_token(word: &str) -> bool {
    word.split("{{").skip(1).any(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0
            && rest
                .get(digits..)
                .is_some_and(|rest| rest.starts_with("}}"))
    })
}

/// Renders the template pieces between the tokens, so that a token that looks like a template is not taken for one.
fn with_tokens(
    word: &str,
    subject: &str,
    scope: &Scope<'_>,
) -> std::result::Result<Vec<u8>, crate::template::TemplateError> {
    let mut output = Vec::new();
    let mut rest = word;
    let mut literal = String::new();
    while let Some(start) = rest.find("{{") {
        literal.push_str(&rest[..start]);
        let end = rest[start..]
            .find("}}")
            .map_or(rest.len(), |end| start + end + 2);
        let action = &rest[start..end];
        let index = action
            .trim_start_matches("{{")
            .trim_end_matches("}}")
            .parse::<usize>();
        match index.ok().and_then(|index| subject.split('.').nth(index)) {
            Some(token) => {
                output.extend(Template::parse(&std::mem::take(&mut literal))?.render(scope)?);
                output.extend_from_slice(token.as_bytes());
            }
            None => literal.push_str(action),
        }
        rest = &rest[end..];
    }
    literal.push_str(rest);
    output.extend(Template::parse(&literal)?.render(scope)?);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str, subject: &str, request: &[u8]) -> Vec<String> {
        let scope = Scope::at_count(1).with_request(request);
        Command::parse(command)
            .unwrap()
            .words(subject, &scope)
            .unwrap()
    }

    #[test]
    fn tokens_and_functions_are_filled_in() {
        assert_eq!(
            words(
                "curl -s wttr.in/{{1}}?format={{ Count }}",
                "weather.london",
                b""
            ),
            ["curl", "-s", "wttr.in/london?format=1"]
        );
        assert_eq!(
            words("echo '{{0}} {{.Request}}'", "a.b", b"hi"),
            ["echo", "a hi"]
        );
    }

    #[test]
    fn what_comes_over_the_network_stays_inside_its_word() {
        assert_eq!(
            words("echo {{.Request}} end", "a", b"x'; rm -rf \"/ $(id)"),
            ["echo", "x'; rm -rf \"/ $(id)", "end"]
        );
        assert_eq!(
            words("echo {{1}}", "a.{{Request}}", b"secret"),
            ["echo", "{{Request}}"]
        );
        assert_eq!(
            words("echo {{.Request}}", "a", b"{{ID}}"),
            ["echo", "{{ID}}"]
        );
    }

    #[tokio::test]
    async fn a_translation_pipes_the_body_through_the_command() {
        let translation = Translation::parse("tr a-z A-Z").unwrap();
        assert_eq!(translation.apply(b"hello", "s").await.unwrap(), b"HELLO");
        let translation = Translation::parse("echo {{Subject}}").unwrap();
        assert_eq!(translation.apply(b"", "a.b").await.unwrap(), b"a.b\n");
    }

    #[tokio::test]
    async fn a_command_that_fails_or_does_not_exist_is_an_error() {
        assert!(
            Translation::parse("false")
                .unwrap()
                .apply(b"", "s")
                .await
                .is_err()
        );
        let error = Translation::parse("no-such-program-here")
            .unwrap()
            .apply(b"", "s")
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("no-such-program-here"),
            "{error}"
        );
    }
}
