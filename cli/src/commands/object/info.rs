//! `nats object info`.

use base64::Engine as _;
use clap_complete::engine::ArgValueCompleter;
use nats_client::jetstream::object::{ObjectInfo, ObjectStoreStatus};

use crate::buckets::Kind;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, show_cluster, storage_name, user_metadata};
use crate::output::color::Scheme;
use crate::output::{self, Columns, format};
use nats_term::prompt::Terminal;

/// Show everything about an object, or about a store
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "show",
    alias = "i",
    after_help = "Examples:\n  \
        nats object info FILES\n  \
        nats object info FILES image.iso"
)]
pub struct Args {
    /// Name of the bucket; chosen from a list when left out
    #[arg(add = ArgValueCompleter::new(crate::complete::object_buckets))]
    bucket: Option<String>,

    /// Name of the object; the store when left out
    file: Option<String>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let name = Kind::Objects
        .chosen(&api, args.bucket, &mut Terminal)
        .await?;
    let store = api
        .object_store(&name)
        .await
        .map_err(|e| Kind::Objects.missing(&name, e))?;
    let Some(file) = &args.file else {
        if args.json {
            return output::json(&store.status().await?.stream);
        }
        return show_store(globals, &api, &name).await;
    };
    let info = store.info(file).await?;
    let info = info.ok_or_else(|| {
        CliError::new(format!("object {file:?} was not found"))
            .next_step(format!("see which there are: nats object ls {name}"))
    })?;
    if args.json {
        return output::json(&info);
    }
    show_object(globals, &info)
}

/// Shared with the commands that change a store.
pub async fn show_store(globals: &Globals, api: &Api, name: &str) -> Result {
    let store = api
        .object_store(name)
        .await
        .map_err(|e| Kind::Objects.missing(name, e))?;
    let status = store.status().await?;
    out!("{}", store_columns(&status, globals.scheme()).render())
}

fn store_columns(status: &ObjectStoreStatus, scheme: Scheme) -> Columns {
    let info = &status.stream;
    let mut columns = Columns::new(
        format!(
            "Information for Object Store Bucket {} created {}",
            status.bucket,
            format::time(info.created.into())
        ),
        scheme,
    );
    columns.section("Configuration");
    columns.row("Bucket Name", &*status.bucket);
    columns.row_unless_empty("Description", &status.description);
    columns.row("Replicas", status.replicas);
    if status.ttl.is_zero() {
        columns.row("TTL", "unlimited");
    } else {
        columns.row("TTL", status.ttl);
    }
    columns.row("Sealed", status.sealed);
    columns.row("Size", format::bytes(status.size));
    match u64::try_from(info.config.max_bytes) {
        Ok(limit) => columns.row("Maximum Bucket Size", format::bytes(limit)),
        Err(_) => columns.row("Maximum Bucket Size", "unlimited"),
    }
    columns.row("Storage", storage_name(status.storage));
    columns.row("Backing Store Kind", "JetStream");
    columns.row("JetStream Stream", &*info.config.name);
    let metadata = user_metadata(&info.config.metadata);
    let metadata = metadata
        .iter()
        .map(|(key, value)| format!("{key}: {value}"));
    columns.rows("Metadata", metadata);
    show_cluster(
        &mut columns,
        info.cluster.as_ref(),
        "Cluster Group",
        info.ts,
    );
    columns
}

/// Shared with `nats object put`.
pub fn show_object(globals: &Globals, info: &ObjectInfo) -> Result {
    out!("{}", object_columns(info, globals.scheme()).render())
}

fn object_columns(info: &ObjectInfo, scheme: Scheme) -> Columns {
    let heading = format!("Object information for {} > {}", info.bucket, info.name);
    let mut columns = Columns::new(heading, scheme);
    columns.row_unless_empty("Description", &info.description);
    columns.row("Size", format::bytes(info.size));
    columns.row("Modification Time", format::time(info.modified.into()));
    columns.row("Chunks", info.chunks);
    columns.row_unless_empty("Digest", &digest(&info.digest));
    columns.row_if(info.deleted, "Deleted", true);
    if let Some(link) = info.link() {
        columns.row("Link", format!("{} > {}", link.bucket, link.name));
    }
    let headers = info.headers.iter();
    let headers =
        headers.flat_map(|(name, values)| values.iter().map(move |v| format!("{name}: {v}")));
    columns.rows("Headers", headers);
    if !info.metadata.is_empty() {
        columns.section("Metadata");
        for (key, value) in &info.metadata {
            columns.row(key, value.as_str());
        }
    }
    columns
}

/// `SHA-256=<base64>` as `SHA-256 <hex>`.
fn digest(text: &str) -> String {
    let Some((algorithm, value)) = text.split_once('=') else {
        return text.to_owned();
    };
    let value = value.trim_end_matches('=');
    match base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(value) {
        Ok(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{algorithm} {hex}")
        }
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_shown_with_its_digest_in_hex() {
        let info: ObjectInfo = serde_json::from_str(
            r#"{"name":"a.txt","bucket":"FILES","nuid":"x","size":2048,"mtime":"2026-01-02T03:04:05Z","chunks":1,
            "digest":"SHA-256=AAEC_w==","headers":{"A":["1","2"]},"metadata":{"owner":"joe"}}"#,
        )
        .unwrap();
        let text = object_columns(&info, Scheme::Rounded).render();
        assert!(text.contains("Digest: SHA-256 000102ff"), "{text}");
        assert!(text.contains("A: 1") && text.contains("A: 2") && text.contains("owner: joe"));
        assert_eq!(digest("nonsense"), "nonsense");
    }
}
