//! `nats consumer add`.

use std::path::PathBuf;

use nats_api::jetstream::{ConsumerConfig, ConsumerInfo};

use super::ask;
use super::flags::{ConsumerFlags, CreateFlags};
use super::select::WhichStream;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Api, ConsumerView, Document, check_name, valid};
use crate::output;
use nats_term::prompt::{Prompt, Terminal, required};

/// Create a consumer
///
/// Without --defaults and --config what was not said is asked for.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "create",
    alias = "new",
    after_help = "Examples:\n  \
        nats consumer add ORDERS NEW --filter orders.new --pull --defaults\n  \
        nats consumer add ORDERS MONITOR --target monitor.orders --deliver last --defaults\n  \
        nats consumer add ORDERS --config ./NEW.json"
)]
pub struct Args {
    #[command(flatten)]
    which: WhichStream,

    /// Name of the consumer
    consumer: Option<String>,

    /// Take the configuration from this file: a configuration, or what 'consumer info --json' prints
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Check the configuration, and create nothing
    #[arg(long)]
    validate: bool,

    /// Save the configuration in this file, and create nothing
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Take the defaults instead of asking
    #[arg(long)]
    defaults: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    create: CreateFlags,

    #[command(flatten)]
    flags: ConsumerFlags,
}

pub async fn run(globals: &Globals, mut args: Args) -> Result {
    if args.validate || args.output.is_some() {
        let config = args.configuration(&mut Terminal)?;
        return valid::Kind::Consumer.validate(&config, args.output.as_deref());
    }
    let (api, stream) = args.which.connect(globals, false).await?;
    let config = args.configuration(&mut Terminal)?;
    let info = create(&api, &stream.config.name, &config).await?;
    if args.json {
        return output::json(&info);
    }
    out!("{}", ConsumerView::Full.render(&info, globals.scheme()))
}

/// Makes a consumer from a document; shared with `copy`. Fields that this program does not know are sent as they are.
pub async fn create(api: &Api, stream: &str, config: &Document) -> Result<ConsumerInfo> {
    let name = match config.text("durable_name") {
        "" => config.text("name"),
        name => name,
    };
    let answer = api.put_consumer(stream, name, config, "create").await;
    answer.map_err(|e| e.context("Consumer creation failed"))
}

impl Args {
    fn configuration(&mut self, prompt: &mut impl Prompt) -> Result<Document> {
        let mut config = match &self.config {
            Some(path) => {
                let mut config = Document::from_file(path)?.without_reserved_metadata();
                if let Some(name) = &self.consumer {
                    rename(&mut config, name)?;
                }
                config
            }
            None => {
                let mut config = Document::of(&ConsumerConfig::default())?;
                let name = match &self.consumer {
                    Some(name) => name.clone(),
                    None if self.create.ephemeral => String::new(),
                    None => required(prompt, "Consumer name", "the name of the consumer")?,
                };
                let field = if self.create.ephemeral {
                    "name"
                } else {
                    "durable_name"
                };
                if !name.is_empty() {
                    check_name(&name)?;
                    config.set(field, name)?;
                }
                ask::complete(&mut self.flags, &mut self.create, self.defaults, prompt)?;
                config
            }
        };
        self.flags.apply(&mut config)?;
        self.create.apply(&mut config)?;
        let last_per_subject = config.text("deliver_policy") == "last_per_subject";
        let filtered =
            config.get("filter_subject").is_some() || config.get("filter_subjects").is_some();
        if last_per_subject && !filtered {
            config.set("filter_subject", ">")?;
        }
        Ok(config)
    }
}

/// Gives the consumer of a file another name, wherever its name stands.
pub fn rename(config: &mut Document, name: &str) -> Result {
    check_name(name)?;
    let durable = !config.text("durable_name").is_empty() || config.text("name").is_empty();
    if durable {
        config.set("durable_name", name)?;
    }
    if config.get("name").is_some() {
        config.set("name", name)?;
    }
    Ok(())
}
