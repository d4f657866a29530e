//! The flags of a consumer's configuration, and what they change in it.

use std::time::Duration;

use jiff::{Timestamp, Zoned};
use nats_api::time::Nanos;

use crate::error::{CliError, Result};
use crate::jetstream::Document;
use crate::parse;

/// Steps of a generated backoff; the server takes no more.
const BACKOFF_STEPS_MAX: u32 = 1_000;

/// What can be said about a consumer, when it is made and later. What is not said is not touched.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConsumerFlags {
    /// Generate the times to wait between deliveries
    #[arg(long, value_name = "MODE", value_parser = ["none", "linear"])]
    pub backoff: Option<String>,

    /// Number of generated times
    #[arg(long, value_name = "COUNT", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=i64::from(BACKOFF_STEPS_MAX)))]
    pub backoff_steps: Option<u32>,

    /// The shortest of them
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse::duration)]
    pub backoff_min: Option<Duration>,

    /// The longest of them
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = parse::duration)]
    pub backoff_max: Option<Duration>,

    /// What the consumer is for
    #[arg(long)]
    pub description: Option<String>,

    /// Deliver only messages of these subjects, separated by commas
    #[arg(long, value_name = "SUBJECTS")]
    pub filter: Option<Vec<String>>,

    /// Deliver a message at most so often; -1 for no limit
    #[arg(long, value_name = "TRIES", allow_hyphen_values = true)]
    pub max_deliver: Option<i64>,

    /// Pause when so many messages wait for their acknowledgement; -1 for no limit
    #[arg(
        long,
        alias = "max-outstanding",
        value_name = "COUNT",
        allow_hyphen_values = true
    )]
    pub max_pending: Option<i64>,

    /// Take pull requests for so many messages at most
    #[arg(long, value_name = "COUNT")]
    pub max_pull_batch: Option<i64>,

    /// Take pull requests that wait so long at most
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub max_pull_expire: Option<Duration>,

    /// Take pull requests for so many bytes at most
    #[arg(long, value_name = "BYTES")]
    pub max_pull_bytes: Option<i64>,

    /// Measure this percentage of the acknowledgements; 0 for none
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub sample: Option<u8>,

    /// Deliver to this subject
    #[arg(long, value_name = "SUBJECT")]
    pub target: Option<String>,

    /// Deliver again what is not acknowledged within this time
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub wait: Option<Duration>,

    /// Remove the consumer when nobody uses it for so long
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub inactive_threshold: Option<Duration>,

    /// Keep so many copies; 0 for as many as the stream has
    #[arg(long, value_name = "COUNT")]
    pub replicas: Option<i64>,

    /// A remark, as key=value
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::pair)]
    pub metadata: Vec<(String, String)>,

    #[command(flatten)]
    pub switches: ConsumerSwitches,
}

crate::switches! {
    /// The switches among them.
    ConsumerSwitches {
        /// Deliver headers without bodies
        headers_only: "headers-only",
    }
}

/// What can be said only when a consumer is made.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Configuration of a new consumer")]
pub struct CreateFlags {
    /// What has to be acknowledged
    #[arg(long, value_parser = ["none", "all", "explicit", "flow_control"])]
    pub ack: Option<String>,

    /// Deliver so many bits per second at most
    #[arg(long, value_name = "BITS")]
    pub bps: Option<u64>,

    /// Begin with: all, new, last, subject, a sequence, or a time back such as 1h
    #[arg(long, value_name = "POLICY")]
    pub deliver: Option<String>,

    /// Deliver to members of this queue group only
    #[arg(long, value_name = "GROUP")]
    pub deliver_group: Option<String>,

    /// The consumer ends with its last client
    #[arg(long)]
    pub ephemeral: bool,

    /// Slow down when the client does
    #[arg(long)]
    pub flow_control: bool,

    /// Say so often that there is nothing to say; -1 for never
    #[arg(long, value_name = "DURATION", value_parser = parse::age, allow_hyphen_values = true)]
    pub heartbeat: Option<Duration>,

    /// Allow so many waiting pull requests
    #[arg(long, value_name = "COUNT")]
    pub max_waiting: Option<i64>,

    /// Deliver when asked
    #[arg(long, conflicts_with = "target")]
    pub pull: bool,

    /// Deliver old messages at once, or at the pace at which they came
    #[arg(long, value_parser = ["instant", "original"])]
    pub replay: Option<String>,

    /// Keep the state in memory
    #[arg(long)]
    pub memory: bool,

