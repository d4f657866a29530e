//! `nats cheat`: short sheets of commands to copy from.
//!
//! A sheet is a text file beside this one, named after its topic; every line that starts with `nats` is a command that exists (a
//! test parses them all). Called by the root registry only. Nothing here talks to a server.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Show examples to copy from
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats cheat --list\n  \
        nats cheat pub\n  \
        nats cheat --save ~/.local/share/navi/cheats/nats")]
pub struct Args {
    /// The topic; all when left out
    topic: Option<String>,

    /// List the topics
    #[arg(long, conflicts_with_all = ["topic", "save"])]
    list: bool,

    /// Write a file for each topic into this folder instead
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

/// Topics and their sheets, in order.
const SHEETS: [(&str, &str); 19] = [
    ("account", include_str!("account.md")),
    ("auth", include_str!("auth.md")),
    ("bench", include_str!("bench.md")),
    ("consumer", include_str!("consumer.md")),
    ("contexts", include_str!("contexts.md")),
    ("errors", include_str!("errors.md")),
    ("events", include_str!("events.md")),
    ("kv", include_str!("kv.md")),
    ("latency", include_str!("latency.md")),
    ("obj", include_str!("obj.md")),
    ("pub", include_str!("pub.md")),
    ("reply", include_str!("reply.md")),
    ("schemas", include_str!("schemas.md")),
    ("server", include_str!("server.md")),
    ("service", include_str!("service.md")),
    ("stream", include_str!("stream.md")),
    ("sub", include_str!("sub.md")),
    ("trace", include_str!("trace.md")),
    ("up", include_str!("up.md")),
];

pub async fn run(_globals: &Globals, args: Args) -> Result {
    if args.list {
        return SHEETS.iter().try_for_each(|(topic, _)| outln!("{topic}"));
    }
    let chosen: Vec<_> = SHEETS
        .iter()
        .filter(|(topic, _)| args.topic.as_ref().is_none_or(|wanted| wanted == topic))
        .collect();
    if chosen.is_empty() {
        let topic = args.topic.unwrap_or_default();
        return Err(CliError::new(format!("there is no sheet about {topic:?}"))
            .next_step("see which there are: nats cheat --list"));
    }
    for (index, (topic, sheet)) in chosen.into_iter().enumerate() {
        match &args.save {
            Some(folder) => save(folder, topic, sheet)?,
            None if index > 0 => out!("\n{sheet}")?,
            None => out!("{sheet}")?,
        }
    }
    Ok(())
}

/// A file that is there already is not overwritten.
fn save(folder: &Path, topic: &str, sheet: &str) -> Result {
    let path = folder.join(format!("{topic}.md"));
    let write = || {
        std::fs::create_dir_all(folder)?;
        std::fs::File::create_new(&path)?.write_all(sheet.as_bytes())
    };
    write().map_err(|e| CliError::from(e).context(format!("writing {}", path.display())))?;
    outln!("Saved {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_every_sheet_is_understood() {
        for (topic, sheet) in SHEETS {
            let mut commands = 0;
            for line in sheet.lines().filter(|line| line.starts_with("nats ")) {
                let line = line.split(" < ").next().unwrap_or(line);
                let words = crate::parse::shell_words(line).unwrap();
                let parsed = crate::app::command().try_get_matches_from(words);
                assert!(parsed.is_ok(), "{topic}: {line}: {:?}", parsed.err());
                commands += 1;
            }
            assert!(commands > 0, "{topic}");
        }
    }

    #[test]
    fn a_sheet_that_is_there_already_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let nested = folder.path().join("a/b");
        save(&nested, "up", "nats up\n").unwrap();
        assert_eq!(
            std::fs::read_to_string(nested.join("up.md")).unwrap(),
            "nats up\n"
        );
        let error = save(&nested, "up", "").unwrap_err();
        assert!(error.to_string().contains("up.md"), "{error}");
    }
}
