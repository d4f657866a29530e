//! Questions to the user, behind a trait so that tests can answer them.
//!
//! Without a terminal on standard input and output nothing is asked: the error names the argument or flag to pass instead.

use std::io::{IsTerminal, stdin, stdout};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::interrupt::{Held, Signals};

/// Why a question has no answer, and what to pass instead of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unanswered {
    message: String,
    next_step: Option<String>,
}

impl Unanswered {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            next_step: None,
        }
    }

    /// What a script does about it.
    pub fn next_step(&self) -> Option<&str> {
        self.next_step.as_deref()
    }
}

/// What a question comes to.
pub type Result<T> = std::result::Result<T, Unanswered>;

/// Says why a text is no answer.
pub type Check<'a> = &'a dyn Fn(&str) -> std::result::Result<(), String>;

/// Somebody who answers questions. `instead` names the argument or flag with which a script gives the answer.
pub trait Prompt {
    fn confirm(&mut self, question: &str, default: bool, instead: &str) -> Result<bool>;

    /// The index of the chosen option.
    fn select(&mut self, question: &str, options: &[String], instead: &str) -> Result<usize>;

    fn input(&mut self, question: &str, default: &str, instead: &str) -> Result<String> {
        self.checked(question, default, instead, &|_| Ok(()))
    }

    /// A text that `check` takes. What it says of another is shown, and the question asked again: a mistake is best mended where it is
    /// made.
    fn checked(
        &mut self,
        question: &str,
        default: &str,
        instead: &str,
        check: Check<'_>,
    ) -> Result<String>;

    /// The indices of the chosen options, which may be none.
    fn several(&mut self, question: &str, options: &[String], instead: &str) -> Result<Vec<usize>>;

    /// A text that is not shown while it is typed.
    fn secret(&mut self, question: &str, instead: &str) -> Result<String>;
}

/// An answer that must not be empty.
pub fn required(prompt: &mut (impl Prompt + ?Sized), question: &str, flag: &str) -> Result<String> {
    prompt.checked(question, "", flag, &|answer| match answer.trim() {
        "" => Err("an answer is needed".to_owned()),
        _ => Ok(()),
    })
}

/// A whole number.
pub fn number(
    prompt: &mut (impl Prompt + ?Sized),
    question: &str,
    default: &str,
    flag: &str,
) -> Result<i64> {
    let text = prompt.checked(
        question,
        default,
        flag,
        &|text| match text.trim().parse::<i64>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("{text:?} is no whole number")),
        },
    )?;
    text.trim()
        .parse()
        .map_err(|_| Unanswered::new(format!("{question}: {text:?} is no whole number")))
}

/// One of a few; the first is the default.
pub fn one_of(
    prompt: &mut (impl Prompt + ?Sized),
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
    fn check(question: &str, instead: &str) -> Result<()> {
        if stdin().is_terminal() && stdout().is_terminal() {
            return Ok(());
        }
        Err(no_terminal(question, instead))
    }
}

impl Prompt for Terminal {
    fn confirm(&mut self, question: &str, default: bool, instead: &str) -> Result<bool> {
        Self::check(question, instead)?;
        asked(|| {
            let confirm = dialoguer::Confirm::new().with_prompt(question);
            confirm.default(default).interact()
        })
    }

    fn select(&mut self, question: &str, options: &[String], instead: &str) -> Result<usize> {
        Self::check(question, instead)?;
        asked(|| {
            let select = dialoguer::FuzzySelect::new().with_prompt(question);
            select.items(options).default(0).interact()
        })
    }

    fn checked(
        &mut self,
        question: &str,
        default: &str,
        instead: &str,
        check: Check<'_>,
    ) -> Result<String> {
        Self::check(question, instead)?;
        let mut input = dialoguer::Input::<String>::new()
            .with_prompt(question)
            .validate_with(|answer: &String| check(answer))
            .allow_empty(true);
        if !default.is_empty() {
            input = input.default(default.to_owned());
        }
        asked(|| input.interact_text())
    }