    /// Deliver nothing for so long, or until this time
    #[arg(long, value_name = "TIME")]
    pub pause: Option<String>,

    /// One client at a time is served, for each of these groups
    #[arg(long, value_name = "GROUPS")]
    pub pinned_groups: Vec<String>,

    /// A client that does not ask for so long loses its place
    #[arg(long, value_name = "DURATION", value_parser = parse::duration, requires = "pinned_groups")]
    pub pinned_ttl: Option<Duration>,

    /// Clients are served when enough is pending, for each of these groups
    #[arg(long, value_name = "GROUPS", conflicts_with_all = ["pinned_groups", "prioritized_groups"])]
    pub overflow_groups: Vec<String>,

    /// Clients are served by their priorities, for each of these groups
    #[arg(long, value_name = "GROUPS", conflicts_with = "pinned_groups")]
    pub prioritized_groups: Vec<String>,
}

impl ConsumerFlags {
    /// Changes what was named.
    pub fn apply(&self, config: &mut Document) -> Result {
        config.set_if("description", self.description.as_ref())?;
        if let Some(filter) = &self.filter {
            set_filter(config, parse::listed(filter))?;
        }
        config.set_if("max_deliver", self.max_deliver)?;
        config.set_if("max_ack_pending", self.max_pending)?;
        config.set_if("max_batch", self.max_pull_batch)?;
        config.set_duration("max_expires", self.max_pull_expire)?;
        config.set_if("max_bytes", self.max_pull_bytes)?;
        match self.sample {
            Some(0) => config.remove("sample_freq"),
            Some(percent) => config.set("sample_freq", percent.to_string())?,
            None => {}
        }
        config.set_if("deliver_subject", self.target.as_ref())?;
        config.set_duration("ack_wait", self.wait)?;
        config.set_duration("inactive_threshold", self.inactive_threshold)?;
        config.set_if("num_replicas", self.replicas)?;
        config.set_if("headers_only", self.switches.headers_only)?;
        if !self.metadata.is_empty() {
            let metadata: serde_json::Map<_, _> = self
                .metadata
                .iter()
                .map(|(key, value)| (key.clone(), value.as_str().into()))
                .collect();
            config.set("metadata", metadata)?;
        }
        self.apply_backoff(config)
    }

    fn apply_backoff(&self, config: &mut Document) -> Result {
        match self.backoff.as_deref() {
            None => Ok(()),
            Some("none") => {
                config.remove("backoff");
                Ok(())
            }
            Some(_) => {
                let steps = linear(
                    self.backoff_steps.unwrap_or(10),
                    self.backoff_min.unwrap_or_default(),
                    self.backoff_max.unwrap_or_default(),
                )?;
                // Each step is a delivery after the first: fewer deliveries would never use the last ones.
                let deliveries = config.get("max_deliver").and_then(|n| n.as_i64());
                if self.max_deliver.is_none() && deliveries.unwrap_or(-1) == -1 {
                    config.set("max_deliver", steps.len() + 1)?;
                }
                config.set("backoff", steps)
            }
        }
    }
}

/// One filter and several stand in fields of their own; none removes both.
pub fn set_filter(config: &mut Document, mut filters: Vec<String>) -> Result {
    config.remove("filter_subject");
    config.remove("filter_subjects");
    match filters.len() {
        0 => Ok(()),
        1 => config.set("filter_subject", filters.pop()),
        _ => config.set("filter_subjects", filters),
    }
}

/// Times in equal steps from `shortest` to `longest`.
pub fn linear(steps: u32, shortest: Duration, longest: Duration) -> Result<Vec<Nanos>> {
    if shortest > longest {
        return Err(CliError::new(
            "the shortest backoff is longer than the longest one",
        ));
    }
    if steps < 2 {
        return Ok(vec![Nanos::from(shortest)]);
    }
    // Multiplied before it is divided: the last step is the longest time exactly.
    let range = (longest - shortest).as_nanos();
    let times = (0..steps).map(|index| {
        let more = range * u128::from(index) / u128::from(steps - 1);
        let more = Duration::from_nanos(u64::try_from(more).unwrap_or(u64::MAX));
        Nanos::from(shortest.saturating_add(more))
    });
    Ok(times.collect())
}

