//! `nats server report routes`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use nats_api::monitor::{RouteInfo, Routez, RoutezOptions};
use nats_api::system::ServerInfo;

use super::super::ask;
use super::super::target::Target;
use super::account_cell;
use super::leafnodes::documents;
use crate::commands::size;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Show the routes of all servers
#[derive(Debug, Clone, clap::Args)]
#[command(
    visible_alias = "route",
    after_help = "Examples:\n  \
        nats server report routes\n  \
        nats server report routes --cluster east --sort out-bytes --watch 5"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    limit: usize,

    /// What to sort by; the largest stand first
    #[arg(long, value_enum, default_value_t = Sort::Server, value_name = "KEY", hide_default_value = true)]
    sort: Sort,

    /// Reverse the order
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
    Server,
    Cluster,
    Name,
    Account,
    Subs,
    InBytes,
    OutBytes,
}

/// A route and the server that has it.
type Row = (ServerInfo, RouteInfo);

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let whom = args.target.whom(args.limit);
    let options = RoutezOptions::default();
    let pages = ask::pages::<Routez>(globals, &client, "ROUTEZ", &options, &whom).await?;
    if args.json {
        return output::json(&documents(&pages));
    }
    let mut rows: Vec<Row> = pages
        .into_iter()
        .flat_map(|(server, page)| page.routes.into_iter().map(move |r| (server.clone(), r)))
        .collect();
    rows.sort_by(|a, b| {
        let order = order(args.sort, a, b);
        if args.reverse { order.reverse() } else { order }
    });
    out!("{}", table(&rows, globals.scheme()).render())
}

fn order(sort: Sort, (a_server, a): &Row, (b_server, b): &Row) -> Ordering {
    let order = match sort {
        Sort::Server => Ordering::Equal,
        Sort::Cluster => a_server.cluster.cmp(&b_server.cluster),
        Sort::Name => a.remote_name.cmp(&b.remote_name),
        Sort::Account => a.account.cmp(&b.account),
        Sort::Subs => b.subscriptions.cmp(&a.subscriptions),
        Sort::InBytes => b.in_bytes.cmp(&a.in_bytes),
        Sort::OutBytes => b.out_bytes.cmp(&a.out_bytes),
    };
    order
        .then_with(|| a_server.name.cmp(&b_server.name))
        .then_with(|| a.remote_name.cmp(&b.remote_name))
        .then_with(|| a.account.cmp(&b.account))
        .then(a.rid.cmp(&b.rid))
}

fn table(rows: &[Row], scheme: Scheme) -> Table {
    let mut table = Table::new("Cluster Report", scheme).header([
        "Server",
        "Cluster",
        "Name",
        "Account",
        "Address",
        "ID",
        "Uptime",
        "RTT",
        "Subs",
        "Bytes In",
        "Bytes Out",
    ]);
    let mut servers = BTreeSet::new();
    let mut clusters = BTreeSet::new();
    let (mut subs, mut bytes_in, mut bytes_out) = (0u64, 0i64, 0i64);
    // What repeats from the line above is left out.
    let mut above = ("", "", "");
    for (server, route) in rows {
        servers.insert(server.name.as_str());
        clusters.insert(server.cluster.as_str());
        subs = subs.saturating_add(route.subscriptions.into());
        bytes_in = bytes_in.saturating_add(route.in_bytes);
        bytes_out = bytes_out.saturating_add(route.out_bytes);
        let new_server = server.name != above.0;
        let once = |text: &str, above: &str| {
            if new_server || text != above {
                text.to_owned()
            } else {
                String::new()
            }
        };
        table.row([
            once(&server.name, above.0),
            once(&server.cluster, above.1),
            once(&route.remote_name, above.2),
            account_cell(&route.account),
            format!("{}:{}", route.ip, route.port),
            format!("rid:{}", route.rid),
            format::duration(server.time.since(route.start)),
            route.rtt.clone(),
            format::count(route.subscriptions.into()),
            size(route.in_bytes),
            size(route.out_bytes),
        ]);
        above = (&server.name, &server.cluster, &route.remote_name);
    }
    table.footer([
        servers.len().to_string(),
        clusters.len().to_string(),
        String::new(),
        String::new(),
        format::count(rows.len() as u64),
        String::new(),
        String::new(),
        String::new(),
        format::count(subs),
        size(bytes_in),
        size(bytes_out),
    ]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(rid: u64, server: &str, remote: &str, account: &str) -> Row {
        let server = ServerInfo {
            name: server.into(),
            cluster: "east".into(),
            ..ServerInfo::default()
        };
        let route = RouteInfo {
            rid,
            remote_name: remote.into(),
            account: account.into(),
            ip: "10.0.0.2".into(),
            port: 6_222,
            rtt: "300µs".into(),
            subscriptions: 1_200,
            in_bytes: 2_048 * rid as i64,
            ..RouteInfo::default()
        };
        (server, route)
    }

    #[test]
    fn routes_are_listed_without_repeating_names_and_summed_up() {
        let rows = [
            route(1, "n1", "n2", ""),
            route(2, "n1", "n2", "APP"),
            route(3, "n2", "n1", ""),
        ];
        insta::assert_snapshot!(table(&rows, Scheme::Rounded).render());
    }

    #[test]
    fn equal_routes_are_ordered_by_their_names() {
        let (a, b) = (route(1, "n1", "n2", ""), route(2, "n1", "n3", ""));
        assert_eq!(order(Sort::Cluster, &a, &b), Ordering::Less);
        assert_eq!(order(Sort::InBytes, &a, &b), Ordering::Greater);
    }
}
