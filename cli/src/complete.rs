//! What shells offer while a command is typed: names that only the machine or the servers know.
//!
//! The shell runs `nats` with `COMPLETE` set (see [`script`]); `clap_complete` finds out which argument is typed and calls one
//! of the functions here. They never fail: what cannot be found out is not offered.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap_complete::engine::CompletionCandidate;
use nats_client::context::Store;
use nats_term::completion::{self, beginning};

use crate::error::{CliError, Result};
use crate::globals::{GlobalArgs, Globals};
use crate::jetstream::Api;

/// The variable with which a shell asks.
pub const VARIABLE: &str = "COMPLETE";

/// Answers when a shell asks; true when it did.
pub fn answer(args: &[OsString]) -> Result<bool> {
    completion::answer("nats", VARIABLE, crate::app::command, args)
        .map_err(|error| CliError::new(error.to_string()))
}

/// What a user puts into the start-up file of his shell: it makes the shell ask.
pub fn script(shell: &str) -> Result<String> {
    completion::script("nats", VARIABLE, shell).map_err(|error| CliError::new(error.to_string()))
}

/// How long a shell waits for what servers know.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is on the command line so far: its global flags say which servers to ask.
#[derive(Debug, clap::Parser)]
#[command(ignore_errors = true, disable_help_flag = true)]
struct Typed {
    #[command(flatten)]
    globals: GlobalArgs,

    words: Vec<String>,
}

impl Typed {
    fn read() -> Option<Self> {
        <Self as clap::Parser>::try_parse_from(completion::typed()).ok()
    }

    /// Asks the servers, for a while.
    fn ask<T>(self, question: impl AsyncFnOnce(Api, Vec<String>) -> Result<Vec<T>>) -> Vec<T> {
        let asked = || {
            let globals = Globals::quiet(self.globals)?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let answer = async {
                let api = Api::connect(&globals).await?;
                question(api, self.words).await
            };
            let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, answer).await });
            answer.unwrap_or_else(|_| Ok(Vec::new()))
        };
        asked().unwrap_or_default()
    }
}

/// Streams.
pub fn streams(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = Typed::read() else {
        return Vec::new();
    };
    let names = typed.ask(async |api, _| api.names("").await);
    beginning(names, current)
}

/// Consumers of the stream that stands before the cursor.
pub fn consumers(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = Typed::read() else {
        return Vec::new();
    };
    let current_word = current.to_string_lossy().into_owned();
    let names = typed.ask(async |api, mut words| {
        if words.last().is_some_and(|word| *word == current_word) {
            words.pop();
        }
        let stream = words.pop().unwrap_or_default();
        api.consumer_names_of(&stream).await
    });
    beginning(names, current)
}

/// Buckets: streams whose names begin with `prefix`, without it.
fn buckets_of(prefix: &'static str, current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = Typed::read() else {
        return Vec::new();
    };
    let names = typed.ask(async |api, _| {
        let names = api.names("").await?.into_iter();
        Ok(names
            .filter_map(|name| name.strip_prefix(prefix).map(str::to_owned))
            .collect())
    });
    beginning(names, current)
}

/// Key-value buckets.
pub fn buckets(current: &OsStr) -> Vec<CompletionCandidate> {
    buckets_of("KV_", current)
}

/// Object store buckets.
pub fn object_buckets(current: &OsStr) -> Vec<CompletionCandidate> {
    buckets_of("OBJ_", current)
}

/// Contexts, with their descriptions.
pub fn contexts(current: &OsStr) -> Vec<CompletionCandidate> {
    let Ok(store) = Store::open_default() else {
        return Vec::new();
    };
    contexts_of(&store, &current.to_string_lossy())
}

fn contexts_of(store: &Store, current: &str) -> Vec<CompletionCandidate> {
    let names = store.names().unwrap_or_default();
    let names = names.into_iter().filter(|name| name.starts_with(current));
    names
        .map(|name| {
            let description = store
                .load(&name)
                .map(|context| context.settings.description)
                .unwrap_or_default();
            let help = (!description.is_empty()).then(|| description.into());
            CompletionCandidate::new(name).help(help)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use nats_client::context::Context;

    use super::*;

    #[test]
    fn contexts_are_offered_with_their_descriptions() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        for (name, description) in [("prod", "the real one"), ("private", ""), ("test", "")] {
            let mut context = Context::new(name);
            context.settings.description = description.into();
            store.save(&mut context).unwrap();
        }
        let offered = |current: &str| -> Vec<(String, Option<String>)> {
            contexts_of(&store, current)
                .iter()
                .map(|candidate| {
                    let name = candidate.get_value().to_string_lossy().into_owned();
                    (name, candidate.get_help().map(ToString::to_string))
                })
                .collect()
        };
        assert_eq!(
            offered("pr"),
            [
                ("private".to_owned(), None),
                ("prod".to_owned(), Some("the real one".to_owned()))
            ]
        );
        assert_eq!(offered("x"), []);
    }
}
