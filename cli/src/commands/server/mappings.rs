//! `nats server mappings`.

use nats_proto::transform::Transform;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use nats_term::prompt::{Prompt, Terminal};

/// Try a subject mapping without a server
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "mapping",
    after_help = "Examples:\n  \
        nats server mappings 'orders.*' 'eu.orders.{{wildcard(1)}}' orders.7\n  \
        nats server mappings 'orders.*.*' 'orders.{{partition(3,1,2)}}'"
)]
pub struct Args {
    /// Pattern of the subjects that are mapped
    source: Option<String>,

    /// What they are mapped to
    dest: Option<String>,

    /// Subject to map; asked for, again and again, when not given
    subject: Option<String>,
}

pub async fn run(_globals: &Globals, args: Args) -> Result {
    let mut terminal = Terminal;
    let mut given = |value: Option<String>, question, instead| match value {
        Some(value) => Ok(value),
        None => terminal.input(question, "", instead),
    };
    let source = given(args.source, "Source subject pattern", "SOURCE")?;
    let dest = given(args.dest, "Destination subject pattern", "DEST")?;
    let transform = Transform::new(&source, &dest).map_err(|e| CliError::new(e.to_string()))?;
    if let Some(subject) = args.subject {
        return outln!("{}", mapped(&transform, &subject)?);
    }
    outln!("Enter subjects to test, empty subject terminates.\n")?;
    outln!("NOTE: This only tests mappings, it does not add them to the server\n")?;
    loop {
        let subject = terminal.input("Subject", "", "SUBJECT")?;
        if subject.is_empty() {
            return Ok(());
        }
        match mapped(&transform, &subject) {
            Ok(subject) => outln!("{subject}\n")?,
            Err(error) => outln!("Error: {error}\n")?,
        }
    }
}

fn mapped(transform: &Transform, subject: &str) -> Result<String> {
    let random = fastrand::u32(..);
    let mapped = transform.apply(subject.as_bytes(), random);
    match mapped {
        Some(mapped) => Ok(String::from_utf8_lossy(&mapped).into_owned()),
        None => Err(CliError::new(format!(
            "subject {subject:?} does not match {}",
            transform.source()
        ))
        .next_step("give a subject without wildcards that the source pattern matches")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_mapped_or_refused() {
        let transform = Transform::new("orders.*", "eu.{{wildcard(1)}}").unwrap();
        assert_eq!(mapped(&transform, "orders.7").unwrap(), "eu.7");
        let error = mapped(&transform, "bills.7").unwrap_err();
        assert_eq!(
            error.to_string(),
            "subject \"bills.7\" does not match orders.*"
        );
    }
}
