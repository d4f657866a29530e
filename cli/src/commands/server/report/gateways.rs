//! `nats server report gateways`.

use std::collections::BTreeSet;

use nats_api::monitor::gatewayz::RemoteGatewayz;
use nats_api::monitor::{Gatewayz, GatewayzOptions};
use nats_api::system::ServerInfo;

use super::super::ask;
use super::super::target::Target;
use super::leafnodes::documents;
use crate::commands::size;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Show the gateway connections of all servers
#[derive(Debug, Clone, clap::Args)]
#[command(
    visible_alias = "gateway",
    alias = "super",
    after_help = "Examples:\n  \
        nats server report gateways\n  \
        nats server report gateways --filter-name west --sort server"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    limit: usize,

    /// Only gateways to this cluster
    #[arg(long, value_name = "CLUSTER")]
    filter_name: Option<String>,

    /// What to sort by
    #[arg(long, value_enum, default_value_t = Sort::Cluster, value_name = "KEY")]
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
}

type Page = (ServerInfo, Gatewayz);

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let options = GatewayzOptions {
        name: args.filter_name.unwrap_or_default(),
        accounts: true,
        ..GatewayzOptions::default()
    };
    let whom = args.target.whom(args.limit);
    let mut pages = ask::pages::<Gatewayz>(globals, &client, "GATEWAYZ", &options, &whom).await?;
    pages.sort_by(|(a, _), (b, _)| {
        let order = match args.sort {
            Sort::Cluster => (&a.cluster, &a.name).cmp(&(&b.cluster, &b.name)),
            Sort::Server => (&a.name, &a.cluster).cmp(&(&b.name, &b.cluster)),
        };
        if args.reverse { order.reverse() } else { order }
    });
    if args.json {
        return output::json(&documents(&pages));
    }
    out!("{}", table(&pages, globals.scheme()).render())
}

fn table(pages: &[Page], scheme: Scheme) -> Table {
    let mut table = Table::new("Super Cluster Report", scheme).header([
        "Server",
        "Name",
        "Port",
        "Kind",
        "Connection",
        "ID",
        "Uptime",
        "RTT",
        "Bytes",
        "Accounts",
    ]);
    let mut clusters = BTreeSet::new();
    let (mut gateways, mut bytes) = (0u64, 0i64);
    let mut above = "";
    for (server, page) in pages {
        clusters.insert(server.cluster.as_str());
        let cluster = if server.cluster == above {
            ""
        } else {
            &server.cluster
        };
        above = &server.cluster;
        let mut head = vec![
            server.name.clone(),
            cluster.to_owned(),
            page.port.to_string(),
        ];
        head.resize(10, String::new());
        table.row(head);
        let inbound = page.inbound_gateways.iter();
        let inbound = inbound.flat_map(|(name, all)| all.iter().map(move |one| (name, one)));
        let outbound = page.outbound_gateways.iter();
        for (index, (name, gateway)) in inbound.enumerate() {
            gateways += 1;
            let received = gateway.connection.as_ref().map_or(0, |c| c.in_bytes);
            bytes = bytes.saturating_add(received);
            let kind = if index == 0 { "Inbound" } else { "" };
            table.row(cells(kind, name, gateway, received));
        }
        for (index, (name, gateway)) in outbound.enumerate() {
            gateways += 1;
            let sent = gateway.connection.as_ref().map_or(0, |c| c.out_bytes);
            bytes = bytes.saturating_add(sent);
            let kind = if index == 0 { "Outbound" } else { "" };
            table.row(cells(kind, name, gateway, sent));
        }
    }
    let mut footer = vec![String::new(); 10];
    for (cell, text) in [
        (0, pages.len().to_string()),
        (1, clusters.len().to_string()),
        (4, format::count(gateways)),
        (8, size(bytes)),
    ] {
        if let Some(cell) = footer.get_mut(cell) {
            *cell = text;
        }
    }
    table.footer(footer);
    table
}

fn cells(kind: &str, name: &str, gateway: &RemoteGatewayz, bytes: i64) -> [String; 10] {
    let connection = gateway.connection.clone().unwrap_or_default();
    [
        String::new(),
        String::new(),
        String::new(),
        kind.to_owned(),
        format!("{name} {}:{}", connection.ip, connection.port),
        format!("gid:{}", connection.cid),
        connection.uptime,
        connection.rtt,
        size(bytes),
        gateway.accounts.len().to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use nats_api::monitor::ConnInfo;
    use nats_api::monitor::gatewayz::AccountGatewayz;

    use super::*;

    #[test]
    fn both_directions_stand_below_their_server() {
        let remote = |cid, in_bytes, out_bytes| RemoteGatewayz {
            connection: Some(ConnInfo {
                cid,
                ip: "10.0.0.3".into(),
                port: 7_222,
                uptime: "3m4s".into(),
                rtt: "30ms".into(),
                in_bytes,
                out_bytes,
                ..ConnInfo::default()
            }),
            accounts: vec![AccountGatewayz::default()],
            ..RemoteGatewayz::default()
        };
        let server = |name: &str| ServerInfo {
            name: name.into(),
            cluster: "east".into(),
            ..ServerInfo::default()
        };
        let page = Gatewayz {
            port: 7_222,
            inbound_gateways: [(
                "west".to_owned(),
                vec![remote(7, 4_096, 0), remote(8, 1, 0)],
            )]
            .into(),
            outbound_gateways: [("west".to_owned(), remote(9, 0, 2_048))].into(),
            ..Gatewayz::default()
        };
        let pages = [(server("n1"), page), (server("n2"), Gatewayz::default())];
        insta::assert_snapshot!(table(&pages, Scheme::Rounded).render());
    }
}
