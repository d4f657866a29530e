//! `nats auth account mappings`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nats_jwt::claims::WeightedMapping;
use nats_nsc::ops::mapping;
use serde::Deserialize;

use super::Session;
use super::session::{Form, ListForm, Listed, Of, OfAccount, confirmed, document, given};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output;

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
    Ls(List),
    /// Remove a mapping
    #[command(after_help = "Example:\n  nats auth account mappings rm ORDERS orders --force")]
    Rm(Remove),
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

#[derive(Debug, clap::Args)]
pub struct Info {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The subject that is mapped
    source: Option<String>,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    at: OfAccount,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The subject that is mapped
    source: Option<String>,
    #[command(flatten)]
    of: Of,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub fn run(globals: &Globals, command: Mappings) -> Result {
    match command {
        Mappings::Add(args) => add(globals, args),
        Mappings::Info(args) => {
            let mut session = args.of.open()?;
            let account = session.account(args.account.as_deref())?;
            let source = source(&mut session, &account, args.source)?;
            show(globals, &mut session, &account, Some(&source), args.form)
        }
        Mappings::Ls(args) => {
            let (mut session, account) = args.at.open()?;
            show(globals, &mut session, &account, None, args.form)
        }
        Mappings::Rm(args) => {
            let mut session = args.of.open()?;
            let account = session.account(args.account.as_deref())?;
            let from = source(&mut session, &account, args.source)?;
            let question = format!("Really remove the mapping of {from}");
            if !confirmed(args.force, &question)? {
                return Ok(());
            }
            let request = mapping::Delete {
                from: from.clone(),
                account: Some(account),
                ..mapping::Delete::default()
            };
            mapping::delete(&mut session.work, &request)?;
            session.commit()?;
            outln!("Removed mapping of {from}")
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
        let content =
            std::fs::read_to_string(path).map_err(|e| CliError::from(e).context(path.display()))?;
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
        return show(globals, &mut session, &account, None, form);
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

/// The mapping that is meant: the given one, else the only one.
fn source(session: &mut Session, account: &str, from: Option<String>) -> Result<String> {
    let mut known = session.work.account(account)?.nats.mappings.into_keys();
    match (from, known.next(), known.next()) {
        (None, Some(only), None) => Ok(only),
        (from, ..) => given(from, "Source subject", "SOURCE"),
    }
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
        title: format!("Mappings of account {account}"),
        none: "No mappings defined",
        header: &["Source", "Target", "Weight", "Cluster"],
        rows: rows.collect(),
        document: document(&mappings),
    };
    listed.print(globals, ListForm { names: false, form })
}
