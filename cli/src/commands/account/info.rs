//! `nats account info`.

use std::time::Duration;

use nats_api::jetstream::{AccountInfo, Tier};
use nats_api::monitor::SubjectPermission;
use nats_api::system::{Permissions, Reply, UserInfo, subjects};
use nats_client::Client;
use nats_client::system;
use serde_json::json;

use super::tls;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::{self, Columns, format};

/// Show who one is, what one may do, and the server that one is connected to
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "nfo",
    after_help = "Examples:\n  nats account info\n  nats account info --json"
)]
pub struct Args {
    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let user = user_info(globals, &client).await;
    let rtt = client.rtt().await?;
    let jetstream = jetstream(&Api::over(globals, client.clone())?).await;
    if args.json {
        let server = client.server_info();
        return output::json(&json!({
            "user": user,
            "client_id": server.client_id,
            "client_ip": server.client_ip,
            "rtt": u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX),
            "url": client.connected_url().as_deref(),
            "server": *server,
            "jetstream": jetstream.ok(),
        }));
    }
    let mut columns = Columns::new("Account Information", globals.scheme());
    if let Some(user) = &user {
        describe_user(&mut columns, user, client.server_info().acc_is_sys);
    }
    describe_connection(&mut columns, &client, rtt);
    if let Some(permissions) = user.as_ref().and_then(|user| user.permissions.as_ref()) {
        describe_permissions(&mut columns, permissions);
    }
    match &jetstream {
        Ok(info) => describe_jetstream(&mut columns, info, client.server_info().max_payload),
        Err(why) => {
            columns.text("");
            columns.text(format!("   {why}"));
        }
    }
    out!("{}", columns.render())
}

/// What the account uses of JetStream, or why that is not known.
async fn jetstream(api: &Api) -> std::result::Result<AccountInfo, String> {
    use nats_client::RequestError;
    use nats_client::jetstream::{ApiError, JetStreamError};
    match api.account_info().await {
        Ok(info) => Ok(info),
        Err(JetStreamError::NotEnabled { .. }) => {
            Err("JetStream is not supported in this account".to_owned())
        }
        Err(error) if error.is(ApiError::NOT_ENABLED_FOR_ACCOUNT) => {
            Err("JetStream is not supported in this account".to_owned())
        }
        Err(JetStreamError::Request(RequestError::TimedOut(_))) => {
            Err("No response from JetStream server".to_owned())
        }
        Err(error) => Err(format!("Could not obtain account information: {error}")),
    }
}

fn describe_jetstream(columns: &mut Columns, info: &AccountInfo, max_payload: i64) {
    let title = match info.domain.as_str() {
        "" => "JetStream Account Information".to_owned(),
        domain => format!("JetStream Account Information for domain {domain}"),
    };
    columns.section(title);
    columns.section("Account Usage");
    columns.row_unless_empty("Domain", &info.domain);
    columns.row("Storage", format::bytes(info.storage));
    columns.row("Memory", format::bytes(info.memory));
    columns.row("Streams", info.streams);
    columns.row("Consumers", info.consumers);
    columns.section("Account Limits");
    let payload = u64::try_from(max_payload).unwrap_or(0);
    columns.row("Max Message Payload", format::bytes(payload));
    if info.tiers.is_empty() {
        let tier = Tier {
            memory: info.memory,
            storage: info.storage,
            reserved_memory: info.reserved_memory,
            reserved_storage: info.reserved_storage,
            streams: info.streams,
            consumers: info.consumers,
            limits: info.limits,
        };
        describe_tier(columns, "Default", &tier);
    }
    for (name, tier) in &info.tiers {
        describe_tier(columns, name, tier);
    }
}

fn describe_tier(columns: &mut Columns, name: &str, tier: &Tier) {
    let limits = &tier.limits;
    let unlimited = || "Unlimited".to_owned();
    let size = |limit: i64, least: i64| match u64::try_from(limit) {
        Ok(limit_bytes) if limit >= least => format::bytes(limit_bytes),
        _ => unlimited(),
    };
    let used = |used: u64, limit: i64, reserved: u64| {
        let reserved = match reserved {
            0 => String::new(),
            reserved => format!(" ({} reserved)", format::bytes(reserved)),
        };
        format!("{} of {}{reserved}", format::bytes(used), size(limit, 0))
    };
    columns.indent(2);
    columns.section(format!("Tier: {name}"));
    columns.indent(6);
    columns.section("Configuration Requirements");
    columns.row("Stream Requires Max Bytes Set", limits.max_bytes_required);
    let pending = limits.max_ack_pending;
    let pending = if pending > 0 {
        format::signed(pending)
    } else {
        unlimited()
    };
    columns.row("Consumer Maximum Ack Pending", pending);
    columns.section("Stream Resource Usage Limits");
    columns.row(
        "Memory",
        used(tier.memory, limits.max_memory, tier.reserved_memory),
    );
    columns.row("Memory Per Stream", size(limits.memory_max_stream_bytes, 1));
    columns.row(
        "Storage",
        used(tier.storage, limits.max_storage, tier.reserved_storage),
    );
    columns.row(
        "Storage Per Stream",
        size(limits.storage_max_stream_bytes, 1),
    );
    let most = |limit: i64| {
        if limit < 0 {
            unlimited()
        } else {
            format::signed(limit)
        }
    };
    let streams = format::signed(tier.streams);
    columns.row(
        "Streams",
        format!("{streams} of {}", most(limits.max_streams)),
    );
    let consumers = match limits.max_consumers {
        limit if limit < 0 => unlimited(),
        limit => format!("Maximum {} per stream", format::signed(limit)),
    };
    columns.row("Consumers", consumers);
    columns.indent(0);
}

