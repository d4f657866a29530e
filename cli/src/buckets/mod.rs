//! What key-value buckets and object stores have in common: the flags of their configuration, choosing one by name or from
//! a list, and how values and digests are shown.
//!
//! Both are streams of a fixed shape. An edit changes the named fields of that stream and nothing else. Called by
//! `commands::kv`, `commands::object` and `server check kv`; what never happens here: a change of what makes a stream a
//! bucket.

mod flags;
mod show;

pub use flags::{BucketFlags, StorageFlag};
pub use show::{
    Upstream, configuration, operation_name, print_names, printable, shortened, upstream,
};

use crate::error::{CliError, Result};
use crate::jetstream::Api;
use nats_term::prompt::Prompt;

/// The two kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    KeyValue,
    Objects,
}

impl Kind {
    /// Before the name of the bucket in the name of its stream.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::KeyValue => "KV_",
            Self::Objects => "OBJ_",
        }
    }

    /// The stream of a bucket.
    pub fn stream(self, bucket: &str) -> String {
        format!("{}{bucket}", self.prefix())
    }

    fn name(self) -> &'static str {
        match self {
            Self::KeyValue => "Key-Value",
            Self::Objects => "Object Store",
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::KeyValue => "nats kv",
            Self::Objects => "nats object",
        }
    }

    /// Names of the buckets of this kind.
    pub async fn names(self, api: &Api) -> Result<Vec<String>> {
        let names = api.names("").await?.into_iter();
        Ok(names
            .filter_map(|name| name.strip_prefix(self.prefix()).map(str::to_owned))
            .collect())
    }

    /// The bucket that was named, or one that the user chooses.
    pub async fn chosen(
        self,
        api: &Api,
        name: Option<String>,
        prompt: &mut impl Prompt,
    ) -> Result<String> {
        if let Some(name) = name {
            return Ok(name);
        }
        let mut names = self.names(api).await?;
        if names.is_empty() {
            return Err(CliError::new(format!("no {} buckets found", self.name()))
                .next_step(format!("create one: {} add NAME", self.command())));
        }
        let chosen = prompt.select("Select a Bucket", &names, "the name of a bucket")?;
        Ok(names.swap_remove(chosen.min(names.len() - 1)))
    }

    /// Says that there is no such bucket; other errors stay as they are.
    pub fn missing(self, bucket: &str, error: nats_client::jetstream::JetStreamError) -> CliError {
        if error.is_not_found() {
            CliError::new(format!("{} bucket {bucket:?} was not found", self.name()))
                .next_step(format!("see which there are: {} ls", self.command()))
        } else {
            error.into()
        }
    }
}
