//! Configurations held against their schemas before a server sees them: `--validate` and `--output`.

use std::path::Path;

use nats_api::jetstream::{ConsumerConfig, StreamConfig};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Document;
use crate::error::{CliError, Result};

const STREAM: &str = "io.nats.jetstream.api.v1.stream_configuration";
const CONSUMER: &str = "io.nats.jetstream.api.v1.consumer_configuration";

/// What a configuration is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Stream,
    Consumer,
}

impl Kind {
    /// Everything that is wrong with a configuration, each with its field.
    fn problems(self, config: &Document) -> Result<Vec<String>> {
        match self {
            Self::Stream => {
                let mut problems = against::<StreamConfig>(config, STREAM)?;
                if problems.is_empty() {
                    problems.extend(senseless(&config.read::<StreamConfig>()?));
                }
                Ok(problems)
            }
            Self::Consumer => against::<ConsumerConfig>(config, CONSUMER),
        }
    }

    /// Does what `--validate` and `--output` ask for instead of a request.
    ///
    /// # Errors
    /// When the configuration is not valid, or the file cannot be written.
    pub fn validate(self, config: &Document, output: Option<&Path>) -> Result {
        let text = config.to_json()?;
        let problems = self.problems(config)?;
        let failed = || {
            let problems = problems.join("\n\t");
            CliError::new(format!("Validation Failed: {problems}")).next_step(format!(
                "see what is allowed: nats schema info {}",
                self.schema()
            ))
        };
        if let Some(path) = output {
            if !problems.is_empty() {
                return Err(failed());
            }
            return std::fs::write(path, text + "\n")
                .map_err(|e| CliError::from(e).context(path.display()));
        }
        outln!("{text}\n")?;
        if !problems.is_empty() {
            return Err(failed());
        }
        match self {
            Self::Stream => outln!("Configuration is a valid Stream matching {STREAM}"),
            Self::Consumer => outln!("Configuration is a valid Consumer"),
        }
    }

    fn schema(self) -> &'static str {
        match self {
            Self::Stream => STREAM,
            Self::Consumer => CONSUMER,
        }
    }
}

/// A configuration against its schema; what it leaves out is as servers take it.
fn against<T: Serialize + DeserializeOwned + Default>(
    config: &Document,
    schema: &str,
) -> Result<Vec<String>> {
    let schema = nats_api::schema::find(schema)
        .ok_or_else(|| CliError::new(format!("this build has no schema {schema}")))?;
    let mut whole = Document::of(&T::default())?;
    whole.merge(config.clone());
    let problems = schema.check(&whole.read::<Value>()?);
    if !problems.is_empty() {
        return Ok(problems.iter().map(ToString::to_string).collect());
    }
    // What the type knows and the schema does not say.
    let strict = nats_api::decode::strict::<T>(config.to_json()?.as_bytes());
    Ok(strict
        .err()
        .map(|error| error.to_string())
        .into_iter()
        .collect())
}

/// What a server would refuse in any case.
fn senseless(config: &StreamConfig) -> Option<String> {
    if !config.no_ack && config.subjects.iter().any(|subject| subject == ">") {
        return Some("subjects: cannot be '>' when acknowledgement is enabled".to_owned());
    }
    if config.mirror.is_some() && !(config.subjects.is_empty() && config.sources.is_empty()) {
        return Some("mirror: a mirror has neither subjects nor sources".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(kind: Kind, config: &str) -> Vec<String> {
        kind.problems(&Document::from_json(config).unwrap())
            .unwrap()
    }

    #[test]
    fn a_stream_that_no_server_takes_is_found_with_the_field_named() {
        for (config, told) in [
            (
                r#"{"name":"A","subjects":[">"]}"#,
                "subjects: cannot be '>'",
            ),
            (
                r#"{"name":"A","mirror":{"name":"B"},"subjects":["a"]}"#,
                "mirror: ",
            ),
            (r#"{"name":"A","max_ages":1}"#, "max_ages: is not known"),
            (
                r#"{"name":"A","storage":"tape"}"#,
                "storage: must be one of",
            ),
            (r#"{"name":"A.B"}"#, "name: must not contain"),
            (
                r#"{"name":"A","num_replicas":9}"#,
                "num_replicas: must be at most 5",
            ),
            (
                r#"{"name":"A","max_msgs":"many"}"#,
                "max_msgs: must be a number",
            ),
            (
                r#"{"name":"A","sources":[{"name":""}]}"#,
                "sources[0].name: ",
            ),
            (
                r#"{"name":"A","republish":{"src":"a"}}"#,
                "republish.dest: is missing",
            ),
        ] {
            let found = problems(Kind::Stream, config);
            assert!(
                found.iter().any(|problem| problem.starts_with(told)),
                "{config}: {found:?}"
            );
        }
        for fine in [
            r#"{"name":"A","subjects":["a"],"no_ack":false}"#,
            r#"{"name":"A","subjects":[">"],"no_ack":true,"max_age":1,"retention":"workqueue"}"#,
        ] {
            assert_eq!(problems(Kind::Stream, fine), [""; 0], "{fine}");
        }
    }

    #[test]
    fn a_consumer_that_no_server_takes_is_found_with_the_field_named() {
        for (config, told) in [
            (r#"{"ack_policy":"maybe"}"#, "ack_policy: must be one of"),
            (r#"{"backoff":[1,-1]}"#, "backoff[1]: "),
            (
                r#"{"deliver_policy":"by_start_time"}"#,
                "opt_start_time: is missing",
            ),
            (r#"{"ack_waits":1}"#, "json: unknown field \"ack_waits\""),
            (
                r#"{"max_deliver":1.5}"#,
                "max_deliver: must be a whole number",
            ),
        ] {
            let found = problems(Kind::Consumer, config);
            assert!(
                found.iter().any(|problem| problem.starts_with(told)),
                "{config}: {found:?}"
            );
        }
        assert_eq!(
            problems(
                Kind::Consumer,
                r#"{"durable_name":"A","filter_subjects":["a"]}"#
            ),
            [""; 0]
        );
    }
}