/// What the server says about the user; servers before 2.10 say nothing, and the rest is worth showing without it.
async fn user_info(globals: &Globals, client: &Client) -> Option<UserInfo> {
    if globals.trace() {
        log_line!(">>> {}", subjects::USER_INFO);
    }
    let answer =
        system::request::<Reply<UserInfo>>(client, subjects::USER_INFO, &(), globals.timeout())
            .await;
    match answer {
        Ok(answer) => {
            if globals.trace() {
                log_line!("<<< {}", answer.message.text());
            }
            answer.document.data
        }
        Err(error) => {
            log_line!("The server does not say who this user is: {error}");
            None
        }
    }
}

fn describe_user(columns: &mut Columns, user: &UserInfo, is_system: bool) {
    let named = |name: &str, id: &str| {
        if name.is_empty() || name == id {
            id.to_owned()
        } else {
            format!("{name} ({id})")
        }
    };
    columns.row("User", named(&user.user_name, &user.user));
    columns.row(
        "Account",
        match user.account_name.as_str() {
            "" => user.account.clone(),
            name => format!("{name} ({})", user.account),
        },
    );
    columns.row("System Account", is_system);
    match Duration::from(user.expires) {
        Duration::ZERO => columns.row("Expires", "never"),
        left => columns.row("Expires", left),
    }
}

fn describe_connection(columns: &mut Columns, client: &Client, rtt: Duration) {
    let server = client.server_info();
    columns.row("Client ID", server.client_id.to_string());
    columns.row_unless_empty("Client IP", &server.client_ip);
    columns.row("RTT", rtt);
    columns.row("Headers Supported", server.headers);
    let payload = u64::try_from(server.max_payload).unwrap_or(0);
    columns.row("Maximum Payload", format::bytes(payload));
    columns.row_unless_empty("Connected Cluster", &server.cluster);
    let url = client.connected_url();
    columns.row_unless_empty("Connected URL", url.as_deref().unwrap_or_default());
    if let Some(address) = client.connected_address() {
        columns.row("Connected Address", address.to_string());
    }
    columns.row("Connected Server ID", &server.server_id);
    columns.row("Connected Server Version", &server.version);
    if server.server_name != server.server_id {
        columns.row_unless_empty("Connected Server Name", &server.server_name);
    }
    let Some(tls) = client.tls_session() else {
        return columns.row("TLS Connection", "no");
    };
    columns.row(
        "TLS Version",
        format!("{} using {}", tls.version, tls.cipher_suite),
    );
    columns.row("TLS Server Name", &tls.server_name);
    let issuer = tls.certificates.first().and_then(|der| tls::issuer(der));
    match issuer {
        Some(issuer) if tls.verified => columns.row("TLS Verified", format!("issuer {issuer}")),
        _ => columns.row("TLS Verified", "no"),
    }
}

fn describe_permissions(columns: &mut Columns, permissions: &Permissions) {
    columns.section("Connection Permissions");
    columns.indent(2);
    for (title, permission) in [
        ("Publish", &permissions.publish),
        ("Subscribe", &permissions.subscribe),
    ] {
        if let Some(permission) = permission {
            describe_subjects(columns, title, permission);
        }
    }
    if let Some(responses) = &permissions.responses {
        columns.section("Responses");
        columns.row_limit("Messages", responses.max);
        match Duration::from(responses.ttl) {
            Duration::ZERO => columns.row("Within", "unlimited"),
            ttl => columns.row("Within", ttl),
        }
    }
    columns.indent(0);
}

fn describe_subjects(columns: &mut Columns, title: &str, permission: &SubjectPermission) {
    if permission.allow.is_empty() && permission.deny.is_empty() {
        return;
    }
    columns.section(title);
    for (label, subjects) in [("Allow", &permission.allow), ("Deny", &permission.deny)] {
        let mut subjects = subjects.clone();
        subjects.sort();
        columns.rows(label, subjects);
    }
}
