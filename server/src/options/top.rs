//! Top-level keys that belong to no other room, and the list of all tables.

use std::collections::BTreeMap;

use nats_conf::Value;

use super::setting::{self, Reading, Setting};
use super::table::{Apply, Key, Reload, key, with_rows};
use super::{
    Options, accounts, authorization, cluster, endpoint, gateway, jetstream, leafnodes, limits,
    logging, monitoring, mqtt, tls_keys, trust, websocket,
};

/// Port of clients.
const CLIENT_PORT: u16 = 4222;

/// The tables of all top-level keys, in the order of the manual.
pub(super) static TABLES: &[(&str, &[Key<Options>])] = &[
    ("The server and its client port", KEYS),
    ("Limits and times", limits::KEYS),
    ("Log", logging::KEYS),
    ("Monitoring and profiling", monitoring::KEYS),
    ("Who may connect", authorization::KEYS),
    ("Accounts", accounts::KEYS),
    ("Operators and JWTs", trust::KEYS),
    ("JetStream", jetstream::KEYS),
    ("Cluster", cluster::KEYS),
    ("Gateway", gateway::KEYS),
    ("Leaf nodes", leafnodes::KEYS),
    ("WebSocket", websocket::KEYS),
    ("MQTT", mqtt::KEYS),
];

static KEYS: &[Key<Options>] = &[
    key!(
        "server_name",
        "text",
        "the server's id",
        Reload::No,
        "Name of this server, without spaces.",
        server_name = |setting: &Setting<'_>, reading: &mut Reading| setting::spaceless(
            setting,
            reading,
            "server name cannot contain spaces"
        )
    ),
    key!(
        "server_tags",
        "text or list",
        "none",
        Reload::Yes(Apply::Identity),
        "Words that describe this server, for placement and for requests to some servers.",
        server_tags = tags
    ),
    key!(
        "server_metadata",
        "map",
        "none",
        Reload::Yes(Apply::Identity),
        "Pairs that describe this server.",
        server_metadata = setting::text_map
    ),
    key!(
        "feature_flags",
        "map of booleans",
        "none",
        Reload::No,
        "Features to switch on or off; unknown ones are ignored.",
        feature_flags = feature_flags
    ),
    Key {
        name: "listen",
        aliases: &[],
        kind: "port or \"host:port\"",
        default: "0.0.0.0:4222",
        reload: Reload::No,
        doc: "Where clients are accepted.",
        read: |options, setting, reading| {
            if let Some((host, port)) = setting::host_port(setting, reading) {
                options.listen.host = endpoint::host_or_any(host);
                options.listen.port = port.unwrap_or(CLIENT_PORT);
            }
        },
        change: |_, _| Vec::new(),
        inner: Vec::new,
    },
    key!(
        "host" | "net",
        "host",
        "0.0.0.0",
        Reload::No,
        "Address of the client port.",
        listen.host =
            |setting: &Setting<'_>, reading: &mut Reading| setting::text(setting, reading)
                .map(endpoint::host_or_any)
    ),
    key!(
        "port",
        "port",
        "4222",
        Reload::Rule {
            words: "only to -1",
            permits: |_, new| new.listen.port == 0,
            apply: Apply::WhenRead,
        },
        "Port for clients; -1 is any free port.",
        listen.port =
            |setting: &Setting<'_>, reading: &mut Reading| setting::port(setting, reading)
                .map(|port| port.unwrap_or(CLIENT_PORT))
    ),
    key!(
        "client_advertise",
        "host[:port]",
        "the address",
        Reload::Yes(Apply::ClientAdvertise),
        "Address that clients are told by this and the other servers.",
        client_advertise = client_advertise
    ),
    with_rows(
        key!(
            "tls",
            "map",
            "none",
            Reload::Yes(Apply::Tls),
            "TLS of the client port and of the monitoring pages.",
            tls = tls_keys::tls
        ),
        tls_keys::manual,
    ),
    key!(
        "allow_non_tls",
        "boolean",
        "false",
        Reload::No,
        "Accept clients without TLS too, although TLS is configured.",
        allow_non_tls = setting::truth
    ),
    key!(
        "proxy_protocol",
        "boolean",
        "false",
        Reload::No,
        "Expect the PROXY protocol (v1 or v2) on the client port.",
        proxy_protocol = setting::truth
    ),
    key!(
        "disable_sublist_cache" | "no_sublist_cache",
        "boolean",
        "false",
        Reload::No,
        "Do not cache the matches of subjects.",
        no_sublist_cache = setting::truth
    ),
    key!(
        "no_header_support",
        "boolean",
        "false",
        Reload::No,
        "Do not speak message headers.",
        no_header_support = setting::truth
    ),
    key!(
        "pidfile" | "pid_file",
        "file",
        "none",
        Reload::Yes(Apply::PidFile),
        "Where to write the process id.",
        pid_file = setting::path
    ),
    key!(
        "ports_file_dir",
        "folder",
        "none",
        Reload::Yes(Apply::PortsFile),
        "Folder for a file with the ports in use, `<program>_<pid>.ports`.",
        ports_file_dir = setting::path
    ),
];

/// Lower case, without spaces around, without duplicates, in the order of the file.
fn tags(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    for tag in setting::texts(setting, reading)? {
        let tag = tag.trim().to_lowercase();
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Some(tags)
}

fn feature_flags(setting: &Setting<'_>, reading: &mut Reading) -> Option<BTreeMap<String, bool>> {
    let mut flags = BTreeMap::new();
    for (name, node) in setting::map(setting, reading)?.iter() {
        match node.value {
            Value::Bool(on) => {
                flags.insert(name.to_owned(), on);
            }
            ref other => {
                reading.error(
                    &node.at,
                    format!(
                        "error parsing feature flag {name:?}: expected a boolean, got {}",
                        other.kind()
                    ),
                );
            }
        }
    }
    Some(flags)
}

fn client_advertise(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<String>> {
    let text = setting::optional_text(setting, reading)?;
    if let Some(Err(error)) = text.as_deref().map(check_client_advertise) {
        reading.bad(setting, error);
    }
    Some(text)
}

/// The address that clients are told, from a file or a flag.
pub(super) fn check_client_advertise(address: &str) -> Result<(), String> {
    let port = setting::split_host_port(address).map(|(_, port)| port);
    match port.is_some_and(|port| port.parse::<i32>().is_err()) {
        true => Err(format!(
            "invalid client_advertise {address:?}: the port is no number"
        )),
        false => Ok(()),
    }
}
