//! Bounds on what one client may do, and how the server leaves.

use std::time::Duration;

use super::Options;
use super::setting::{self, Reading, Setting};
use super::table::{Apply, Key, Reload, key};

/// Sizes in bytes, counts, and times that bound clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; 0 refuses everybody (what `-1` and `0` in the file mean).
    pub max_connections: u32,
    /// Subscriptions per connection; `None` is unlimited.
    pub max_subscriptions: Option<u32>,
    /// Tokens in the subject of a subscription; `None` is unlimited.
    pub max_sub_tokens: Option<u8>,
    /// Bytes of a protocol line.
    pub max_control_line: u32,
    /// Bytes of a message, headers included; `None` is unlimited (negative in the file).
    pub max_payload: Option<u32>,
    /// Bytes that may wait for one connection.
    pub max_pending: u64,
    /// Closed connections that `/connz` remembers.
    pub max_closed_clients: u32,
    /// How often a silent connection is pinged.
    pub ping_interval: Duration,
    /// Pings without an answer before a connection is stale.
    pub ping_max: u32,
    /// How long one flush to a connection may take.
    pub write_deadline: Duration,
    /// What happens when it takes longer.
    pub write_timeout: WriteTimeout,
    /// Do not slow down publishers whose receivers lag.
    pub no_fast_producer_stall: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            max_subscriptions: None,
            max_sub_tokens: None,
            max_control_line: 4096,
            max_payload: Some(1024 * 1024),
            max_pending: 64 * 1024 * 1024,
            max_closed_clients: 10_000,
            ping_interval: Duration::from_secs(120),
            ping_max: 2,
            write_deadline: Duration::from_secs(10),
            write_timeout: WriteTimeout::Default,
            no_fast_producer_stall: false,
        }
    }
}

/// What follows a write that exceeds its deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteTimeout {
    /// Close clients, try again with other servers.
    #[default]
    Default,
    /// Close the connection.
    Close,
    /// Try again.
    Retry,
}

/// Leaving gently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LameDuck {
    /// Over how long the closing of clients is spread; at least 30 seconds.
    pub duration: Duration,
    /// How long to wait before the first is closed.
    pub grace_period: Duration,
}

impl Default for LameDuck {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(120),
            grace_period: Duration::from_secs(10),
        }
    }
}

/// Largest `max_payload` and `max_control_line`.
const SIZE_MAX: i64 = i32::MAX as i64;

/// Shortest `lame_duck_duration`.
const LAME_DUCK_DURATION_MIN: Duration = Duration::from_secs(30);

