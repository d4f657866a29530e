//! The rows: every flag with its spellings, its help and what it sets.

use std::path::PathBuf;

use super::{Flag, FlagEffect, Mode, Named};
use crate::options::top::check_client_advertise;
use crate::options::{Cluster, Listener, Options, Secret, ServerUrl};

/// All flags, in the groups of the help text.
pub(super) static GROUPS: &[(&str, &[Flag])] = &[
    ("Server", SERVER),
    ("Log", LOG),
    ("JetStream", JETSTREAM),
    ("Authorization", AUTHORIZATION),
    ("TLS", TLS),
    ("Cluster", CLUSTER),
    ("Profiling", PROFILING),
    ("Help", HELP),
];

static SERVER: &[Flag] = &[
    text(
        &["a", "addr", "net"],
        "host",
        "Address for clients (default 0.0.0.0)",
        |options, host| {
            options.listen.host = crate::options::endpoint::host_or_any(host.to_owned());
            Ok(())
        },
    ),
    number(
        &["p", "port"],
        "port",
        "Port for clients (default 4222, -1 any free port)",
        |options, port| {
            options.listen.port = flag_port(port)?.unwrap_or(4222);
            Ok(())
        },
    ),
    text(
        &["n", "name", "server_name"],
        "name",
        "Name of this server (default: its id)",
        |options, name| {
            if name.contains(' ') {
                return Err("server name cannot contain spaces".to_owned());
            }
            options.server_name = non_empty(name);
            Ok(())
        },
    ),
    text(
        &["P", "pid"],
        "file",
        "Write the process id to this file",
        |options, file| {
            options.pid_file = non_empty(file).map(PathBuf::from);
            Ok(())
        },
    ),
    number(
        &["m", "http_port"],
        "port",
        "Port for monitoring pages",
        |options, port| {
            options.monitoring.http_port = flag_port(port)?;
            Ok(())
        },
    ),
    number(
        &["ms", "https_port"],
        "port",
        "Port for monitoring pages over TLS",
        |options, port| {
            options.monitoring.https_port = flag_port(port)?;
            Ok(())
        },
    ),
    named(
        &["c", "config"],
        "file",
        "Configuration file",
        Named::Config,
    ),
    mode(&["t"], "Check the configuration file and exit", Mode::Test),
    named(
        &["sl", "signal"],
        "signal[=pid]",
        "Send a signal to a running server: ldm, stop, quit, term, reopen, reload;\n\
        pid is a number, the name of a pid file, or the beginning of numbers and *",
        Named::Signal,
    ),
    text(
        &["client_advertise"],
        "host[:port]",
        "Address that clients are told",
        |options, address| {
            check_client_advertise(address)?;
            options.client_advertise = non_empty(address);
            Ok(())
        },
    ),
    text(
        &["ports_file_dir"],
        "folder",
        "Write the ports in use to <program>_<pid>.ports in this folder",
        |options, folder| {
            options.ports_file_dir = non_empty(folder).map(PathBuf::from);
            Ok(())
        },
    ),
];

static LOG: &[Flag] = &[
    text(
        &["l", "log"],
        "file",
        "Log to this file",
        |options, file| {
            options.logging.logfile = non_empty(file).map(PathBuf::from);
            Ok(())
        },
    ),
    switch(
        &["T", "logtime"],
        "Time stamps on log lines (default true)",
        |options, on| options.logging.logtime = on,
    ),
    switch(&["logtime_utc"], "Time stamps in UTC", |options, on| {
        options.logging.logtime_utc = on
    }),
    switch(&["s", "syslog"], "Log to the system log", |options, on| {
        options.logging.syslog = on
    }),
    text(
        &["r", "remote_syslog"],
        "url",
        "Log to the system log of another machine (udp://host:514)",
        |options, url| {
            options.logging.remote_syslog = non_empty(url);
            Ok(())
        },
    ),
    switch(&["D", "debug"], "Debug lines", |options, on| {
        options.logging.debug = on
    }),
    switch(&["V", "trace"], "Protocol lines", |options, on| {
        options.logging.trace = on
    }),
    switch(
        &["VV"],
        "Protocol lines, those of the system account too",
        |options, on| {
            (options.logging.trace, options.logging.trace_verbose) = (on, on);
        },
    ),
    switch(&["DV"], "Debug and protocol lines", |options, on| {
        (options.logging.debug, options.logging.trace) = (on, on);
    }),
    switch(
        &["DVV"],
        "Debug and protocol lines, those of the system account too",
        |options, on| {
            (
                options.logging.debug,
                options.logging.trace,
                options.logging.trace_verbose,
            ) = (on, on, on);
        },
    ),
    number(
        &["log_size_limit"],
        "bytes",
        "Begin a new log file at this size",
        |options, bytes| {
            options.logging.logfile_size_limit =
                u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
            Ok(())
        },
    ),
    number(
        &["max_traced_msg_len"],
        "bytes",
        "How much of a message a trace shows (default: all)",
        |options, bytes| {
            options.logging.max_traced_msg_len =
                u32::try_from(bytes).ok().filter(|bytes| *bytes > 0);
            Ok(())
        },
    ),
];

static JETSTREAM: &[Flag] = &[
    switch(
        &["js", "jetstream"],
        "Streams and consumers",
        |options, on| options.jetstream.enabled = on,
    ),
    text(
        &["sd", "store_dir"],
        "folder",
        "Folder for data",
        |options, folder| {
            options.store_dir = non_empty(folder).map(PathBuf::from);
            Ok(())
        },
    ),
];