impl CreateFlags {
    /// Changes what was named; the name is not among them.
    pub fn apply(&self, config: &mut Document) -> Result {
        config.set_if("ack_policy", self.ack.as_ref())?;
        config.set_if("rate_limit_bps", self.bps)?;
        if let Some(policy) = &self.deliver {
            deliver_policy(config, policy, Timestamp::now())?;
        }
        config.set_if("deliver_group", self.deliver_group.as_ref())?;
        config.set_if("flow_control", self.flow_control.then_some(true))?;
        config.set_duration("idle_heartbeat", self.heartbeat)?;
        config.set_if("max_waiting", self.max_waiting)?;
        if self.pull {
            for push in [
                "deliver_subject",
                "deliver_group",
                "flow_control",
                "idle_heartbeat",
            ] {
                config.remove(push);
            }
        }
        config.set_if("replay_policy", self.replay.as_ref())?;
        config.set_if("mem_storage", self.memory.then_some(true))?;
        if let Some(until) = &self.pause {
            let until = pause_until(until, &Zoned::now())?;
            config.set("pause_until", nats_api::time::Timestamp::from(until))?;
        }
        self.apply_groups(config)?;
        let given = |field: &str| config.get(field).is_some_and(|value| !is_nothing(value));
        if given("rate_limit_bps") && !given("deliver_subject") {
            return Err(CliError::new(
                "rate limits are only possible on Push consumers",
            ));
        }
        if given("idle_heartbeat") && !given("deliver_subject") {
            return Err(CliError::new(
                "pull subscribers does not support idle heartbeats",
            ));
        }
        Ok(())
    }

    fn apply_groups(&self, config: &mut Document) -> Result {
        for (groups, policy) in [
            (&self.pinned_groups, "pinned_client"),
            (&self.overflow_groups, "overflow"),
            (&self.prioritized_groups, "prioritized"),
        ] {
            if !groups.is_empty() {
                config.set("priority_policy", policy)?;
                config.set("priority_groups", parse::listed(groups))?;
            }
        }
        config.set_duration("priority_timeout", self.pinned_ttl)
    }
}

fn is_nothing(value: &serde_json::Value) -> bool {
    value.is_null() || value == 0 || value == ""
}

/// `all`, `new`, `last`, `subject`, a sequence, or a time back.
pub fn deliver_policy(config: &mut Document, policy: &str, now: Timestamp) -> Result {
    config.remove("opt_start_seq");
    config.remove("opt_start_time");
    let name = match policy {
        "all" | "new" | "last" => policy,
        "subject" | "last_per_subject" => "last_per_subject",
        text => match text.parse::<u64>() {
            Ok(sequence) => {
                config.set("opt_start_seq", sequence)?;
                "by_start_sequence"
            }
            Err(_) => {
                let back = parse::duration(text).map_err(|e| {
                    CliError::from(e).context("--deliver").next_step(
                        "say all, new, last, subject, a sequence, or a time back such as 1h",
                    )
                })?;
                let time = now.checked_sub(back);
                let time = time.map_err(|e| CliError::new(format!("--deliver: {e}")))?;
                config.set("opt_start_time", nats_api::time::Timestamp::from(time))?;
                "by_start_time"
            }
        },
    };
    config.set("deliver_policy", name)
}