/// Top-level keys that bound clients.
pub(super) static KEYS: &[Key<Options>] = &[
    key!(
        "max_connections" | "max_conn",
        "number",
        "65536",
        Reload::Yes(Apply::MaxConnections),
        "Client connections at once; 0 or less refuses all.",
        limits.max_connections = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::bound(setting, reading).map(|bound: Option<u32>| bound.unwrap_or(0))
        }
    ),
    key!(
        "max_subscriptions" | "max_subs",
        "number",
        "unlimited",
        Reload::No,
        "Subscriptions per connection; 0 or less is unlimited.",
        limits.max_subscriptions = setting::bound
    ),
    key!(
        "max_sub_tokens" | "max_subscription_tokens",
        "1 to 255",
        "unlimited",
        Reload::No,
        "Tokens in the subject of a subscription.",
        limits.max_sub_tokens = sub_tokens
    ),
    key!(
        "max_control_line",
        "size",
        "4KB",
        Reload::Yes(Apply::ClientLimits),
        "Longest protocol line of a client.",
        limits.max_control_line = |setting: &Setting<'_>, reading: &mut Reading| {
            let line = setting::or_default(setting::integer(setting, reading), 4096)?;
            at_most(SIZE_MAX, line, setting, reading)
        }
    ),
    key!(
        "max_payload",
        "size",
        "1MB",
        Reload::Yes(Apply::ClientLimits),
        "Longest message, headers included; negative is unlimited. More than 8MB is not advised.",
        limits.max_payload = |setting: &Setting<'_>, reading: &mut Reading| {
            let payload = setting::or_default(setting::integer(setting, reading), 1024 * 1024)?;
            if payload < 0 {
                return Some(None);
            }
            at_most(SIZE_MAX, payload, setting, reading).map(Some)
        }
    ),
    key!(
        "max_pending",
        "size",
        "64MB",
        Reload::No,
        "Bytes that may wait for one connection before it is cut off as a slow consumer.",
        limits.max_pending = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(setting::count(setting, reading), 64 * 1024 * 1024)
        }
    ),
    key!(
        "max_closed_clients",
        "number",
        "10000",
        Reload::No,
        "Closed connections that `/connz` remembers.",
        limits.max_closed_clients = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(setting::count(setting, reading), 10_000)
        }
    ),
    key!(
        "ping_interval",
        "duration",
        "2m",
        Reload::Yes(Apply::ClientLimits),
        "How often a silent connection is pinged.",
        limits.ping_interval = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(
                setting::duration(setting, reading),
                Duration::from_secs(120),
            )
        }
    ),
    key!(
        "ping_max",
        "number",
        "2",
        Reload::Yes(Apply::ClientLimits),
        "Pings without an answer before a connection is stale.",
        limits.ping_max = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(setting::count(setting, reading), 2)
        }
    ),
    key!(
        "write_deadline",
        "duration",
        "10s",
        Reload::Yes(Apply::ClientLimits),
        "How long one flush to a connection may take.",
        limits.write_deadline = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(setting::duration(setting, reading), Duration::from_secs(10))
        }
    ),
    key!(
        "write_timeout",
        "default, close or retry",
        "default",
        Reload::No,
        "What follows a flush that takes longer: `default` closes clients and tries again with other servers.",
        limits.write_timeout = write_timeout
    ),
    key!(
        "no_fast_producer_stall",
        "boolean",
        "false",
        Reload::Yes(Apply::WhenRead),
        "Do not slow down publishers whose receivers lag; drop messages for those receivers instead.",
        limits.no_fast_producer_stall = setting::truth
    ),
    key!(
        "lame_duck_duration",
        "duration",
        "2m",
        Reload::No,
        "Over how long the closing of clients is spread in lame duck mode; at least 30s.",
        lame_duck.duration = |setting: &Setting<'_>, reading: &mut Reading| {
            let duration = setting::strict_duration(setting, reading)?;
            if duration < LAME_DUCK_DURATION_MIN {
                reading.bad(
                    setting,
                    format!("invalid lame_duck_duration of {duration:?}, minimum is 30 seconds"),
                );
                return None;
            }
            Some(duration)
        }
    ),
    key!(
        "lame_duck_grace_period",
        "duration",
        "10s",
        Reload::No,
        "How long lame duck mode waits before it closes the first client.",
        lame_duck.grace_period = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(
                setting::strict_duration(setting, reading),
                Duration::from_secs(10),
            )
        }
    ),
];

fn at_most<T: TryFrom<i64>>(
    limit: i64,
    number: i64,
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<T> {
    let fits = T::try_from(number).ok().filter(|_| number <= limit);
    if fits.is_none() {
        let why = if number < 0 {
            "can not be negative"
        } else {
            "is too big"
        };
        reading.bad(setting, format!("{} value {why}", setting.name));
    }
    fits
}

fn sub_tokens(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<u8>> {
    let tokens = setting::integer(setting, reading)?;
    if tokens <= 0 {
        reading.bad(
            setting,
            format!("{} value can not be negative", setting.name),
        );
        return None;
    }
    at_most(i64::from(u8::MAX), tokens, setting, reading).map(Some)
}

/// `default`, `close` or `retry`.
pub(super) fn write_timeout(setting: &Setting<'_>, reading: &mut Reading) -> Option<WriteTimeout> {
    match setting::text(setting, reading)?.as_str() {
        "default" => Some(WriteTimeout::Default),
        "close" => Some(WriteTimeout::Close),
        "retry" => Some(WriteTimeout::Retry),
        _ => {
            reading.bad(
                setting,
                "write_timeout must be 'default', 'close' or 'retry'",
            );
            None
        }
    }
}
