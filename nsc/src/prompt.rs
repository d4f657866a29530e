//! Questions to the user (`-i`), behind a trait so that tests can answer them.

use std::collections::VecDeque;
use std::io::{IsTerminal, stderr, stdin};

use crate::error::{Error, Result};

/// Somebody who answers questions.
pub trait Prompt {
    /// A text; `default` when nothing is typed.
    fn input(&mut self, question: &str, default: &str) -> Result<String>;

    fn confirm(&mut self, question: &str, default: bool) -> Result<bool>;

    /// The index of the chosen option.
    fn select(&mut self, question: &str, options: &[String]) -> Result<usize>;
}

/// Asks on the terminal.
#[derive(Debug, Default)]
pub struct Terminal;

impl Terminal {
    fn check(question: &str) -> Result {
        if stdin().is_terminal() && stderr().is_terminal() {
            return Ok(());
        }
        Err(
            Error::refused(format!("cannot ask {question:?} without a terminal"))
                .hint("leave out --interactive, and pass what is needed as flags"),
        )
    }
}

fn unanswered(error: dialoguer::Error) -> Error {
    Error::refused(format!("the question was not answered: {error}"))
}

impl Prompt for Terminal {
    fn input(&mut self, question: &str, default: &str) -> Result<String> {
        Self::check(question)?;
        let mut input = dialoguer::Input::<String>::new()
            .with_prompt(question)
            .allow_empty(true);
        if !default.is_empty() {
            input = input.default(default.to_owned());
        }
        input.interact_text().map_err(unanswered)
    }

    fn confirm(&mut self, question: &str, default: bool) -> Result<bool> {
        Self::check(question)?;
        dialoguer::Confirm::new()
            .with_prompt(question)
            .default(default)
            .interact()
            .map_err(unanswered)
    }

    fn select(&mut self, question: &str, options: &[String]) -> Result<usize> {
        Self::check(question)?;
        dialoguer::Select::new()
            .with_prompt(question)
            .items(options)
            .default(0)
            .interact()
            .map_err(unanswered)
    }
}

/// Answers from a list; an empty answer takes the default.
#[derive(Debug, Default)]
pub struct Scripted {
    answers: VecDeque<String>,
    pub asked: Vec<String>,
}

impl Scripted {
    pub fn new<I: IntoIterator<Item: Into<String>>>(answers: I) -> Self {
        Self {
            answers: answers.into_iter().map(Into::into).collect(),
            asked: Vec::new(),
        }
    }

    fn next(&mut self, question: &str) -> Result<String> {
        self.asked.push(question.to_owned());
        self.answers
            .pop_front()
            .ok_or_else(|| Error::refused(format!("nobody answers {question:?}")))
    }
}

impl Prompt for Scripted {
    fn input(&mut self, question: &str, default: &str) -> Result<String> {
        let answer = self.next(question)?;
        Ok(if answer.is_empty() {
            default.to_owned()
        } else {
            answer
        })
    }

    fn confirm(&mut self, question: &str, default: bool) -> Result<bool> {
        let answer = self.next(question)?;
        Ok(if answer.is_empty() {
            default
        } else {
            answer.starts_with(['y', 'Y'])
        })
    }

    fn select(&mut self, question: &str, options: &[String]) -> Result<usize> {
        let answer = self.next(question)?;
        if answer.is_empty() {
            return Ok(0);
        }
        options
            .iter()
            .position(|option| *option == answer)
            .ok_or_else(|| {
                Error::refused(format!("{answer:?} is none of the options of {question:?}"))
            })
    }
}
