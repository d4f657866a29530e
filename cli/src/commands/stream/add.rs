//! `nats stream add`.

use std::path::PathBuf;

use nats_api::jetstream::{StreamConfig, StreamCreateResponse};

use super::ask;
use super::flags::{CreateFlags, StreamFlags, upstream};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, Document, StreamView, check_name, valid};
use crate::output;
use nats_term::prompt::{Prompt, Terminal, required};

/// Create a stream
///
/// Without --defaults and --config what was not said is asked for.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "create",
    alias = "new",
    after_help = "Examples:\n  \
        nats stream add ORDERS --subjects 'orders.>' --defaults\n  \
        nats stream add ORDERS --subjects 'orders.>' --storage memory --max-age 1d --defaults\n  \
        nats stream add ORDERS_COPY --mirror ORDERS --defaults\n  \
        nats stream add --config ./ORDERS.json"
)]
pub struct Args {
    /// Name of the stream
    stream: Option<String>,

    /// Take the configuration from this file: a configuration, or what 'stream info --json' prints
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
    flags: StreamFlags,
}

pub async fn run(globals: &Globals, mut args: Args) -> Result {
    let offline = args.validate || args.output.is_some();
    let api = match offline {
        true => None,
        false => Some(Api::connect(globals).await?),
    };
    let config = match &args.config {
        Some(_) => args.file()?,
        None => {
            let needs_size = match &api {
                Some(api) => api.account_info().await?.limits.max_bytes_required,
                None => false,
            };
            args.by_flags(needs_size, &mut Terminal)?
        }
    };
    let Some(api) = api else {
        return valid::Kind::Stream.validate(&config, args.output.as_deref());
    };
    let name = config.text("name");
    check_name(name)?;
    let answer: StreamCreateResponse = api
        .request_json(api.api().stream_create(name), &config)
        .await
        .map_err(|e| CliError::from(e).context("could not create Stream"))?;
    if args.json {
        return output::json(&answer.info);
    }
    outln!("Stream {name} was created\n")?;
    out!(
        "{}",
        StreamView::Full.render(&answer.info, globals.scheme())
    )
}

impl Args {
    /// The file's configuration with what the flags say instead.
    fn file(&self) -> Result<Document> {
        let path = self.config.as_deref().unwrap_or(std::path::Path::new(""));
        let mut config = Document::from_file(path)?.without_reserved_metadata();
        config.set_if("name", self.stream.as_ref())?;
        self.flags.apply(&mut config)?;
        self.create.apply(&mut config)?;
        Ok(config)
    }

    fn by_flags(&mut self, needs_size: bool, prompt: &mut impl Prompt) -> Result<Document> {
        let name = match &self.stream {
            Some(name) => name.clone(),
            None => required(prompt, "Stream Name", "the name of the stream")?,
        };
        let (flags, create) = (&mut self.flags, &mut self.create);
        ask::complete(flags, create, self.defaults, needs_size, prompt)?;
        let mut config = Document::of(&StreamConfig {
            name,
            max_consumers: -1,
            allow_direct: true,
            ..StreamConfig::default()
        })?;
        self.flags.apply(&mut config)?;
        self.create.apply(&mut config)?;
        if !self.defaults {
            self.ask_upstreams(&mut config, prompt)?;
        }
        Ok(config)
    }

    /// Upstreams that were given as documents say everything themselves.
    fn ask_upstreams(&self, config: &mut Document, prompt: &mut impl Prompt) -> Result {
        let named = |text: &str| !text.trim_start().starts_with('{');
        if let Some(mirror) = self.flags.mirror.as_deref().filter(|text| named(text)) {
            config.set("mirror", ask::upstream(mirror, "Mirror", prompt)?)?;
        }
        if self.flags.sources.iter().any(|text| named(text)) {
            let mut sources = Vec::new();
            for text in &self.flags.sources {
                sources.push(match named(text) {
                    true => {
                        let what = format!("{text} Source");
                        serde_json::to_value(ask::upstream(text, &what, prompt)?)?
                    }
                    false => upstream(text, "--source")?,
                });
            }
            config.set("sources", sources)?;
        }
        Ok(())
    }
}
