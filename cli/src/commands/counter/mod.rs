//! `nats counter`: the registry.
//!
//! Called by the root registry only; the counters themselves are [`nats_client::jetstream::Counter`].

mod decrement;
mod get;
mod increment;
mod list;
mod view;

use nats_client::jetstream::Counter;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;

/// Read and change counters that streams keep
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ctr",
    after_help = "Examples:\n  \
        nats stream add HITS --subjects 'hits.>' --allow-counter --allow-direct --defaults\n  \
        nats counter increment hits.home 5\n  \
        nats counter get hits.home\n  \
        nats counter ls 'hits.>'"
)]
pub struct Args {
    #[command(subcommand)]
    command: Counters,
}

registry! {
    /// What can be done with counters.
    Counters {
        Get(get),
        View(view),
        Increment(increment),
        Decrement(decrement),
        List(list),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}

/// Which stream keeps the counters.
#[derive(Debug, clap::Args)]
struct Where {
    /// The stream; found by the subject when left out
    #[arg(long, value_name = "STREAM", add = clap_complete::ArgValueCompleter::new(crate::complete::streams))]
    stream: Option<String>,
}

impl Where {
    /// The stream's name: what was said, or the stream that takes `subject`.
    async fn name(&self, api: &Api, subject: &str) -> Result<String> {
        if let Some(name) = &self.stream {
            return Ok(name.clone());
        }
        let names = api.names(subject).await?;
        match names.as_slice() {
            [name] => Ok(name.clone()),
            [] => Err(CliError::new(format!("no stream takes {subject:?}"))
                .next_step("see which there are: nats stream ls; make one with --allow-counter")),
            several => Err(CliError::new(format!(
                "several streams take {subject:?}: {}",
                several.join(", ")
            ))
            .next_step("name one with --stream")),
        }
    }

    /// The counters of the stream, and its name.
    async fn open(&self, api: &Api, subject: &str) -> Result<(Counter, String)> {
        let name = self.name(api, subject).await?;
        api.stream(&name).await?;
        let counter = api.counter(&name).await.map_err(|error| {
            CliError::from(error)
                .next_step("counters need a stream made with --allow-counter --allow-direct")
        })?;
        Ok((counter, name))
    }
}

/// Adds to a counter and prints what it is then.
async fn add(globals: &Globals, which: &Where, subject: &str, delta: &str) -> Result {
    let api = Api::connect(globals).await?;
    let (counter, _) = which.open(&api, subject).await?;
    outln!("{}", counter.add_text(subject, delta).await?)
}

/// `5`, `+5` or `-5` with its sign, or with the opposite one. Counters have no largest value, so this is text.
fn signed(value: &str, opposite: bool) -> Result<String> {
    let (minus, digits) = match value.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, value.strip_prefix('+').unwrap_or(value)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(CliError::new(format!("{value:?} is not a whole number")));
    }
    let sign = if minus != opposite { '-' } else { '+' };
    Ok(format!("{sign}{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_get_a_sign_or_the_opposite_one() {
        for (value, opposite, expected) in [
            ("5", false, "+5"),
            ("+5", false, "+5"),
            ("-5", false, "-5"),
            ("5", true, "-5"),
            ("-5", true, "+5"),
            ("99999999999999999999999", false, "+99999999999999999999999"),
        ] {
            assert_eq!(signed(value, opposite).unwrap(), expected, "{value}");
        }
        for value in ["", "-", "five", "1.5", "--1"] {
            assert!(signed(value, false).is_err(), "{value}");
        }
    }
}