/// A time from now on such as `1h`, a local time such as `2026-01-02 03:04:05`, or one with its zone.
pub fn pause_until(text: &str, now: &Zoned) -> Result<Timestamp> {
    if let Ok(length) = parse::duration(text) {
        let time = now.timestamp().checked_add(length);
        return time.map_err(|e| CliError::new(format!("{text:?} is too far away: {e}")));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let invalid = |e: jiff::Error| {
        CliError::new(format!("{text:?} is no time: {e}"))
            .next_step("use a duration such as 1h30m, or a time such as '2026-01-02 03:04:05'")
    };
    let time: jiff::civil::DateTime = text.parse().map_err(invalid)?;
    let time = time.to_zoned(now.time_zone().clone()).map_err(invalid)?;
    Ok(time.timestamp())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use nats_api::jetstream::{ConsumerConfig, DeliverPolicy, PriorityPolicy};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: ConsumerFlags,
        #[command(flatten)]
        create: CreateFlags,
    }

    fn config() -> Document {
        Document::from_json(
            r#"{"durable_name":"C","ack_policy":"explicit","max_deliver":-1,"filter_subject":"a","sample_freq":"30",
            "unknown":{"x":1}}"#,
        )
        .unwrap()
    }

    fn applied(before: &Document, flags: &[&str]) -> Result<Document> {
        let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).unwrap();
        let mut after = before.clone();
        line.flags.apply(&mut after)?;
        line.create.apply(&mut after)?;
        Ok(after)
    }

    #[test]
    fn nothing_said_changes_nothing() {
        assert_eq!(applied(&config(), &[]).unwrap(), config());
    }

    #[test]
    fn each_flag_changes_its_own_field_only() {
        for (flags, changes) in [
            (&["--wait", "1m"][..], "+ ack_wait: 1m0s\n"),
            (
                &["--max-deliver", "5"],
                "- max_deliver: -1\n+ max_deliver: 5\n",
            ),
            (&["--max-pending", "-1"], "+ max_ack_pending: -1\n"),
            (
                &["--filter", "b"],
                "- filter_subject: \"a\"\n+ filter_subject: \"b\"\n",
            ),
            (
                &["--filter", "b,c"],
                "- filter_subject: \"a\"\n+ filter_subjects: [\"b\", \"c\"]\n",
            ),
            (&["--filter", ""], "- filter_subject: \"a\"\n"),
            (&["--sample", "0"], "- sample_freq: \"30\"\n"),
            (
                &["--sample", "50"],
                "- sample_freq: \"30\"\n+ sample_freq: \"50\"\n",
            ),
            (&["--headers-only"], "+ headers_only: true\n"),
            (
                &["--deliver", "7"],
                "+ opt_start_seq: 7\n+ deliver_policy: \"by_start_sequence\"\n",
            ),
            (
                &[
                    "--backoff",
                    "linear",
                    "--backoff-steps",
                    "3",
                    "--backoff-min",
                    "1m",
                    "--backoff-max",
                    "3m",
                ],
                "- max_deliver: -1\n+ max_deliver: 4\n+ backoff: [1m0s, 2m0s, 3m0s]\n",
            ),
        ] {
            let after = applied(&config(), flags).unwrap();
            assert_eq!(config().differences(&after), changes, "{flags:?}");
        }
    }

    #[test]
    fn what_only_push_consumers_can_do_is_refused_elsewhere() {
        for flags in [&["--bps", "1000"][..], &["--heartbeat", "5s"]] {
            assert!(applied(&config(), flags).is_err(), "{flags:?}");
            let push = [flags, &["--target", "out"]].concat();
            applied(&config(), &push).unwrap();
        }
        applied(&config(), &["--heartbeat", "-1"]).unwrap();
    }

    #[test]
    fn what_flags_write_is_a_configuration() {
        let flags = [
            "--ack",
            "all",
            "--deliver",
            "subject",
            "--replay",
            "original",
            "--prioritized-groups",
            "a,b",
            "--pause",
            "2h",
            "--memory",
            "--replicas",
            "1",
        ];
        let config: ConsumerConfig = applied(&config(), &flags).unwrap().read().unwrap();
        assert_eq!(config.deliver_policy, DeliverPolicy::LastPerSubject);
        assert_eq!(config.priority_policy, PriorityPolicy::Prioritized);
        assert_eq!(config.priority_groups, ["a", "b"]);
        assert!(config.pause_until.is_some());
    }

    #[test]
    fn a_start_may_be_a_time_back() {
        let now: Timestamp = "2026-01-02T03:00:00Z".parse().unwrap();
        let mut config = config();
        deliver_policy(&mut config, "1h", now).unwrap();
        assert_eq!(config.text("deliver_policy"), "by_start_time");
        assert_eq!(config.text("opt_start_time"), "2026-01-02T02:00:00Z");
        assert!(deliver_policy(&mut config, "yesterday", now).is_err());
    }

    #[test]
    fn a_pause_ends_at_a_time_or_after_one() {
        let now: Zoned = "2026-01-02T03:00:00[UTC]".parse().unwrap();
        for (text, end) in [
            ("1h", "2026-01-02T04:00:00Z"),
            ("2026-01-03 00:00:00", "2026-01-03T00:00:00Z"),
            ("2026-01-03T00:00:00+02:00", "2026-01-02T22:00:00Z"),
        ] {
            assert_eq!(pause_until(text, &now).unwrap().to_string(), end, "{text}");
        }
        assert!(pause_until("soon", &now).is_err());
    }

    #[test]
    fn backoffs_grow_in_equal_steps() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let steps = linear(10, minutes(1), minutes(19)).unwrap();
        assert_eq!((steps.len(), steps[1]), (10, Nanos::from(minutes(3))));
        assert_eq!(
            linear(1, minutes(1), minutes(2)).unwrap(),
            [Nanos::from(minutes(1))]
        );
        assert!(linear(2, minutes(2), minutes(1)).is_err());
    }
}
