//! `nats server report accounts`.

use std::collections::BTreeMap;

use nats_api::monitor::{Connz, ConnzOptions};
use nats_api::system::ServerInfo;
use serde::Serialize;

use super::super::ask;
use super::super::target::Target;
use crate::commands::size;
use crate::connections::{self, Connection, View, account, largest};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Show what the connections of each account do
#[derive(Debug, Clone, clap::Args)]
#[command(
    visible_alias = "acct",
    after_help = "Examples:\n  \
        nats server report accounts --sort in-bytes\n  \
        nats server report accounts APP"
)]
pub struct Args {
    /// Show the connections of this account
    account: Option<String>,

    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    limit: usize,

    /// What to sort by; the largest stand last
    #[arg(long, value_enum, default_value_t = Sort::Subs, value_name = "KEY")]
    sort: Sort,

    /// Show so many of the largest; 1000 in a table when not given, all in JSON
    #[arg(long, value_name = "COUNT")]
    top: Option<usize>,

    /// The largest stand first
    #[arg(short = 'R', long)]
    reverse: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    InBytes,
    OutBytes,
    InMsgs,
    OutMsgs,
    Conns,
    Subs,
}

/// An account over all servers. The field names are those of the reference tool.
#[derive(Debug, Default, Serialize)]
struct Account {
    account: String,
    connections: usize,
    connection_info: Vec<Connection>,
    in_msgs: i64,
    out_msgs: i64,
    in_bytes: i64,
    out_bytes: i64,
    subscriptions: i64,
    /// Those where it has connections.
    server: Vec<ServerInfo>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let options = ConnzOptions {
        subscriptions: args.json,
        acc: args.account.clone().unwrap_or_default(),
        ..ConnzOptions::default()
    };
    let whom = args.target.whom(args.limit);
    let found = connections::collect(options, None, async |options| {
        ask::pages::<Connz>(globals, &client, "CONNZ", options, &whom).await
    });
    let mut accounts = accounts(found.await?);
    let view = args.view();
    if let Some(name) = &args.account {
        let Some(account) = accounts.pop() else {
            return Err(
                CliError::new(format!("account {name} has no connections on any server"))
                    .next_step("see which accounts have: nats server report accounts"),
            );
        };
        if args.json {
            return output::json(&account);
        }
        return connections::show(account.connection_info, &view, false, globals.scheme());
    }
    accounts.sort_by(|a, b| {
        let order = args.sort.key(a).cmp(&args.sort.key(b));
        let order = order.then_with(|| a.account.cmp(&b.account));
        if args.reverse { order.reverse() } else { order }
    });
    let shown = largest(&accounts, &view);
    if args.json {
        return output::json(if args.top.is_some() { shown } else { &accounts });
    }
    out!("{}", table(shown, globals.scheme()).render())
}

impl Args {
    fn view(&self) -> View {
        use connections::Sort as By;
        View {
            sort: match self.sort {
                Sort::InBytes => By::InBytes,
                Sort::OutBytes => By::OutBytes,
                Sort::InMsgs => By::InMsgs,
                Sort::OutMsgs => By::OutMsgs,
                Sort::Conns | Sort::Subs => By::Subs,
            },
            top: self.top,
            reverse: self.reverse,
            json: self.json,
        }
    }
}

impl Sort {
    fn key(self, account: &Account) -> i64 {
        match self {
            Self::InBytes => account.in_bytes,
            Self::OutBytes => account.out_bytes,
            Self::InMsgs => account.in_msgs,
            Self::OutMsgs => account.out_msgs,
            Self::Conns => i64::try_from(account.connections).unwrap_or(i64::MAX),
            Self::Subs => account.subscriptions,
        }
    }
}

fn accounts(connections: Vec<Connection>) -> Vec<Account> {
    let mut accounts = BTreeMap::<String, Account>::new();
    for connection in connections {
        let info = &connection.info;
        let name = account(info).to_owned();
        let found = accounts.entry(name.clone()).or_insert_with(|| Account {
            account: name,
            ..Account::default()
        });
        found.connections += 1;
        found.in_msgs = found.in_msgs.saturating_add(info.in_msgs);
        found.out_msgs = found.out_msgs.saturating_add(info.out_msgs);
        found.in_bytes = found.in_bytes.saturating_add(info.in_bytes);
        found.out_bytes = found.out_bytes.saturating_add(info.out_bytes);
        found.subscriptions = found
            .subscriptions
            .saturating_add(info.subscriptions.into());
        if !found.server.iter().any(|s| s.id == connection.server.id) {
            found.server.push(ServerInfo::clone(&connection.server));
        }
        found.connection_info.push(connection);
    }
    accounts.into_values().collect()
}

fn table(accounts: &[Account], scheme: Scheme) -> Table {
    let title = format!("{} Accounts Overview", accounts.len());
    let mut table = Table::new(title, scheme).header([
        "Account",
        "Connections",
        "In Msgs",
        "Out Msgs",
        "In Bytes",
        "Out Bytes",
        "Subs",
    ]);
    for account in accounts {
        table.row([
            account.account.clone(),
            format::count(account.connections as u64),
            format::signed(account.in_msgs),
            format::signed(account.out_msgs),
            size(account.in_bytes),
            size(account.out_bytes),
            format::signed(account.subscriptions),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nats_api::monitor::ConnInfo;

    use super::*;

    #[test]
    fn connections_are_summed_up_by_account_over_all_servers() {
        let connection = |account: &str, id: &str, in_msgs| Connection {
            info: ConnInfo {
                account: account.into(),
                in_msgs,
                subscriptions: 2,
                ..ConnInfo::default()
            },
            server: Arc::new(ServerInfo {
                id: id.into(),
                ..ServerInfo::default()
            }),
        };
        let accounts = accounts(vec![
            connection("APP", "A", 1_000),
            connection("APP", "B", 5),
            connection("APP", "A", 1),
            connection("", "A", 7),
        ]);
        assert_eq!(accounts[1].server.len(), 2);
        insta::assert_snapshot!(table(&accounts, Scheme::Rounded).render());
    }
}
