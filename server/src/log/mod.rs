//! The server's log: one line, one event, in the form that operators' tools read.
//!
//! ```text
//! [pid] 2006/01/02 15:04:05.000000 [INF] text
//! ```
//! May call: `main` and whoever embeds the server ([`install`]); everybody else writes with the macros of `tracing`.
//! Never happens here: deciding what is worth a line. Lock: one around the sink, held for a line. Start reading at [`Log`].

mod file;
mod line;
mod syslog;
mod zone;

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::options::Logging;
use file::LogFile;
use line::Style;
use syslog::Syslog;

/// Target of events that end the process; shown as FTL.
pub const FATAL: &str = "fatal";
/// Target of protocol traces.
pub const PROTOCOL: &str = "protocol";

/// The process's log; cheap to clone.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    level: AtomicU8,
    sink: Mutex<Sink>,
}

enum Sink {
    Stderr(Style),
    File(LogFile, Style),
    Syslog(Syslog),
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("error opening log file {path}: {source}")]
    File {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("error connecting to syslog {address}: {source}")]
    Syslog {
        address: String,
        #[source]
        source: io::Error,
    },
}

/// Makes this the log of the whole process. A second call changes nothing but returns a log of its own.
///
/// # Errors
/// When the file or the syslog daemon cannot be reached.
pub fn install(logging: &Logging) -> Result<Log, LogError> {
    let log = Log(Arc::new(Inner {
        level: AtomicU8::new(rank(level_of(logging))),
        sink: Mutex::new(Sink::open(logging)?),
    }));
    // Somebody who embeds the server may have a log of their own: theirs stays.
    if tracing::subscriber::set_global_default(Writer(log.clone())).is_err() {
        tracing::debug!("this process has a log already");
    }
    Ok(log)
}

impl Log {
    /// Takes on other settings (reload).
    ///
    /// # Errors
    /// As [`install`]; the old log goes on.
    pub fn apply(&self, logging: &Logging) -> Result<(), LogError> {
        let sink = Sink::open(logging)?;
        *self.0.sink.lock() = sink;
        self.0
            .level
            .store(rank(level_of(logging)), Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    }

    /// Closes and opens the file again, for those who moved it away.
    ///
    /// # Errors
    /// When it cannot be opened; the old one goes on.
    pub fn reopen(&self) -> io::Result<()> {
        match &mut *self.0.sink.lock() {
            Sink::File(file, _) => file.reopen(),
            Sink::Stderr(_) | Sink::Syslog(_) => Ok(()),
        }
    }
}

impl Sink {
    fn open(logging: &Logging) -> Result<Self, LogError> {
        let mut style = Style {
            time: logging.logtime,
            utc: logging.logtime_utc,
            pid: std::process::id(),
            colour: false,
        };
        if let Some(path) = &logging.logfile {
            let file = LogFile::open(
                path,
                logging.logfile_size_limit.unwrap_or(0),
                logging.logfile_max_num.unwrap_or(0),
            );
            return file
                .map(|f| Self::File(f, style))
                .map_err(|source| LogError::File {
                    path: path.display().to_string(),
                    source,
                });
        }
        if logging.syslog || logging.remote_syslog.is_some() {
            let address = logging.remote_syslog.clone();
            return Syslog::connect(address.as_deref())
                .map(Self::Syslog)
                .map_err(|source| LogError::Syslog {
                    address: address.unwrap_or_else(|| "(local)".to_owned()),
                    source,
                });
        }
        style.colour = io::stderr().is_terminal();
        Ok(Self::Stderr(style))
    }

    fn write(&mut self, label: line::Label, text: &str) {
        // A log that cannot be written must not stop the server, and there is nobody left to tell.
        let _ = match self {
            Self::Stderr(style) => io::stderr().write_all(style.line(label, text).as_bytes()),
            Self::File(file, style) => file.write(style.line(label, text).as_bytes()),
            Self::Syslog(syslog) => syslog.write(label, text),
        };
    }
}

fn level_of(logging: &Logging) -> LevelFilter {
    match (logging.trace, logging.debug) {
        (true, _) => LevelFilter::TRACE,
        (false, true) => LevelFilter::DEBUG,
        (false, false) => LevelFilter::INFO,
    }
}

fn rank(level: LevelFilter) -> u8 {
    match level.into_level() {
        None => 0,
        Some(Level::ERROR) => 1,
        Some(Level::WARN) => 2,
        Some(Level::INFO) => 3,
        Some(Level::DEBUG) => 4,
        Some(Level::TRACE) => 5,
    }
}

/// The door for the macros.
struct Writer(Log);

impl Subscriber for Writer {
    fn enabled(&self, meta: &Metadata<'_>) -> bool {
        // Other crates' chatter is not the operator's business.
        let ours = meta.target().starts_with("nats") || matches!(meta.target(), FATAL | PROTOCOL);
        let level = LevelFilter::from_level(*meta.level());
        ours && rank(level) <= self.0.0.level.load(Ordering::Relaxed)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let label = match (event.metadata().target(), *event.metadata().level()) {
            (FATAL, _) => line::Label::Fatal,
            (_, Level::ERROR) => line::Label::Error,
            (_, Level::WARN) => line::Label::Warning,
            (_, Level::INFO) => line::Label::Info,
            (_, Level::DEBUG) => line::Label::Debug,
            (_, Level::TRACE) => line::Label::Trace,
        };
        self.0.0.sink.lock().write(label, &text.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message of an event, with control bytes made visible so that nobody forges a line.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut raw = String::new();
        let _ = match field.name() {
            "message" => write!(raw, "{value:?}"),
            name => write!(raw, " {name}={value:?}"),
        };
        for c in raw.chars() {
            if c.is_control() {
                let _ = write!(self.0, "{}", c.escape_default());
            } else {
                self.0.push(c);
            }
        }
    }
}
