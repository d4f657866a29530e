//! Mappings of subjects: add, delete.

use std::collections::BTreeMap;

use nats_jwt::claims::{AccountClaims, WeightedMapping};
use nats_proto::transform::{Destination, Mappings};

use super::Outcome;
use super::request::check_account;
use crate::error::{Error, Result};
use crate::refuse;
use crate::report::Report;
use crate::workspace::Workspace;

/// `add mapping`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Add {
    /// The subject that is mapped
    #[arg(
        short,
        long,
        value_name = "SUBJECT",
        default_value = "",
        hide_default_value = true,
        required_unless_present = "interactive"
    )]
    pub from: String,
    /// Where it goes
    #[arg(
        short,
        long,
        value_name = "SUBJECT",
        default_value = "",
        hide_default_value = true,
        required_unless_present = "interactive"
    )]
    pub to: String,
    /// How many of a hundred messages go there
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100), value_name = "PERCENT")]
    pub weight: u8,
    /// Only in this cluster
    #[arg(long)]
    pub cluster: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

/// Makes or changes a mapping.
///
/// # Errors
/// When it makes no sense beside the others.
pub fn add(workspace: &mut Workspace, request: &Add) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    if request.from.is_empty() {
        refuse!("from subject is required");
    }
    if request.to.is_empty() {
        refuse!("to subject is required");
    }
    let new = WeightedMapping {
        subject: request.to.clone(),
        weight: request.weight,
        cluster: request.cluster.clone().unwrap_or_default(),
    };
    let all = account
        .nats
        .mappings
        .entry(request.from.clone())
        .or_default();
    match all
        .iter_mut()
        .find(|there| there.subject == new.subject && there.cluster == new.cluster)
    {
        Some(there) => *there = new,
        None => all.push(new),
    }
    check(&request.from, all)?;
    store(workspace, &account)?;
    let mut report = Report::list();
    report.ok(format!(
        "added mapping {} -> {}, weight {}%",
        request.from, request.to, request.weight
    ));
    Ok(report.into())
}

/// Whether servers take a mapping; one that they do not take does nothing there.
///
/// # Errors
/// Says what is wrong with it.
pub fn check(from: &str, to: &[WeightedMapping]) -> Result {
    if to.is_empty() {
        refuse!("the mapping from {from:?} leads nowhere: name where it goes, or leave it out");
    }
    let all: Vec<_> = to
        .iter()
        .map(|one| Destination {
            cluster: one.cluster.clone(),
            ..Destination::new(
                one.subject.clone(),
                if one.weight == 0 { 100 } else { one.weight },
            )
        })
        .collect();
    Mappings::new()
        .add(from, &all)
        .map_err(|error| Error::refused(format!("the mapping from {from:?}: {error}")))
}

/// Sets the mappings of some subjects; others stay.
///
/// # Errors
/// When they make no sense together.
pub fn set(
    workspace: &mut Workspace,
    account: &str,
    mappings: BTreeMap<String, Vec<WeightedMapping>>,
) -> Result {
    let mut account = workspace.edit_account(account)?;
    for (from, to) in &mappings {
        check(from, to)?;
    }
    account.nats.mappings.extend(mappings);
    store(workspace, &account)
}

fn store(workspace: &mut Workspace, account: &AccountClaims) -> Result {
    check_account(workspace, account)?;
    let signer = workspace.signer_of_account(account)?;
    workspace.put_account(account, &signer)?;
    Ok(())
}

/// `delete mapping`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Delete {
    /// The subject that is mapped
    #[arg(
        short,
        long,
        value_name = "SUBJECT",
        default_value = "",
        hide_default_value = true,
        required_unless_present = "interactive"
    )]
    pub from: String,
    /// Only this destination
    #[arg(short, long, value_name = "SUBJECT")]
    pub to: Option<String>,
    /// Only in this cluster
    #[arg(long)]
    pub cluster: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

/// Deletes a mapping, or one of its destinations.
///
/// # Errors
/// When there is none such.
pub fn delete(workspace: &mut Workspace, request: &Delete) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    let from = &request.from;
    let Some(all) = account.nats.mappings.get_mut(from) else {
        let known: Vec<_> = account.nats.mappings.keys().cloned().collect();
        return Err(Error::missing(format!(
            "account {account_name:?} has no mapping from {from:?}"
        ))
        .hint(format!("mappings are from: {}", known.join(", "))));
    };
    let before = all.len();
    all.retain(|there| {
        let to = request.to.as_ref().is_none_or(|to| there.subject == *to);
        // A destination alone means the one without a cluster.
        let cluster = match (&request.cluster, &request.to) {
            (Some(cluster), _) => there.cluster == *cluster,
            (None, Some(_)) => there.cluster.is_empty(),
            (None, None) => true,
        };
        !(to && cluster)
    });
    if all.len() == before {
        refuse!("no such destination of mapping {from:?}");
    }
    if all.is_empty() {
        account.nats.mappings.remove(from);
    }
    store(workspace, &account)?;
    let mut report = Report::counted();
    report.ok(match (&request.to, &request.cluster) {
        (None, Some(cluster)) => format!("deleted all mapping in cluster {cluster} for {from}"),
        (None, None) => format!("deleted all mapping for {from}"),
        (Some(to), Some(cluster)) => format!("deleted mapping {from} -> {to} in cluster {cluster}"),
        (Some(to), None) => format!("deleted mapping {from} -> {to}"),
    });
    Ok(report.into())
}
