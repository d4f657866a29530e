//! The argument that names a stream, shared by the commands.

use clap_complete::engine::ArgValueCompleter;
use nats_api::jetstream::StreamInfo;

use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Api, Scope, pick};
use nats_term::prompt::Terminal;

/// Which stream; chosen from a list when it was left out.
#[derive(Debug, Clone, clap::Args)]
pub struct Which {
    /// Name of the stream; chosen from a list when left out
    #[arg(add = ArgValueCompleter::new(crate::complete::streams))]
    pub stream: Option<String>,

    #[command(flatten)]
    pub scope: Scope,
}

impl Which {
    pub async fn connect(&self, globals: &Globals) -> Result<(Api, StreamInfo)> {
        self.connect_or_fail(globals, false).await
    }

    /// With `no_select` nothing is chosen from a list.
    pub async fn connect_or_fail(
        &self,
        globals: &Globals,
        no_select: bool,
    ) -> Result<(Api, StreamInfo)> {
        let api = Api::connect(globals).await?;
        let name = self.stream.as_deref();
        let info = pick::stream(&api, name, self.scope, no_select, &mut Terminal).await?;
        Ok((api, info))
    }
}
