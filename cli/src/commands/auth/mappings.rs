//! `nats auth account mappings`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nats_jwt::claims::WeightedMapping;
use nats_nsc::ops::mapping;
use serde::Deserialize;

use super::Session;
use super::session::{Form, ListForm, ListOf, Listed, Of, document, given};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, Columns};

#[derive(Debug, clap::Subcommand)]
pub enum Mappings {
    /// Add a mapping
    #[command(after_help = "Examples:\n  \
        nats auth account mappings add ORDERS orders orders.v2 20\n  \
        nats auth account mappings add ORDERS --config mappings.yaml")]
    Add(Add),
    /// Show a mapping
    #[command(after_help = "Example:\n  nats auth account mappings info ORDERS orders")]
    Info(Info),
    /// List mappings
    #[command(after_help = "Example:\n  nats auth account mappings ls ORDERS")]
    Ls(ListOf),
    /// Remove a mapping
    #[command(after_help = "Example:\n  nats auth account mappings rm ORDERS orders")]
    Rm(One),
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The subject that is mapped
    source: Option<String>,
    /// Where it goes
    target: Option<String>,
    /// How many of a hundred messages go there
    #[arg(default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    weight: u8,
    /// Only in this cluster
    cluster: Option<String>,
    /// Set the mappings of a file: {source: [{subject, weight, cluster}]} in YAML or JSON
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    config: Option<PathBuf>,
    #[command(flatten)]
    of: Of,
}

/// One mapping of an account.
#[derive(Debug, clap::Args)]
pub struct One {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The subject that is mapped, when there is more than one
    source: Option<String>,
    #[command(flatten)]
    of: Of,
}

impl One {
    /// The store, the account's name, and the subject: the given one, else the only one.
    fn open(self) -> Result<(Session, String, String)> {
        let mut session = self.of.open()?;
        let account = session.account(self.account.as_deref())?;
        let mut known = session.work.account(&account)?.nats.mappings.into_keys();
        let source = match (self.source, known.next(), known.next()) {
            (None, Some(only), None) => only,
            (source, ..) => given(source, "Source subject", "SOURCE")?,
        };
        Ok((session, account, source))
    }
}

#[derive(Debug, clap::Args)]
pub struct Info {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    form: Form,
}

pub fn run(globals: &Globals, command: Mappings) -> Result {
    match command {
        Mappings::Add(args) => add(globals, args),
        Mappings::Info(args) => {
            let (mut session, account, source) = args.one.open()?;
            show(globals, &mut session, &account, Some(&source), args.form)
        }
        Mappings::Ls(args) => {
            let (mut session, account) = args.at.open()?;
            show(globals, &mut session, &account, None, args.form)
        }
        Mappings::Rm(args) => {
            // Not asked for, as in the reference tool: it is easily added again.
            let (mut session, account, from) = args.open()?;
            let request = mapping::Delete {
                from: from.clone(),
                account: Some(account),
                ..mapping::Delete::default()
            };
            mapping::delete(&mut session.work, &request)?;
            session.commit()?;
            outln!("Deleted mapping {{{from}}}")
        }
    }
}

/// One of the mappings of a file.
#[derive(Debug, Deserialize)]
struct Entry {
    subject: String,
    #[serde(default = "everything")]
    weight: u8,
    #[serde(default)]
    cluster: String,
}

const fn everything() -> u8 {
    100
}

fn add(globals: &Globals, args: Add) -> Result {
    let mut session = args.of.open()?;
    let account = session.account(args.account.as_deref())?;
    let form = Form::default();
    if let Some(path) = &args.config {
        let content = crate::input::text(path)?;
        let wanted: BTreeMap<String, Vec<Entry>> = nats_nsc::desired::from_yaml(&content)
            .map_err(|e| CliError::from(e).context(path.display()))?;
        let wanted = wanted.into_iter().map(|(from, all)| {
            let all = all.into_iter().map(|entry| WeightedMapping {
                subject: entry.subject,
                weight: entry.weight,
                cluster: entry.cluster,
            });
            (from, all.collect())
        });
        mapping::set(&mut session.work, &account, wanted.collect())?;
        session.commit()?;
        return out!(
            "{}",
            details(globals, &session.work.account(&account)?.nats.mappings)
        );
    }
    let from = given(args.source, "Source subject", "SOURCE")?;
    let request = mapping::Add {
        from: from.clone(),
        to: given(args.target, "Target subject", "TARGET")?,
        weight: args.weight,
        cluster: args.cluster,
        account: Some(account.clone()),
    };
    mapping::add(&mut session.work, &request)?;
    session.commit()?;
    show(globals, &mut session, &account, Some(&from), form)
}

fn show(
    globals: &Globals,
    session: &mut Session,
    account: &str,
    source: Option<&str>,
    form: Form,
) -> Result {
    let mut mappings = session.work.account(account)?.nats.mappings;
    if let Some(source) = source {
        mappings.retain(|from, _| from == source);
        let Some(all) = mappings.get(source) else {
            let error = CliError::new(format!("account {account} has no such mapping"));
            return Err(error.next_step(format!(
                "see which there are: nats auth account mappings ls {account}"
            )));
        };
        if form.json {
            return output::json(all);
        }
    }
    if source.is_some() {
        return out!("{}", details(globals, &mappings));
    }
    let rows = mappings.iter().flat_map(|(from, all)| {
        all.iter().map(|to| {
            vec![
                from.clone(),
                to.subject.clone(),
                to.percent().to_string(),
                to.cluster.clone(),
            ]
        })
    });
    let listed = Listed {
        title: format!("Subject mappings for account {account}"),
        none: "No mappings defined",
        header: &["Source Subject", "Target Subject", "Weight", "Cluster"],
        rows: rows.collect(),
        document: document(&mappings),
    };
    listed.print(globals, ListForm { names: false, form })
}

fn details(globals: &Globals, mappings: &BTreeMap<String, Vec<WeightedMapping>>) -> String {
    let mut columns = Columns::new("Subject mappings", globals.scheme());
    columns.section("Configuration");
    for (source, all) in mappings {
        for to in all {
            columns.row("Source", source.as_str());
            columns.row("Target", to.subject.as_str());
            columns.row("Weight", usize::from(to.percent()));
            columns.row("Cluster", to.cluster.as_str());
            columns.text("");
        }
        let total: usize = all.iter().map(|to| usize::from(to.percent())).sum();
        columns.row("Total weight", total);
    }
    columns.render()
}
