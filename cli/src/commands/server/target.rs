//! The flags that choose servers, shared by `report` and `request`: on the group and on each of its commands, so that they
//! may stand before or after the command's name.

use std::path::PathBuf;

use nats_api::system::EventFilter;

use super::ask::Whom;
use crate::error::{CliError, Result};

/// Servers to ask.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Servers")]
pub struct Target {
    /// Only the server with this name
    #[arg(long, value_name = "NAME", global = true)]
    name: Option<String>,

    /// Only servers on this host
    #[arg(long, value_name = "HOST", global = true)]
    host: Option<String>,

    /// Only servers of this cluster
    #[arg(long, value_name = "CLUSTER", global = true)]
    cluster: Option<String>,

    /// Only servers with all of these tags
    #[arg(long, value_name = "TAG", global = true)]
    tags: Vec<String>,

    /// Read from an archive of `nats audit gather`
    #[arg(long, value_name = "FILE", global = true, hide = true)]
    archive: Option<PathBuf>,
}

impl Target {
    /// True when not all servers are meant.
    pub fn is_narrow(&self) -> bool {
        self.whom(0).filter != EventFilter::default()
    }

    /// Archives are refused by name until there is a command that writes them.
    pub fn refuse_archive(&self) -> Result {
        match &self.archive {
            Some(_) => Err(CliError::not_available(
                "--archive",
                "an archive of 'nats audit gather'",
            )),
            None => Ok(()),
        }
    }

    /// With the number of answers to wait for, 0 for as many as there are.
    pub fn whom(&self, expected: usize) -> Whom {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let one_server = self.name.is_some();
        Whom {
            filter: EventFilter {
                server_name: text(&self.name),
                host: text(&self.host),
                cluster: text(&self.cluster),
                tags: self.tags.clone(),
                exact_match: one_server || self.host.is_some() || self.cluster.is_some(),
                ..EventFilter::default()
            },
            expected: match expected {
                0 if one_server => Some(1),
                0 => None,
                expected => Some(expected),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_server_is_one_answer_and_nobody_chosen_means_everybody() {
        let target = Target {
            name: Some("n1".into()),
            ..Target::default()
        };
        assert_eq!(target.whom(0).expected, Some(1));
        assert_eq!(target.whom(3).expected, Some(3));
        let everybody = Target::default().whom(0);
        assert_eq!(everybody.filter, EventFilter::default());
        assert_eq!(everybody.expected, None);
    }
}