static AUTHORIZATION: &[Flag] = &[
    text(
        &["user"],
        "name",
        "User that clients must be",
        |options, name| {
            options.authorization.user = non_empty(name);
            Ok(())
        },
    ),
    text(
        &["pass"],
        "password",
        "Password of that user",
        |options, password| {
            options.authorization.password = Secret::new(password);
            Ok(())
        },
    ),
    text(
        &["auth"],
        "token",
        "Token that clients must present",
        |options, token| {
            options.authorization.token = Secret::new(token);
            Ok(())
        },
    ),
];

static TLS: &[Flag] = &[
    mode(
        &["tls"],
        "TLS, certificates of clients not required",
        Mode::Tls,
    ),
    named(
        &["tlscert"],
        "file",
        "Certificate of the server",
        Named::TlsCert,
    ),
    named(
        &["tlskey"],
        "file",
        "Key of that certificate",
        Named::TlsKey,
    ),
    mode(
        &["tlsverify"],
        "TLS, certificates of clients required",
        Mode::TlsVerify,
    ),
    named(
        &["tlscacert"],
        "file",
        "Authorities that clients' certificates must come from",
        Named::TlsCaCert,
    ),
];

static CLUSTER: &[Flag] = &[
    text(
        &["routes"],
        "urls",
        "Servers of the cluster to connect to, separated by commas",
        set_routes,
    ),
    text(
        &["cluster", "cluster_listen"],
        "url",
        "Where routes are accepted, nats://[user:pass@]host:port",
        set_cluster_listen,
    ),
    text(
        &["cluster_name"],
        "name",
        "Name of the cluster (default: made up)",
        |options, name| {
            cluster(options).name = non_empty(name);
            Ok(())
        },
    ),
    switch(
        &["no_advertise"],
        "Do not tell clients about the other servers",
        |options, on| cluster(options).no_advertise = on,
    ),
    text(
        &["cluster_advertise"],
        "host[:port]",
        "Address that other servers are told",
        |options, address| {
            cluster(options).advertise = non_empty(address);
            Ok(())
        },
    ),
    number(
        &["connect_retries"],
        "number",
        "Attempts to reach a server that another one told about",
        |options, retries| {
            cluster(options).connect_retries = u32::try_from(retries)
                .map_err(|_| "connect_retries can not be negative".to_owned())?;
            Ok(())
        },
    ),
];

static PROFILING: &[Flag] = &[number(
    &["profile"],
    "port",
    "Port for profiling",
    |options, port| {
        options.profiling.port = flag_port(port)?;
        Ok(())
    },
)];

static HELP: &[Flag] = &[
    mode(&["h", "help"], "This text", Mode::Help),
    mode(&["v", "version"], "Version", Mode::Version),
    mode(
        &["help_tls"],
        "About TLS: an example, cipher suites, curves",
        Mode::HelpTls,
    ),
];

const fn switch(
    names: &'static [&'static str],
    help: &'static str,
    apply: fn(&mut Options, bool),
) -> Flag {
    Flag {
        names,
        value: "",
        help,
        effect: FlagEffect::Switch(apply),
    }
}

const fn number(
    names: &'static [&'static str],
    value: &'static str,
    help: &'static str,
    apply: fn(&mut Options, i64) -> Result<(), String>,
) -> Flag {
    Flag {
        names,
        value,
        help,
        effect: FlagEffect::Number(apply),
    }
}

const fn text(
    names: &'static [&'static str],
    value: &'static str,
    help: &'static str,
    apply: fn(&mut Options, &str) -> Result<(), String>,
) -> Flag {
    Flag {
        names,
        value,
        help,
        effect: FlagEffect::Text(apply),
    }
}

const fn mode(names: &'static [&'static str], help: &'static str, mode: Mode) -> Flag {
    Flag {
        names,
        value: "",
        help,
        effect: FlagEffect::Mode(mode),
    }
}

const fn named(
    names: &'static [&'static str],
    value: &'static str,
    help: &'static str,
    named: Named,
) -> Flag {
    Flag {
        names,
        value,
        help,
        effect: FlagEffect::Named(named),
    }
}

pub(super) fn non_empty(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// A port: 0 is none, -1 any free port, which becomes `Some(0)`.
fn flag_port(port: i64) -> Result<Option<u16>, String> {
    match port {
        0 => Ok(None),
        -1 => Ok(Some(0)),
        _ => u16::try_from(port)
            .map(Some)
            .map_err(|_| format!("port must be -1 (any free port) or at most 65535, got {port}")),
    }
}

fn cluster(options: &mut Options) -> &mut Cluster {
    options.cluster.get_or_insert_with(Cluster::default)
}

fn set_routes(options: &mut Options, list: &str) -> Result<(), String> {
    let urls = list.split(',').map(str::trim).filter(|url| !url.is_empty());
    let parse =
        |url| ServerUrl::parse(url).map_err(|why| format!("error parsing route url: {why}"));
    cluster(options).routes = urls.map(parse).collect::<Result<_, _>>()?;
    Ok(())
}

fn set_cluster_listen(options: &mut Options, url: &str) -> Result<(), String> {
    if url.is_empty() {
        if let Some(cluster) = &mut options.cluster {
            cluster.listen.port = None;
        }
        return Ok(());
    }
    let any_port = url.strip_suffix(":-1");
    let text = any_port.map_or_else(|| url.to_owned(), |url| format!("{url}:0"));
    let parsed = ServerUrl::parse(&text)?;
    let port = parsed.port.ok_or("missing port in address")?;
    let cluster = cluster(options);
    cluster.listen = Listener::default();
    cluster.listen.set(
        parsed.host,
        Some(port).filter(|port| *port > 0 || any_port.is_some()),
    );
    match (parsed.user, parsed.password) {
        (Some(_), None) => return Err("expected cluster password to be set".to_owned()),
        (user, password) => (cluster.user, cluster.password) = (user, password.unwrap_or_default()),
    }
    Ok(())
}
