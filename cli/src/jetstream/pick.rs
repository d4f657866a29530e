//! Which stream or consumer is meant: the one that was named, or one that the user picks from a list.

use nats_api::jetstream::{ConsumerInfo, StreamInfo};

use super::api::Api;
use super::{Scope, is_internal_stream};
use crate::error::{CliError, Result};
use crate::output::stdout_is_terminal;
use nats_term::prompt::Prompt;

/// The stream `name`. Without a name, and on a terminal also when there is no such stream, the user chooses, unless
/// `no_select` forbids it.
pub async fn stream(
    api: &Api,
    name: Option<&str>,
    scope: Scope,
    no_select: bool,
    prompt: &mut impl Prompt,
) -> Result<StreamInfo> {
    if let Some(name) = name {
        if let Some(info) = api.find_stream(name).await? {
            return Ok(info);
        }
        if no_select || !stdout_is_terminal() {
            return api.stream(name).await;
        }
    }
    if no_select {
        return Err(CliError::new("the name of a stream is missing"));
    }
    let names = api.names("").await?;
    let names: Vec<_> = names
        .into_iter()
        .filter(|name| scope.all || !is_internal_stream(name))
        .collect();
    if names.is_empty() {
        return Err(CliError::new("no Streams are defined")
            .next_step("create one: nats stream add; or pass --all for those of buckets"));
    }
    let chosen = prompt.select("Select a Stream", &names, "the name of a stream")?;
    api.stream(names.get(chosen).map_or("", String::as_str))
        .await
}

/// The consumer `name` of a stream; as [`stream`].
pub async fn consumer(
    api: &Api,
    stream: &str,
    name: Option<&str>,
    no_select: bool,
    prompt: &mut impl Prompt,
) -> Result<ConsumerInfo> {
    if let Some(name) = name {
        if let Some(info) = api.find_consumer(stream, name).await? {
            return Ok(info);
        }
        if no_select || !stdout_is_terminal() {
            return api.consumer(stream, name).await;
        }
    }
    if no_select {
        return Err(CliError::new("the name of a consumer is missing"));
    }
    let names = api.consumer_names_of(stream).await?;
    if names.is_empty() {
        return Err(
            CliError::new(format!("no Consumers are defined for Stream {stream}"))
                .next_step(format!("create one: nats consumer add {stream}")),
        );
    }
    let chosen = prompt.select("Select a Consumer", &names, "the name of a consumer")?;
    let name = names.get(chosen).map_or("", String::as_str);
    api.consumer(stream, name).await
}

/// Asks unless `force`; false when the user does not want it.
pub fn confirmed(prompt: &mut impl Prompt, force: bool, question: &str) -> Result<bool> {
    if force {
        return Ok(true);
    }
    Ok(prompt.confirm(question, false, "--force")?)
}

/// Streams below buckets and object stores have a shape of their own: whoever changes them by hand is asked, even with
/// `--force`.
pub fn warned(prompt: &mut impl Prompt, stream: &str) -> Result {
    let (kind, command) = if stream.starts_with("KV_") {
        ("key-value bucket", "nats kv")
    } else if stream.starts_with("OBJ_") {
        ("object store", "nats object")
    } else {
        return Ok(());
    };
    eprintln!(
        "WARNING: {stream} is the stream below a {kind}, which expects it to be as '{command}' made it.\n\
         Changing it here can lose data or make the {kind} unusable.\n"
    );
    let question = format!("Really operate on the stream of a {kind}?");
    if prompt.confirm(
        &question,
        false,
        &format!("the bucket to {command} instead"),
    )? {
        Ok(())
    } else {
        Err(CliError::new(format!("nothing was changed in {stream}")))
    }
}
