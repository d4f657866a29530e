//! `nats errors ls`.

use std::cmp::Ordering;
use std::path::Path;

use regex::{Regex, RegexBuilder};

use super::file::{self, Definition};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, Table};

/// List the error codes
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "list",
    after_help = "Examples:\n  \
        nats errors ls\n  \
        nats errors ls 'consumer.*name' description\n  \
        nats errors ls 404 --json"
)]
pub struct Args {
    /// Show the errors that match this regular expression, in any case of letters
    #[arg(value_name = "MATCH", value_parser = pattern)]
    matching: Option<Regex>,

    /// Order of the errors
    #[arg(value_enum, default_value = "code")]
    sort: Sort,

    /// Turn the order around
    #[arg(short = 'R', long, overrides_with = "no_reverse")]
    reverse: bool,

    #[arg(long, overrides_with = "reverse", hide = true)]
    no_reverse: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Sort {
    Code,
    Http,
    #[value(alias = "descr", alias = "desc", alias = "d")]
    Description,
}

fn pattern(text: &str) -> std::result::Result<Regex, regex::Error> {
    RegexBuilder::new(text).case_insensitive(true).build()
}

pub fn run(globals: &Globals, args: Args, path: Option<&Path>) -> Result {
    let mut definitions = file::load(path)?;
    if let Some(pattern) = &args.matching {
        definitions.retain(|definition| matches(definition, pattern));
        if definitions.is_empty() {
            return Err(CliError::new(format!(
                "no errors found matching regular expression {pattern}"
            )));
        }
    }
    definitions.sort_by(|a, b| {
        let order = order(args.sort, a, b);
        if args.reverse { order.reverse() } else { order }
    });
    if args.json {
        return output::json(&definitions);
    }
    let mut table = Table::new("NATS Errors", globals.scheme()).header([
        "NATS Code",
        "HTTP Error Code",
        "Description",
        "Comment",
        "Go Constant",
    ]);
    for definition in definitions {
        table.row([
            definition.error_code.to_string(),
            definition.code.to_string(),
            definition.description,
            definition.comment,
            definition.constant,
        ]);
    }
    out!("{}", table.render())
}

fn order(sort: Sort, a: &Definition, b: &Definition) -> Ordering {
    let order = match sort {
        Sort::Code => Ordering::Equal,
        Sort::Http => a.code.cmp(&b.code),
        Sort::Description => a.description.cmp(&b.description),
    };
    order.then(a.error_code.cmp(&b.error_code))
}

fn matches(definition: &Definition, pattern: &Regex) -> bool {
    [
        definition.description.as_str(),
        definition.constant.as_str(),
        definition.comment.as_str(),
        definition.help.as_str(),
        &definition.code.to_string(),
        &definition.error_code.to_string(),
    ]
    .into_iter()
    .any(|text| pattern.is_match(text))
}
