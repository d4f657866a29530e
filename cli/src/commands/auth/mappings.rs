//! `nats auth account mappings`.

use nats_nsc::ops::mapping;

use super::Session;
use super::session::confirmed;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, Table};

#[derive(Debug, clap::Subcommand)]
pub enum Mappings {
    /// Add a mapping
    #[command(aliases = ["new", "a"], after_help = "Example:\n  nats auth account mappings add ORDERS orders orders.v2 20")]
    Add(Add),
    /// Show a mapping
    #[command(visible_alias = "i", aliases = ["show", "view"], after_help = "Example:\n  nats auth account mappings info ORDERS orders")]
    Info(Info),
    /// List mappings
    #[command(
        name = "ls",
        alias = "list",
        after_help = "Example:\n  nats auth account mappings ls ORDERS"
    )]
    List(List),
    /// Remove a mapping
    #[command(
        name = "rm",
        after_help = "Example:\n  nats auth account mappings rm ORDERS orders"
    )]
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// The account
    account: String,
    /// The subject that is mapped
    source: String,
    /// Where it goes
    target: String,
    /// How many of a hundred messages go there
    #[arg(default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    weight: u8,
    /// Only in this cluster
    cluster: Option<String>,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Info {
    /// The account
    account: String,
    /// The subject that is mapped
    source: String,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The account
    account: String,
    /// The subject that is mapped
    source: String,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub fn run(globals: &Globals, command: Mappings) -> Result {
    match command {
        Mappings::Add(args) => {
            let mut session = Session::with_operator(args.operator.as_deref())?;
            let account = session.account(Some(&args.account))?;
            let request = mapping::Add {
                from: args.source.clone(),
                to: args.target,
                weight: args.weight,
                cluster: args.cluster,
                account: Some(account.clone()),
            };
            mapping::add(&mut session.work, &request)?;
            session.commit()?;
            show(globals, &mut session, &account, Some(&args.source))
        }
        Mappings::Info(args) => {
            let mut session = Session::with_operator(args.operator.as_deref())?;
            let account = session.account(Some(&args.account))?;
            if args.json {
                let claims = session.work.account(&account)?;
                return match claims.nats.mappings.get(&args.source) {
                    Some(all) => output::json(all),
                    None => Err(none(&account)),
                };
            }
            show(globals, &mut session, &account, Some(&args.source))
        }
        Mappings::List(args) => {
            let mut session = Session::with_operator(args.operator.as_deref())?;
            let account = session.account(args.account.as_deref())?;
            show(globals, &mut session, &account, None)
        }
        Mappings::Remove(args) => {
            let mut session = Session::with_operator(args.operator.as_deref())?;
            let account = session.account(Some(&args.account))?;
            if !confirmed(
                args.force,
                &format!("Really remove the mapping of {}", args.source),
            )? {
                return Ok(());
            }
            let request = mapping::Delete {
                from: args.source.clone(),
                account: Some(account),
                ..mapping::Delete::default()
            };
            mapping::delete(&mut session.work, &request)?;
            session.commit()?;
            outln!("Removed mapping of {}", args.source)
        }
    }
}

fn none(account: &str) -> CliError {
    CliError::new(format!("account {account} has no such mapping")).next_step(format!(
        "see which there are: nats auth account mappings ls {account}"
    ))
}

fn show(globals: &Globals, session: &mut Session, account: &str, source: Option<&str>) -> Result {
    let claims = session.work.account(account)?;
    let wanted = |from: &str| source.is_none_or(|source| source == from);
    let mut table = Table::new(format!("Mappings of account {account}"), globals.scheme())
        .header(["Source", "Target", "Weight", "Cluster"]);
    for (from, all) in claims.nats.mappings.iter().filter(|(from, _)| wanted(from)) {
        for to in all {
            table.row([
                from.clone(),
                to.subject.clone(),
                to.percent().to_string(),
                to.cluster.clone(),
            ]);
        }
    }
    if table.is_empty() {
        return match source {
            Some(_) => Err(none(account)),
            None => outln!("No mappings defined"),
        };
    }
    out!("{}", table.render())
}
