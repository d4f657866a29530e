//! Questions to the user, behind a trait so that tests can answer them.
//!
//! Without a terminal on standard input and output nothing is asked: the error names the argument or flag to pass instead.

use std::io::{IsTerminal, stdin, stdout};

use crate::error::{CliError, Result};

/// Somebody who answers questions. `instead` names the argument or flag with which a script gives the answer.
pub trait Prompt {
    fn confirm(&mut self, question: &str, default: bool, instead: &str) -> Result<bool>;

    /// The index of the chosen option.
    fn select(&mut self, question: &str, options: &[String], instead: &str) -> Result<usize>;

    fn input(&mut self, question: &str, default: &str, instead: &str) -> Result<String>;

    /// A text that is not shown while it is typed.
    fn secret(&mut self, question: &str, instead: &str) -> Result<String>;
}

/// An answer that must not be empty.
pub fn required(prompt: &mut impl Prompt, question: &str, flag: &str) -> Result<String> {
    let answer = prompt.input(question, "", flag)?;
    if answer.trim().is_empty() {
        return Err(CliError::new(format!("{question}: an answer is needed")));
    }
    Ok(answer)
}

/// A whole number.
pub fn number(prompt: &mut impl Prompt, question: &str, default: &str, flag: &str) -> Result<i64> {
    let text = prompt.input(question, default, flag)?;
    text.trim()
        .parse()
        .map_err(|_| CliError::new(format!("{question}: {text:?} is no whole number")))
}

/// One of a few; the first is the default.
pub fn one_of(
    prompt: &mut impl Prompt,
    question: &str,
    options: &[&str],
    flag: &str,
) -> Result<String> {
    let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
    let chosen = prompt.select(question, &options, flag)?;
    Ok(options.get(chosen).cloned().unwrap_or_default())
}

/// Asks on the terminal.
#[derive(Debug, Default)]
pub struct Terminal;

impl Terminal {
    fn check(question: &str, instead: &str) -> Result {
        if stdin().is_terminal() && stdout().is_terminal() {
            return Ok(());
        }
        Err(no_terminal(question, instead))
    }
}

impl Prompt for Terminal {
    fn confirm(&mut self, question: &str, default: bool, instead: &str) -> Result<bool> {
        Self::check(question, instead)?;
        let answer = dialoguer::Confirm::new()
            .with_prompt(question)
            .default(default)
            .interact();
        answer.map_err(interrupted)
    }

    fn select(&mut self, question: &str, options: &[String], instead: &str) -> Result<usize> {
        Self::check(question, instead)?;
        let select = dialoguer::FuzzySelect::new()
            .with_prompt(question)
            .items(options)
            .default(0);
        select.interact().map_err(interrupted)
    }

    fn input(&mut self, question: &str, default: &str, instead: &str) -> Result<String> {
        Self::check(question, instead)?;
        let mut input = dialoguer::Input::<String>::new()
            .with_prompt(question)
            .allow_empty(true);
        if !default.is_empty() {
            input = input.default(default.to_owned());
        }
        input.interact_text().map_err(interrupted)
    }

    fn secret(&mut self, question: &str, instead: &str) -> Result<String> {
        Self::check(question, instead)?;
        dialoguer::Password::new()
            .with_prompt(question)
            .interact()
            .map_err(interrupted)
    }
}

/// Answers from a list, for tests; a question beyond the list is an error, as without a terminal.
#[derive(Debug, Default)]
pub struct Scripted {
    answers: std::collections::VecDeque<String>,
    pub asked: Vec<String>,
}

impl Scripted {
    pub fn new<I: IntoIterator<Item: Into<String>>>(answers: I) -> Self {
        Self {
            answers: answers.into_iter().map(Into::into).collect(),
            asked: Vec::new(),
        }
    }

    fn next(&mut self, question: &str, instead: &str) -> Result<String> {
        self.asked.push(question.to_owned());
        self.answers
            .pop_front()
            .ok_or_else(|| no_terminal(question, instead))
    }
}

impl Prompt for Scripted {
    fn confirm(&mut self, question: &str, default: bool, instead: &str) -> Result<bool> {
        let answer = self.next(question, instead)?;
        Ok(if answer.is_empty() {
            default
        } else {
            answer.starts_with(['y', 'Y'])
        })
    }

    fn select(&mut self, question: &str, options: &[String], instead: &str) -> Result<usize> {
        let answer = self.next(question, instead)?;
        let found = options.iter().position(|option| *option == answer);
        found.ok_or_else(|| {
            CliError::new(format!("{answer:?} is none of the options of {question:?}"))
        })
    }

    fn input(&mut self, question: &str, default: &str, instead: &str) -> Result<String> {
        let answer = self.next(question, instead)?;
        Ok(if answer.is_empty() {
            default.to_owned()
        } else {
            answer
        })
    }

    fn secret(&mut self, question: &str, instead: &str) -> Result<String> {
        self.next(question, instead)
    }
}

fn no_terminal(question: &str, instead: &str) -> CliError {
    CliError::new("cannot prompt for user input without a terminal").next_step(format!(
        "{}: pass {instead}",
        question.trim_end_matches(['?', ' '])
    ))
}

fn interrupted(error: dialoguer::Error) -> CliError {
    CliError::new(format!("the question was not answered: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_the_error_names_what_to_pass() {
        let error = Scripted::default()
            .confirm("Really remove context \"x\"?", false, "--force")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot prompt for user input without a terminal"
        );
        assert_eq!(
            error.hint(),
            Some("Really remove context \"x\": pass --force")
        );
    }

    #[test]
    fn a_script_answers_every_kind_of_question() {
        let mut prompt = Scripted::new(["", "yes", "b", "", "hidden"]);
        assert!(!prompt.confirm("a?", false, "-f").unwrap());
        assert!(prompt.confirm("b?", false, "-f").unwrap());
        assert_eq!(
            prompt
                .select("c", &["a".into(), "b".into()], "NAME")
                .unwrap(),
            1
        );
        assert_eq!(prompt.input("d", "default", "--d").unwrap(), "default");
        assert_eq!(prompt.secret("e", "--e").unwrap(), "hidden");
        assert_eq!(prompt.asked, ["a?", "b?", "c", "d", "e"]);
    }
}