    fn several(&mut self, question: &str, options: &[String], instead: &str) -> Result<Vec<usize>> {
        Self::check(question, instead)?;
        let question = format!("{question} (space marks, enter ends)");
        asked(|| {
            let select = dialoguer::MultiSelect::new().with_prompt(question);
            select.items(options).interact()
        })
    }

    fn secret(&mut self, question: &str, instead: &str) -> Result<String> {
        Self::check(question, instead)?;
        asked(|| dialoguer::Password::new().with_prompt(question).interact())
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
        position(question, options, &answer)
    }

    fn several(&mut self, question: &str, options: &[String], instead: &str) -> Result<Vec<usize>> {
        let answer = self.next(question, instead)?;
        let words = answer.split(',').filter(|word| !word.is_empty());
        words
            .map(|word| position(question, options, word))
            .collect()
    }

    fn checked(
        &mut self,
        question: &str,
        default: &str,
        instead: &str,
        check: Check<'_>,
    ) -> Result<String> {
        loop {
            let mut answer = self.next(question, instead)?;
            if answer.is_empty() {
                default.clone_into(&mut answer);
            }
            if check(&answer).is_ok() {
                return Ok(answer);
            }
        }
    }

    fn secret(&mut self, question: &str, instead: &str) -> Result<String> {
        self.next(question, instead)
    }
}

/// Where an answer stands; an empty one is the first option.
fn position(question: &str, options: &[String], answer: &str) -> Result<usize> {
    if answer.is_empty() && !options.is_empty() {
        return Ok(0);
    }
    let found = options.iter().position(|option| *option == answer);
    found.ok_or_else(|| {
        Unanswered::new(format!("{answer:?} is none of the options of {question:?}"))
    })
}

fn no_terminal(question: &str, instead: &str) -> Unanswered {
    Unanswered {
        message: "cannot prompt for user input without a terminal".to_owned(),
        next_step: Some(format!(
            "{}: pass {instead}",
            question.trim_end_matches(['?', ' '])
        )),
    }
}

/// How long a Ctrl-C may wait that comes as a signal.
const LOOK: Duration = Duration::from_millis(20);

/// Asks. Whoever leaves with Ctrl-C gets back the cursor, which questions hide.
fn asked<T>(ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T> {
    let held = Held::begin(Signals::Interrupt);
    let leave = || {
        // Nobody to show it to when the terminal is gone.
        let _ = dialoguer::console::Term::stderr().show_cursor();
        held.obey();
    };
    let answer = std::thread::scope(|scope| {
        let (answered, wait) = mpsc::channel::<()>();
        // Between two keys Ctrl-C is a signal, which does not end the reading of the next one.
        scope.spawn(|| {
            let wait = wait;
            while wait.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if held.came() {
                    leave();
                }
            }
        });
        let answer = ask();
        drop(answered);
        answer
    });
    if answer.is_err() {
        leave();
    }
    answer.map_err(|error| Unanswered::new(format!("the question was not answered: {error}")))
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
            error.next_step(),
            Some("Really remove context \"x\": pass --force")
        );
    }

    #[test]
    fn what_is_no_answer_is_asked_again() {
        let mut prompt = Scripted::new(["", " ", "x", "many", "7"]);
        assert_eq!(required(&mut prompt, "name", "--name").unwrap(), "x");
        assert_eq!(number(&mut prompt, "count", "", "--count").unwrap(), 7);
        assert_eq!(prompt.asked, ["name", "name", "name", "count", "count"]);
    }

    #[test]
    fn a_script_answers_every_kind_of_question() {
        let mut prompt = Scripted::new(["", "yes", "b", "", "hidden", "b,a"]);
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
        let both = prompt.several("f", &["a".into(), "b".into()], "NAME");
        assert_eq!(both.unwrap(), [1, 0]);
        assert_eq!(prompt.asked, ["a?", "b?", "c", "d", "e", "f"]);
    }
}
