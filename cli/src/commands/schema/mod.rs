//! `nats schema`: the registry.
//!
//! The schemas are those of [`nats_api::schema`]. Called by the root registry only; only `request` talks to a server.

mod info;
mod request;
mod search;
mod validate;

use nats_api::schema::Schema;

use crate::error::{CliError, Result};
use crate::globals::Globals;

/// What the documents of the NATS APIs look like, and whether a document does
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats schema search stream\n  \
        nats schema info io.nats.jetstream.api.v1.stream_configuration --yaml\n  \
        nats schema validate io.nats.jetstream.api.v1.stream_configuration orders.json\n  \
        nats schema request '$JS.API.INFO'")]
pub struct Args {
    #[command(subcommand)]
    command: Schemas,
}

registry! {
    /// What can be done with schemas.
    Schemas {
        Search(search),
        Info(info),
        Validate(validate),
        Request(request),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}

/// The schema of this name; its end alone is enough when no other ends so.
fn find(name: &str) -> Result<&'static Schema> {
    if let Some(schema) = nats_api::schema::find(name) {
        return Ok(schema);
    }
    let end = format!(".{name}");
    let mut ending = nats_api::schema::all();
    ending.retain(|schema| schema.name.ends_with(&end));
    match ending.as_slice() {
        [schema] => Ok(schema),
        [] => Err(CliError::new(format!("there is no schema {name:?}"))
            .next_step("see which there are: nats schema search")),
        several => {
            let names: Vec<_> = several.iter().map(|schema| schema.name).collect();
            let names = names.join(", ");
            Err(CliError::new(format!(
                "several schemas end in {name:?}: {names}"
            )))
        }
    }
}

/// The names of all schemas, for clap's completion.
fn names(current: &std::ffi::OsStr) -> Vec<clap_complete::engine::CompletionCandidate> {
    let current = current.to_string_lossy();
    let all = nats_api::schema::all().into_iter();
    all.filter(|schema| schema.name.starts_with(&*current))
        .map(|schema| {
            clap_complete::engine::CompletionCandidate::new(schema.name)
                .help(Some(schema.about.into()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_is_enough_when_it_is_clear() {
        let full = "io.nats.jetstream.api.v1.stream_configuration";
        assert_eq!(find(full).unwrap().name, full);
        assert_eq!(find("stream_configuration").unwrap().name, full);
        assert_eq!(find("v1.stream_configuration").unwrap().name, full);
        let unknown = find("configuration").unwrap_err();
        assert!(unknown.message().contains("no schema"), "{unknown}");
    }
}
