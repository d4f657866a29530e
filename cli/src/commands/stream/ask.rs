//! What `stream add` asks for when it was not said, in the order of the reference tool.

use std::time::Duration;

use jiff::civil::DateTime;
use nats_api::jetstream::{ExternalStream, SourceConsumer, StreamSource, SubjectTransform};
use nats_api::time::Timestamp;

use super::flags::{CreateFlags, StreamFlags};
use crate::error::{CliError, Result};
use crate::parse;
use nats_term::prompt::{Prompt, number, one_of, required};

/// Longest default for remembering message ids.
const DUPE_WINDOW: Duration = Duration::from_secs(120);
/// Size of a stream where the account demands one.
const SIZE_WHEN_REQUIRED: i64 = 256 << 20;
/// Filters that one upstream may be given in a dialogue.
const FILTERS_MAX: usize = 256;

/// Completes the flags with the user's answers; with `--defaults` with the defaults. `needs_size` when the account
/// demands a size.
pub fn complete(
    flags: &mut StreamFlags,
    create: &mut CreateFlags,
    defaults: bool,
    needs_size: bool,
    prompt: &mut impl Prompt,
) -> Result {
    let is_mirror = flags.mirror.is_some();
    if !is_mirror && flags.sources.is_empty() && flags.subjects.is_empty() {
        let subjects = required(prompt, "Subjects", "--subjects")?;
        flags.subjects = vec![subjects];
    }
    if is_mirror && !flags.subjects.is_empty() {
        return Err(
            CliError::new("mirrors cannot listen for messages on subjects")
                .next_step("leave out --subjects, or use --source instead of --mirror"),
        );
    }
    if defaults {
        by_default(flags, create, needs_size);
    } else {
        by_asking(flags, create, needs_size, prompt)?;
    }
    Ok(())
}

fn by_default(flags: &mut StreamFlags, create: &mut CreateFlags, needs_size: bool) {
    create.storage.get_or_insert_with(|| "file".to_owned());
    flags.compression.get_or_insert_with(|| "none".to_owned());
    flags.replicas.get_or_insert(1);
    flags.retention.get_or_insert_with(|| "limits".to_owned());
    flags.discard.get_or_insert_with(|| "old".to_owned());
    flags.max_msgs.get_or_insert(-1);
    flags.max_msgs_per_subject.get_or_insert(-1);
    let size = if needs_size { SIZE_WHEN_REQUIRED } else { -1 };
    flags.max_bytes.get_or_insert(size);
    let age = *flags.max_age.get_or_insert(Duration::ZERO);
    flags.max_msg_size.get_or_insert(-1);
    if flags.mirror.is_none() {
        flags.dupe_window.get_or_insert(dupe_window(age));
    }
}

/// No longer than messages live.
fn dupe_window(age: Duration) -> Duration {
    if age.is_zero() {
        DUPE_WINDOW
    } else {
        DUPE_WINDOW.min(age)
    }
}

fn by_asking(
    flags: &mut StreamFlags,
    create: &mut CreateFlags,
    needs_size: bool,
    prompt: &mut impl Prompt,
) -> Result {
    if create.storage.is_none() {
        create.storage = Some(one_of(prompt, "Storage", &["file", "memory"], "--storage")?);
    }
    if flags.replicas.is_none() {
        let replicas = number(prompt, "Replication", "1", "--replicas")?;
        if replicas < 1 {
            return Err(CliError::new("replicas should be >= 1"));
        }
        flags.replicas = Some(replicas);
    }
    if flags.retention.is_none() {
        let options = ["Limits", "Interest", "Work Queue"];
        let chosen = one_of(prompt, "Retention Policy", &options, "--retention")?;
        flags.retention = Some(match chosen.as_str() {
            "Interest" => "interest".to_owned(),
            "Work Queue" => "workq".to_owned(),
            _ => "limits".to_owned(),
        });
    }
    if flags.discard.is_none() {
        let chosen = one_of(prompt, "Discard Policy", &["Old", "New"], "--discard")?;
        flags.discard = Some(chosen.to_lowercase());
    }
    ask_limits(flags, needs_size, prompt)?;
    ask_permissions(flags, prompt)
}

