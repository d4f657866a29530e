//! What `consumer add` asks for when it was not said, in the order of the reference tool.

use super::flags::{ConsumerFlags, CreateFlags};
use crate::error::{CliError, Result};
use crate::parse;
use nats_term::prompt::{Prompt, number, one_of};

/// Completes the flags with the user's answers; with `--defaults` with the defaults.
pub fn complete(
    flags: &mut ConsumerFlags,
    create: &mut CreateFlags,
    defaults: bool,
    prompt: &mut impl Prompt,
) -> Result {
    if defaults {
        by_default(flags, create);
        return Ok(());
    }
    if !create.pull && flags.target.is_none() {
        let question = "Delivery target (empty for Pull Consumers)";
        let target = prompt.input(question, "", "--pull, --target or --defaults")?;
        flags.target = (!target.is_empty()).then_some(target);
    }
    let push = flags.target.is_some();
    if push && create.deliver_group.is_none() {
        let group = prompt.input("Delivery Queue Group", "", "--deliver-group")?;
        create.deliver_group = (!group.is_empty()).then_some(group);
    }
    if create.deliver.is_none() {
        let question = "Start policy (all, new, last, subject, 1h, msg sequence)";
        create.deliver = Some(prompt.input(question, "all", "--deliver")?);
    }
    if create.ack.is_none() {
        let options = if push {
            ["none", "all", "explicit"]
        } else {
            ["explicit", "all", "none"]
        };
        create.ack = Some(one_of(prompt, "Acknowledgment policy", &options, "--ack")?);
    }
    if create.replay.is_none() {
        let options = ["instant", "original"];
        create.replay = Some(one_of(prompt, "Replay policy", &options, "--replay")?);
    }
    if flags.filter.is_none() {
        let question = "Filter Stream by subjects (blank for all)";
        let filter = prompt.input(question, "", "--filter")?;
        flags.filter = Some(parse::listed(&[filter]));
    }
    ask_acknowledgements(flags, create, prompt)?;
    ask_delivery(flags, create, push, prompt)
}

fn by_default(flags: &mut ConsumerFlags, create: &mut CreateFlags) {
    create.deliver.get_or_insert_with(|| "all".to_owned());
    let ack = if flags.target.is_some() {
        "none"
    } else {
        "explicit"
    };
    create.ack.get_or_insert_with(|| ack.to_owned());
    create.replay.get_or_insert_with(|| "instant".to_owned());
    if flags.backoff.is_none() {
        flags.max_deliver.get_or_insert(-1);
    }
}

fn acknowledges(create: &CreateFlags) -> bool {
    create.ack.as_deref() != Some("none")
}

fn ask_acknowledgements(
    flags: &mut ConsumerFlags,
    create: &CreateFlags,
    prompt: &mut impl Prompt,
) -> Result {
    if !acknowledges(create) {
        flags.max_deliver.get_or_insert(-1);
        return Ok(());
    }
    if flags.max_deliver.is_none() {
        let question = "Maximum Allowed Deliveries";
        flags.max_deliver = Some(number(prompt, question, "-1", "--max-deliver")?);
    }
    if flags.max_pending.is_none() {
        let question = "Maximum Acknowledgments Pending";
        flags.max_pending = Some(number(prompt, question, "0", "--max-pending")?);
    }
    Ok(())
}

fn ask_delivery(
    flags: &mut ConsumerFlags,
    create: &mut CreateFlags,
    push: bool,
    prompt: &mut impl Prompt,
) -> Result {
    if push && create.heartbeat.is_none() {
        let text = prompt.input("Idle Heartbeat", "0s", "--heartbeat")?;
        create.heartbeat = Some(parse::age(&text)?);
    }
    if push && !create.flow_control {
        let question = "Enable Flow Control, ie --flow-control";
        create.flow_control = prompt.confirm(question, false, "--flow-control or --defaults")?;
    }
    if flags.switches.headers_only.is_none() {
        let question = "Deliver headers only without bodies";
        let answer = prompt.confirm(question, false, "--no-headers-only")?;
        flags.switches.headers_only = Some(answer);
    }
    if acknowledges(create) && flags.backoff.is_none() {
        ask_backoff(flags, prompt)?;
    }
    Ok(())
}

fn ask_backoff(flags: &mut ConsumerFlags, prompt: &mut impl Prompt) -> Result {
    if !prompt.confirm("Add a Retry Backoff Policy", false, "--backoff none")? {
        return Ok(());
    }
    let options = ["linear", "none"];
    let mode = one_of(prompt, "Backoff policy", &options, "--backoff")?;
    if mode == "linear" {
        let shortest = prompt.input("Minimum retry time", "1m", "--backoff-min")?;
        flags.backoff_min = Some(parse::duration(&shortest)?);
        let longest = prompt.input("Maximum retry time", "20m", "--backoff-max")?;
        flags.backoff_max = Some(parse::duration(&longest)?);
        let steps = number(prompt, "Number of steps", "10", "--backoff-steps")?;
        let steps = u32::try_from(steps)
            .ok()
            .filter(|steps| (1..=1_000).contains(steps));
        flags.backoff_steps =
            Some(steps.ok_or_else(|| CliError::new("between 1 and 1000 steps are possible"))?);
    }
    flags.backoff = Some(mode);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nats_term::prompt::Scripted;

    #[test]
    fn a_pull_consumer_is_asked_for_in_the_order_of_the_reference() {
        let mut prompt = Scripted::new(["", "", "explicit", "instant", "a b", "", "100", "", "n"]);
        let (mut flags, mut create) = (ConsumerFlags::default(), CreateFlags::default());
        complete(&mut flags, &mut create, false, &mut prompt).unwrap();
        assert_eq!(
            prompt.asked,
            [
                "Delivery target (empty for Pull Consumers)",
                "Start policy (all, new, last, subject, 1h, msg sequence)",
                "Acknowledgment policy",
                "Replay policy",
                "Filter Stream by subjects (blank for all)",
                "Maximum Allowed Deliveries",
                "Maximum Acknowledgments Pending",
                "Deliver headers only without bodies",
                "Add a Retry Backoff Policy",
            ]
        );
        assert_eq!(flags.filter, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(
            (flags.max_deliver, flags.max_pending),
            (Some(-1), Some(100))
        );
    }

    #[test]
    fn a_push_consumer_is_asked_for_what_only_it_has() {
        let mut prompt = Scripted::new(["out", "", "new", "none", "original", "", "5s", "y", "n"]);
        let (mut flags, mut create) = (ConsumerFlags::default(), CreateFlags::default());
        complete(&mut flags, &mut create, false, &mut prompt).unwrap();
        assert!(create.flow_control && create.heartbeat.is_some());
        assert_eq!(flags.max_pending, None);
    }

    #[test]
    fn defaults_ask_nothing() {
        let (mut flags, mut create) = (ConsumerFlags::default(), CreateFlags::default());
        complete(&mut flags, &mut create, true, &mut Scripted::default()).unwrap();
        assert_eq!(create.ack.as_deref(), Some("explicit"));
        let mut flags = ConsumerFlags {
            target: Some("out".into()),
            ..ConsumerFlags::default()
        };
        let mut create = CreateFlags::default();
        complete(&mut flags, &mut create, true, &mut Scripted::default()).unwrap();
        assert_eq!(create.ack.as_deref(), Some("none"));
    }
}
