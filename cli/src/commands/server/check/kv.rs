//! `nats server check kv`.

use nats_client::jetstream::kv::Operation;

use super::Report;
use super::outcome::{Figure, Outcome};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;

/// Check a key-value bucket, and a key in it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server check kv --bucket CONFIG --values-critical 1 --key leader")]
pub struct Args {
    /// Name of the bucket
    #[arg(long)]
    bucket: String,

    /// Critical at so many values; below --values-warn few are bad
    #[arg(long, value_name = "COUNT", default_value_t = -1, allow_hyphen_values = true)]
    values_critical: i64,

    /// Warn at so many values
    #[arg(long, value_name = "COUNT", default_value_t = -1, allow_hyphen_values = true)]
    values_warn: i64,

    /// Critical unless this key has a value
    #[arg(long)]
    key: Option<String>,

    #[command(flatten)]
    report: Report,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut outcome = Outcome::new("kv", args.bucket.clone());
    if let Err(error) = check(globals, &args, &mut outcome).await {
        outcome.critical(error.to_string());
    }
    args.report.end(&outcome)
}

async fn check(globals: &Globals, args: &Args, outcome: &mut Outcome) -> Result {
    let api = Api::connect(globals)
        .await
        .map_err(|e| e.context("connection failed"))?;
    let bucket = api.kv(&args.bucket).await.map_err(|error| {
        if error.is_not_found() {
            CliError::new(format!("bucket {} not found", args.bucket))
        } else {
            CliError::from(error).context("could not load bucket")
        }
    })?;
    outcome.ok(format!("bucket {}", args.bucket));
    let status = bucket.status().await.map_err(CliError::from)?;
    outcome.figure(Figure {
        help: "How many values are stored in the bucket",
        name: "values",
        value: status.values as f64,
        warn: args.values_warn.max(0) as f64,
        crit: args.values_critical.max(0) as f64,
        unit: "",
    });
    if let Some(key) = &args.key {
        match bucket.last(key).await.map_err(CliError::from)? {
            None => outcome.critical(format!("key {key} not found")),
            Some(entry) => match entry.operation {
                Operation::Delete => outcome.critical(format!("key {key} is deleted")),
                Operation::Purge => outcome.critical(format!("key {key} is purged")),
                _ => outcome.ok(format!("key {key} found")),
            },
        }
    }
    args.judge_values(status.values, outcome);
    for (help, name, value, unit) in [
        (
            "Bytes stored in the bucket",
            "bytes",
            status.bytes as f64,
            "B",
        ),
        (
            "Copies of the bucket",
            "replicas",
            status.config.replicas as f64,
            "",
        ),
    ] {
        outcome.figure(Figure {
            help,
            name,
            value,
            warn: 0.0,
            crit: 0.0,
            unit,
        });
    }
    Ok(())
}

impl Args {
    fn judge_values(&self, values: u64, outcome: &mut Outcome) {
        let (warn, critical) = (self.values_warn, self.values_critical);
        if warn < 0 && critical < 0 {
            return;
        }
        let few_are_bad = critical < warn;
        let count = i64::try_from(values).unwrap_or(i64::MAX);
        let reached = |limit: i64| {
            limit >= 0
                && if few_are_bad {
                    count <= limit
                } else {
                    count >= limit
                }
        };
        let text = format!("{values} values");
        if reached(critical) {
            outcome.critical(text);
        } else if reached(warn) {
            outcome.warn(text);
        } else {
            outcome.ok(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::outcome::{Form, Status};
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn few_or_many_values_are_bad() {
        let judged = |warn: &str, critical: &str| {
            let flags = [
                "x",
                "--bucket",
                "B",
                "--values-warn",
                warn,
                "--values-critical",
                critical,
            ];
            let mut outcome = Outcome::new("kv", "B");
            Line::try_parse_from(flags)
                .unwrap()
                .args
                .judge_values(10, &mut outcome);
            assert!(!outcome.render(Form::Nagios, "").is_empty());
            outcome.status()
        };
        assert_eq!(judged("10", "20"), Status::Warning);
        assert_eq!(judged("5", "10"), Status::Critical);
        assert_eq!(judged("20", "5"), Status::Warning);
        assert_eq!(judged("20", "10"), Status::Critical);
        assert_eq!(judged("-1", "-1"), Status::Ok);
        assert_eq!(judged("-1", "11"), Status::Ok);
    }
}
