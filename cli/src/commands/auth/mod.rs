//! `nats auth`: operators, accounts and users, on the stores and with the library of `nsc`.
//!
//! What lives here: the commands of the reference's `auth` as requests to `nats_nsc::ops`, and how results are shown. Who may call: the
//! root registry. What never happens here: claims are changed or files written other than through a
//! [`Workspace`](nats_nsc::workspace::Workspace). Locks: none. Start reading in [`Session`].

mod account;
mod keys;
mod mappings;
mod nkey;
mod operator;
mod session;
mod share;
mod simulate;
mod user;
mod view;

use nats_nsc::commands::complete;

use crate::error::Result;
use crate::globals::Globals;
pub(crate) use session::Session;

/// Manage operators, accounts, users and NKeys
///
/// Works on the stores of nsc, so that both programs see the same. Changes of accounts reach servers with `nats auth account push`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats auth operator add OPS\n  \
        nats auth account add ORDERS --defaults\n  \
        nats auth user add till ORDERS --pub-allow 'orders.>' --credential till.creds\n  \
        nats auth simulate --account ORDERS --user till pub orders.new")]
pub struct Args {
    #[command(subcommand)]
    command: Auth,
}

#[derive(Debug, clap::Subcommand)]
enum Auth {
    /// Manage operators
    #[command(subcommand, visible_alias = "o", alias = "op")]
    Operator(operator::Operator),
    /// Manage accounts
    #[command(subcommand, visible_alias = "a", aliases = ["acct", "act"])]
    Account(account::Account),
    /// Manage users
    #[command(subcommand, visible_alias = "u", aliases = ["usr", "users"])]
    User(user::User),
    /// Make and use NKeys
    #[command(subcommand, visible_alias = "nk")]
    Nkey(nkey::Nkey),
    Simulate(simulate::Args),
}

/// Other words for the verbs of all nouns: the first is shown.
const VERBS: &[(&str, &[&str])] = &[
    ("add", &["new", "create", "a", "n"]),
    ("info", &["i", "show", "view"]),
    ("edit", &["update"]),
    ("ls", &["list"]),
    ("rm", &["delete"]),
];

/// The tree with other words for its verbs, and names that complete.
pub fn finished(auth: clap::Command) -> clap::Command {
    fn verbs(command: clap::Command) -> clap::Command {
        let known = VERBS.iter().find(|(verb, _)| *verb == command.get_name());
        let command = match known {
            Some((_, [shown, rest @ ..])) => {
                command.visible_alias(*shown).aliases(rest.iter().copied())
            }
            _ => command,
        };
        command.mut_subcommands(verbs)
    }
    complete::names_below(verbs(auth), "nats auth", |_| {
        Session::with_operator(None)
            .ok()
            .map(|session| session.work)
    })
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    match args.command {
        Auth::Operator(command) => operator::run(globals, command),
        Auth::Account(command) => account::run(globals, command).await,
        Auth::User(command) => user::run(globals, command),
        Auth::Nkey(command) => nkey::run(command),
        Auth::Simulate(args) => simulate::run(globals, args).await,
    }
}
