//! Where log lines go and how many there are.

use std::path::PathBuf;

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