fn ask_limits(flags: &mut StreamFlags, needs_size: bool, prompt: &mut impl Prompt) -> Result {
    let unlimited = |limit: i64| if limit <= 0 { -1 } else { limit };
    if flags.max_msgs.is_none() {
        let limit = number(prompt, "Stream Messages Limit", "-1", "--max-msgs")?;
        flags.max_msgs = Some(unlimited(limit));
    }
    if flags.max_msgs_per_subject.is_none() && flags.mirror.is_none() {
        let flag = "--max-msgs-per-subject";
        let limit = number(prompt, "Per Subject Messages Limit", "-1", flag)?;
        flags.max_msgs_per_subject = Some(unlimited(limit));
    }
    if flags.max_bytes.is_none() {
        let default = if needs_size { "256MB" } else { "-1" };
        let text = prompt.input("Total Stream Size", default, "--max-bytes")?;
        let size = unlimited(parse::byte_size(&text)?);
        if needs_size && size < 0 {
            return Err(CliError::new("this account demands a size of its streams"));
        }
        flags.max_bytes = Some(size);
    }
    if flags.max_age.is_none() {
        let text = prompt.input("Message TTL", "-1", "--max-age")?;
        flags.max_age = Some(parse::age(&text)?);
    }
    if flags.max_msg_size.is_none() {
        let text = prompt.input("Max Message Size", "-1", "--max-msg-size")?;
        let size = unlimited(parse::byte_size(&text)?);
        let size = i32::try_from(size);
        flags.max_msg_size =
            Some(size.map_err(|_| CliError::new(format!("the size {text:?} is too large")))?);
    }
    if flags.dupe_window.is_none() && flags.mirror.is_none() {
        let default = dupe_window(flags.max_age.unwrap_or_default());
        let default = nats_api::time::friendly(default);
        let question = "Duplicate tracking time window";
        let text = prompt.input(question, &default, "--dupe-window")?;
        flags.dupe_window = Some(parse::duration(&text)?);
    }
    Ok(())
}

fn ask_permissions(flags: &mut StreamFlags, prompt: &mut impl Prompt) -> Result {
    let switches = &mut flags.switches;
    if switches.allow_rollup.is_none() {
        let answer = prompt.confirm("Allow message Roll-ups", false, "--no-allow-rollup")?;
        switches.allow_rollup = Some(answer);
    }
    if switches.deny_delete.is_none() {
        let answer = prompt.confirm("Allow message deletion", true, "--no-deny-delete")?;
        switches.deny_delete = Some(!answer);
    }
    if switches.deny_purge.is_none() {
        let question = "Allow purging subjects or the entire stream";
        let answer = prompt.confirm(question, true, "--no-deny-purge")?;
        switches.deny_purge = Some(!answer);
    }
    Ok(())
}

/// Asks how to read an upstream that was given by its name. `what` is Mirror, or the source's name and Source.
pub fn upstream(name: &str, what: &str, prompt: &mut impl Prompt) -> Result<StreamSource> {
    let mut source = StreamSource {
        name: name.to_owned(),
        ..StreamSource::default()
    };
    let flag = "--defaults, or the upstream as a JSON document";
    let question = format!("[{what}] Configure a custom durable consumer");
    let durable = prompt.confirm(&question, false, flag)?;
    if durable {
        source.consumer = Some(SourceConsumer {
            name: required(prompt, &format!("[{what}] Durable consumer name"), flag)?,
            deliver_subject: required(prompt, &format!("[{what}] Delivery subject"), flag)?,
        });
    } else if prompt.confirm(&format!("[{what}] Adjust start"), false, flag)? {
        let question = format!("[{what}] Start Sequence");
        source.opt_start_seq = u64::try_from(number(prompt, &question, "0", flag)?).unwrap_or(0);
        if source.opt_start_seq == 0 {
            let question = format!("[{what}] UTC Start Time (YYYY-MM-DD HH:MM:SS)");
            let text = prompt.input(&question, "", flag)?;
            source.opt_start_time = utc_time(&text)?;
        }
    }
    if prompt.confirm(
        &format!("[{what}] Adjust filter and transform"),
        false,
        flag,
    )? {
        source.subject_transforms = filters(what, prompt, flag)?;
    }
    source.external = external(what, durable, prompt, flag)?;
    Ok(source)
}

fn filters(what: &str, prompt: &mut impl Prompt, flag: &str) -> Result<Vec<SubjectTransform>> {
    let mut filters = Vec::new();
    while filters.len() < FILTERS_MAX {
        let question = format!("[{what}] Filter by subject (hit enter to finish)");
        let src = prompt.input(&question, "", flag)?;
        if src.is_empty() {
            break;
        }
        let question = format!("[{what}] Subject transform destination (hit enter for none)");
        let dest = prompt.input(&question, "", flag)?;
        filters.push(SubjectTransform { src, dest });
    }
    Ok(filters)
}

