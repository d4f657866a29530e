//! Where log lines go and how many there are.

use std::path::PathBuf;

use super::Options;
use super::setting::{self, Reading, Setting};
use super::table::{Apply, Key, Reload, change, key};

/// Log targets and verbosity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// Debug lines.
    pub debug: bool,
    /// Protocol lines.
    pub trace: bool,
    /// Protocol lines of system connections too.
    pub trace_verbose: bool,
    /// Of a message only the headers are traced.
    pub trace_headers: bool,
    /// How much of a message is traced, in bytes; `None` is all.
    pub max_traced_msg_len: Option<u32>,
    /// Time stamps on log lines.
    pub logtime: bool,
    /// Time stamps in UTC instead of local time.
    pub logtime_utc: bool,
    /// File to log to; standard error when absent.
    pub logfile: Option<PathBuf>,
    /// Size in bytes at which the file is rotated; `None` is never.
    pub logfile_size_limit: Option<u64>,
    /// Rotated files to keep; `None` is all.
    pub logfile_max_num: Option<u32>,
    /// Log to the system log.
    pub syslog: bool,
    /// System log of another machine (`udp://host:port`, `tcp://…`).
    pub remote_syslog: Option<String>,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            debug: false,
            trace: false,
            trace_verbose: false,
            trace_headers: false,
            max_traced_msg_len: None,
            logtime: true,
            logtime_utc: false,
            logfile: None,
            logfile_size_limit: None,
            logfile_max_num: None,
            syslog: false,
            remote_syslog: None,
        }
    }
}

/// Top-level keys about the log.
pub(super) static KEYS: &[Key<Options>] = &[
    key!(
        "debug",
        "boolean",
        "false",
        Reload::Yes(Apply::Logging),
        "Debug lines.",
        logging.debug = setting::truth
    ),
    key!(
        "trace",
        "boolean",
        "false",
        Reload::Yes(Apply::Logging),
        "Protocol lines.",
        logging.trace = setting::truth
    ),
    Key {
        name: "trace_verbose",
        aliases: &[],
        kind: "boolean",
        default: "false",
        reload: Reload::Yes(Apply::Logging),
        doc: "Protocol lines, those of the system account too. Sets `trace` as well.",
        read: |options, setting, reading| {
            if let Some(verbose) = setting::truth(setting, reading) {
                options.logging.trace_verbose = verbose;
                options.logging.trace = verbose;
            }
        },
        change: |old, new| change(&old.logging.trace_verbose, &new.logging.trace_verbose),
        inner: Vec::new,
    },
    Key {
        name: "trace_headers",
        aliases: &[],
        kind: "boolean",
        default: "false",
        reload: Reload::Yes(Apply::Logging),
        doc: "Of traced messages only the headers. Sets `trace` as well.",
        read: |options, setting, reading| {
            if let Some(headers) = setting::truth(setting, reading) {
                options.logging.trace_headers = headers;
                options.logging.trace = headers;
            }
        },
        change: |old, new| change(&old.logging.trace_headers, &new.logging.trace_headers),
        inner: Vec::new,
    },
    key!(
        "max_traced_msg_len",
        "number",
        "unlimited",
        Reload::Yes(Apply::Logging),
        "How many bytes of a message a trace shows.",
        logging.max_traced_msg_len = setting::bound
    ),
    key!(
        "logtime",
        "boolean",
        "true",
        Reload::Yes(Apply::Logging),
        "Time stamps on log lines.",
        logging.logtime = setting::truth
    ),
    key!(
        "logtime_utc",
        "boolean",
        "false",
        Reload::Yes(Apply::Logging),
        "Time stamps in UTC instead of local time.",
        logging.logtime_utc = setting::truth
    ),
    key!(
        "logfile" | "log_file",
        "file",
        "standard error",
        Reload::Yes(Apply::Logging),
        "File to log to.",
        logging.logfile = setting::path
    ),
    key!(
        "logfile_size_limit" | "log_size_limit",
        "size",
        "unlimited",
        Reload::No,
        "Size at which the log file is renamed and begun anew.",
        logging.logfile_size_limit = setting::bound
    ),
    key!(
        "logfile_max_num" | "log_max_num",
        "number",
        "unlimited",
        Reload::No,
        "Renamed log files to keep.",
        logging.logfile_max_num = setting::bound
    ),
    key!(
        "syslog",
        "boolean",
        "false",
        Reload::Yes(Apply::Logging),
        "Log to the system log.",
        logging.syslog = setting::truth
    ),
    key!(
        "remote_syslog",
        "url",
        "none",
        Reload::Yes(Apply::Logging),
        "System log of another machine, like `udp://host:514`.",
        logging.remote_syslog = setting::optional_text
    ),
    key!(
        "connect_error_reports",
        "number",
        "3600",
        Reload::Yes(Apply::WhenRead),
        "Every how many failed first attempts to reach another server one is logged.",
        connect_error_reports = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(setting::count(setting, reading), 3600)
        }
    ),
    key!(
        "reconnect_error_reports",
        "number",
        "1",
        Reload::Yes(Apply::WhenRead),
        "Every how many failed attempts to reach it again one is logged.",
        reconnect_error_reports = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(setting::count(setting, reading), 1)
        }
    ),
];
