//! `nats stream subjects`.

use std::collections::BTreeMap;

use super::select::Which;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Show the subjects of a stream and how many messages each has
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "subj",
    after_help = "Examples:\n  \
        nats stream subjects ORDERS\n  \
        nats stream subjects ORDERS 'orders.eu.>' --sort name"
)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Only subjects that match this
    #[arg(default_value = ">", hide_default_value = true)]
    filter: String,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    /// What to sort by
    #[arg(long, value_enum, default_value_t = Sort::Messages, value_name = "KEY")]
    sort: Sort,

    /// Reverse the order
    #[arg(short = 'R', long)]
    reverse: bool,

    /// Print the subjects only
    #[arg(long, overrides_with = "no_names")]
    names: bool,

    #[arg(long, overrides_with = "names", hide = true)]
    no_names: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    #[value(alias = "subjects")]
    Name,
    #[value(alias = "count")]
    Messages,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let name = info.config.name;
    let subjects = api.stream_subjects(&name, &args.filter).await?;
    if args.json {
        return output::json(&subjects);
    }
    if subjects.is_empty() {
        return outln!("No subjects found matching {}", args.filter);
    }
    let sorted = args.sorted(&subjects);
    if args.names {
        for (subject, _) in sorted {
            outln!("{subject}")?;
        }
        return Ok(());
    }
    outln!("{}", table(&sorted, &name, globals.scheme()).render())
}

impl Args {
    /// Both keys go up.
    fn sorted<'a>(&self, subjects: &'a BTreeMap<String, u64>) -> Vec<(&'a str, u64)> {
        let mut sorted: Vec<_> = subjects.iter().map(|(s, n)| (s.as_str(), *n)).collect();
        if self.sort == Sort::Messages {
            sorted.sort_by_key(|(_, count)| *count);
        }
        if self.reverse {
            sorted.reverse();
        }
        sorted
    }
}

/// As many pairs of columns as fit.
fn table(sorted: &[(&str, u64)], stream: &str, scheme: Scheme) -> Table {
    let longest = sorted
        .iter()
        .map(|(s, _)| s.chars().count())
        .max()
        .unwrap_or(0);
    let most = sorted.iter().map(|(_, n)| *n).max().unwrap_or(0);
    let pairs = match longest + format::count(most).len() {
        0..20 => 3,
        20..30 => 2,
        _ => 1,
    };
    let title = format!("{} Subjects in stream {stream}", sorted.len());
    let mut table = Table::new(title, scheme).header(["Subject", "Count"].repeat(pairs));
    for row in sorted.chunks(pairs) {
        table.row(
            row.iter()
                .flat_map(|(subject, count)| [(*subject).to_owned(), format::count(*count)]),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_subjects_stand_beside_each_other() {
        let short = [("a", 1), ("b", 1_200), ("c", 3), ("d", 4)];
        insta::assert_snapshot!(table(&short, "ORDERS", Scheme::Rounded).render());
        let long = [("orders.europe.north.new.0001", 1)];
        insta::assert_snapshot!("long", table(&long, "ORDERS", Scheme::Rounded).render());
    }
}