fn external(
    what: &str,
    durable: bool,
    prompt: &mut impl Prompt,
    flag: &str,
) -> Result<Option<ExternalStream>> {
    let question = format!("[{what}] Import from a different JetStream domain");
    let api = if prompt.confirm(&question, false, flag)? {
        let question = format!("[{what}] Foreign JetStream domain name");
        let domain = required(prompt, &question, flag)?;
        nats_api::jetstream::subjects::domain_prefix(&domain)
    } else {
        let question = format!("[{what}] Import from a different account");
        if !prompt.confirm(&question, false, flag)? {
            return Ok(None);
        }
        required(
            prompt,
            &format!("[{what}] Foreign account API prefix"),
            flag,
        )?
    };
    let deliver = if durable {
        String::new()
    } else {
        prompt.input(&format!("[{what}] Delivery prefix"), "", flag)?
    };
    Ok(Some(ExternalStream { api, deliver }))
}

/// `2026-01-02 03:04:05`; nothing is no time. Colons in the date, as the reference tool wants them, are understood.
fn utc_time(text: &str) -> Result<Option<Timestamp>> {
    if text.is_empty() {
        return Ok(None);
    }
    let text = match text.split_once(' ') {
        Some((date, time)) => format!("{} {time}", date.replace(':', "-")),
        None => text.to_owned(),
    };
    let time: DateTime = text
        .parse()
        .map_err(|e| CliError::new(format!("{text:?} is no time: {e}")))?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    let time = time.map_err(|e| CliError::new(format!("{text:?} is no time: {e}")))?;
    Ok(Some(time.timestamp().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nats_term::prompt::Scripted;

    #[test]
    fn questions_come_in_the_order_of_the_reference_and_only_for_what_is_missing() {
        let mut prompt = Scripted::new([
            "orders.>", "memory", "3", "Interest", "New", "100", "", "1GB", "1h", "", "", "y", "n",
            "",
        ]);
        let (mut flags, mut create) = (StreamFlags::default(), CreateFlags::default());
        complete(&mut flags, &mut create, false, false, &mut prompt).unwrap();
        assert_eq!(
            prompt.asked,
            [
                "Subjects",
                "Storage",
                "Replication",
                "Retention Policy",
                "Discard Policy",
                "Stream Messages Limit",
                "Per Subject Messages Limit",
                "Total Stream Size",
                "Message TTL",
                "Max Message Size",
                "Duplicate tracking time window",
                "Allow message Roll-ups",
                "Allow message deletion",
                "Allow purging subjects or the entire stream",
            ]
        );
        assert_eq!(flags.subjects, ["orders.>"]);
        assert_eq!(
            (flags.max_msgs, flags.max_msgs_per_subject),
            (Some(100), Some(-1))
        );
        assert_eq!(flags.dupe_window, Some(DUPE_WINDOW));
        assert_eq!(
            (flags.switches.deny_delete, flags.switches.deny_purge),
            (Some(true), Some(false))
        );
    }

    #[test]
    fn defaults_ask_nothing_and_do_not_remember_ids_longer_than_messages() {
        let mut flags = StreamFlags {
            subjects: vec!["a".into()],
            max_age: Some(Duration::from_secs(10)),
            ..StreamFlags::default()
        };
        let mut create = CreateFlags::default();
        complete(
            &mut flags,
            &mut create,
            true,
            true,
            &mut Scripted::default(),
        )
        .unwrap();
        assert_eq!(flags.dupe_window, Some(Duration::from_secs(10)));
        assert_eq!(flags.max_bytes, Some(SIZE_WHEN_REQUIRED));
        assert_eq!(create.storage.as_deref(), Some("file"));
    }

    #[test]
    fn an_upstream_in_another_domain_is_asked_for() {
        let mut prompt = Scripted::new([
            "n",
            "y",
            "0",
            "2026:01:02 03:04:05",
            "y",
            "a.>",
            "b.>",
            "",
            "y",
            "hub",
            "",
        ]);
        let source = upstream("ORIGIN", "Mirror", &mut prompt).unwrap();
        assert_eq!(source.external.unwrap().api, "$JS.hub.API");
        assert_eq!(
            source.opt_start_time.unwrap().to_string(),
            "2026-01-02T03:04:05Z"
        );
        assert_eq!(source.subject_transforms.len(), 1);
    }

    #[test]
    fn a_mirror_with_subjects_is_refused() {
        let mut flags = StreamFlags {
            subjects: vec!["a".into()],
            mirror: Some("M".into()),
            ..StreamFlags::default()
        };
        let mut create = CreateFlags::default();
        let error = complete(
            &mut flags,
            &mut create,
            true,
            false,
            &mut Scripted::default(),
        );
        assert!(
            error
                .unwrap_err()
                .message()
                .contains("mirrors cannot listen")
        );
    }
}
