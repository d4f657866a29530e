//! The HTTP pages and the profiling port.

use super::Options;
use super::setting::{self, Reading, Setting};
use super::table::{Apply, Key, Reload, change, key};

/// The HTTP pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitoring {
    /// Address of both ports; the client address when absent.
    pub host: Option<String>,
    /// Port for plain HTTP; `Some(0)` is any free port.
    pub http_port: Option<u16>,
    /// Port for HTTPS, with the certificate of the top-level `tls` block.
    pub https_port: Option<u16>,
    /// Prefix of every page's path.
    pub base_path: String,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            host: None,
            http_port: None,
            https_port: None,
            base_path: "/".to_owned(),
        }
    }
}

/// The profiling port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiling {
    /// Port; `Some(0)` is any free port.
    pub port: Option<u16>,
    /// Rate of block profiling.
    pub block_rate: i64,
}

/// Top-level keys about the pages and profiling.
pub(super) static KEYS: &[Key<Options>] = &[
    Key {
        name: "http",
        aliases: &[],
        kind: "port or \"host:port\"",
        default: "off",
        reload: Reload::No,
        doc: "Where the monitoring pages are served.",
        read: |options, setting, reading| {
            if let Some((host, port)) = setting::host_port(setting, reading) {
                options.monitoring.host = Some(host).filter(|host| !host.is_empty());
                options.monitoring.http_port = port;
            }
        },
        change: |old, new| change(&old.monitoring.host, &new.monitoring.host),
        inner: Vec::new,
    },
    Key {
        name: "https",
        aliases: &[],
        kind: "port or \"host:port\"",
        default: "off",
        reload: Reload::No,
        doc: "Where they are served over TLS, with the certificate of the top-level `tls` block.",
        read: |options, setting, reading| {
            if let Some((host, port)) = setting::host_port(setting, reading) {
                options.monitoring.host = Some(host).filter(|host| !host.is_empty());
                options.monitoring.https_port = port;
            }
        },
        change: |_, _| Vec::new(),
        inner: Vec::new,
    },
    key!(
        "http_port" | "monitor_port",
        "port",
        "off",
        Reload::No,
        "Port of the monitoring pages; -1 is any free port.",
        monitoring.http_port = setting::port
    ),
    key!(
        "https_port",
        "port",
        "off",
        Reload::No,
        "Port of the monitoring pages over TLS; -1 is any free port.",
        monitoring.https_port = setting::port
    ),
    key!(
        "http_base_path",
        "path",
        "/",
        Reload::No,
        "Prefix of every page's path.",
        monitoring.base_path = base_path
    ),
    key!(
        "prof_port",
        "port",
        "off",
        Reload::No,
        "Port for profiling.",
        profiling.port = setting::port
    ),
    key!(
        "prof_block_rate",
        "number",
        "0",
        Reload::Yes(Apply::Profiling),
        "Rate of block profiling.",
        profiling.block_rate = setting::integer
    ),
];

/// A path with one slash in front, without empty segments and without one at the end.
fn base_path(setting: &Setting<'_>, reading: &mut Reading) -> Option<String> {
    let text = setting::text(setting, reading)?;
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    Some(format!("/{}", segments.join("/")))
}
