//! The arguments that name a stream and a consumer, shared by the commands.

use clap_complete::engine::ArgValueCompleter;
use nats_api::jetstream::{ConsumerInfo, StreamInfo};

use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Api, Scope, pick};
use nats_term::prompt::Terminal;

/// Which stream; chosen from a list when it was left out.
#[derive(Debug, Clone, clap::Args)]
pub struct WhichStream {
    /// Name of the stream; chosen from a list when left out
    #[arg(add = ArgValueCompleter::new(crate::complete::streams))]
    pub stream: Option<String>,

    #[command(flatten)]
    pub scope: Scope,
}

impl WhichStream {
    /// With `no_select` nothing is chosen from a list.
    pub async fn connect(&self, globals: &Globals, no_select: bool) -> Result<(Api, StreamInfo)> {
        let api = Api::connect(globals).await?;
        let name = self.stream.as_deref();
        let info = pick::stream(&api, name, self.scope, no_select, &mut Terminal).await?;
        Ok((api, info))
    }
}

/// Which consumer; chosen from lists when it was left out.
#[derive(Debug, Clone, clap::Args)]
pub struct Which {
    #[command(flatten)]
    pub stream: WhichStream,

    /// Name of the consumer; chosen from a list when left out
    #[arg(add = ArgValueCompleter::new(crate::complete::consumers))]
    pub consumer: Option<String>,
}

impl Which {
    pub async fn connect(&self, globals: &Globals) -> Result<(Api, ConsumerInfo)> {
        self.connect_or_fail(globals, false).await
    }

    /// With `no_select` nothing is chosen from a list.
    pub async fn connect_or_fail(
        &self,
        globals: &Globals,
        no_select: bool,
    ) -> Result<(Api, ConsumerInfo)> {
        let (api, stream) = self.stream.connect(globals, no_select).await?;
        let (stream, name) = (stream.config.name, self.consumer.as_deref());
        let info = pick::consumer(&api, &stream, name, no_select, &mut Terminal).await?;
        Ok((api, info))
    }
}
