//! `nats server request jetstream-health`.

use nats_api::monitor::HealthzOptions;

use super::super::target::Target;
use super::print;
use crate::error::Result;
use crate::globals::Globals;

/// Show whether servers are fit for work
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "healthz",
    after_help = "Examples:\n  nats server request jetstream-health"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    wait: usize,

    /// JetStream must be enabled everywhere
    #[arg(short = 'J', long, overrides_with = "no_js_enabled")]
    js_enabled: bool,

    #[arg(long, overrides_with = "js_enabled", hide = true)]
    no_js_enabled: bool,

    /// Check the server only, no streams and consumers
    #[arg(short = 'S', long, overrides_with = "no_server_only")]
    server_only: bool,

    #[arg(long, overrides_with = "server_only", hide = true)]
    no_server_only: bool,

    /// Check only this account
    #[arg(long)]
    account: Option<String>,

    /// Check only this stream
    #[arg(long)]
    stream: Option<String>,

    /// Check only this consumer
    #[arg(long)]
    consumer: Option<String>,

    /// Leave out the details of what is wrong
    #[arg(long)]
    no_details: bool,

    /// Show the details of what is wrong (default)
    #[arg(long, overrides_with = "no_details", hide = true)]
    details: bool,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let whom = args.target.whom(args.wait);
    print(
        globals,
        "HEALTHZ",
        &HealthzOptions {
            js_enabled_only: args.js_enabled,
            js_server_only: args.server_only,
            account: args.account.unwrap_or_default(),
            stream: args.stream.unwrap_or_default(),
            consumer: args.consumer.unwrap_or_default(),
            details: !args.no_details,
            ..HealthzOptions::default()
        },
        &whom,
    )
    .await
}
