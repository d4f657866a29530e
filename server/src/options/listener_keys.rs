//! Keys that every block with a port of its own has: one row each, for routes, gateways, leaf nodes, WebSocket and MQTT.

use super::authorization::{Authorization, authorization, has_key};
use super::setting::{self, Reading, Setting};
use super::table::{Key, Reload, change, change_unseen, read_map, rows};
use super::websocket::SIMPLE_AUTHORIZATION_KEYS;
use super::{Listener, SimpleAuthorization, endpoint};

/// A block with a port of its own.
pub(super) trait Listens: 'static {
    fn listener(&mut self) -> &mut Listener;
    fn at(&self) -> &Listener;
}

/// A block whose clients may be known otherwise than those of the client port.
pub(super) trait OwnAuthorization: 'static {
    /// The credentials, and the user of those who show none.
    fn own(&mut self) -> (&mut SimpleAuthorization, &mut Option<String>);
    fn owned(&self) -> (&SimpleAuthorization, &Option<String>);
}

/// `listen`: host and port in one. `doc` says who is accepted there.
pub(super) const fn listen<B: Listens>(doc: &'static str) -> Key<B> {
    Key {
        name: "listen",
        aliases: &[],
        kind: "port or \"host:port\"",
        default: "none",
        reload: Reload::No,
        doc,
        read: |block, setting, reading| {
            if let Some((host, port)) = setting::host_port(setting, reading) {
                block.listener().set(host, port);
            }
        },
        // The keys for host and port say it.
        change: |_, _| Vec::new(),
        inner: Vec::new,
    }
}

pub(super) const fn host<B: Listens>() -> Key<B> {
    Key {
        name: "host",
        aliases: &["net"],
        kind: "host",
        default: "0.0.0.0",
        reload: Reload::No,
        doc: "Address to listen on.",
        read: |block, setting, reading| {
            if let Some(host) = setting::text(setting, reading) {
                block.listener().host = endpoint::host_or_any(host);
            }
        },
        change: |old, new| change(&old.at().host, &new.at().host),
        inner: Vec::new,
    }
}

pub(super) const fn port<B: Listens>() -> Key<B> {
    Key {
        name: "port",
        aliases: &[],
        kind: "port",
        default: "none",
        reload: Reload::No,
        doc: "Port to listen on; -1 is any free port.",
        read: |block, setting, reading| {
            if let Some(port) = setting::port(setting, reading) {
                block.listener().port = port;
            }
        },
        change: |old, new| change(&old.at().port, &new.at().port),
        inner: Vec::new,
    }
}

pub(super) const fn own_authorization<B: OwnAuthorization>() -> Key<B> {
    Key {
        name: "authorization",
        aliases: &["authentication"],
        kind: "{user, pass, token, timeout}",
        default: "that of clients",
        reload: Reload::No,
        doc: "Credentials instead of those of clients.",
        read: |block, setting, reading| {
            read_map(block.own().0, SIMPLE_AUTHORIZATION_KEYS, setting, reading);
        },
        change: |old, new| change_unseen(old.owned().0, new.owned().0),
        inner: || rows(SIMPLE_AUTHORIZATION_KEYS),
    }
}

pub(super) const fn own_no_auth_user<B: OwnAuthorization>() -> Key<B> {
    Key {
        name: "no_auth_user",
        aliases: &[],
        kind: "user or nkey",
        default: "that of clients",
        reload: Reload::No,
        doc: "The user that a connection without credentials becomes.",
        read: |block, setting, reading| {
            if let Some(user) = setting::optional_text(setting, reading) {
                *block.own().1 = user;
            }
        },
        change: |old, new| change(old.owned().1, new.owned().1),
        inner: Vec::new,
    }
}

/// Reads the authorization of a link between servers: one user, nothing else. `links` is what the errors call it.
pub(super) fn one_user(
    links: &str,
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<Authorization> {
    let map = setting::map(setting, reading)?;
    let block = authorization(setting, reading)?;
    let unwanted = match () {
        () if has_key(map, "users") => Some("allow multiple users"),
        () if !block.token.is_empty() => Some("support tokens"),
        () if block.auth_callout.is_some() => Some("support callouts"),
        () => None,
    };
    if let Some(unwanted) = unwanted {
        let text = format!("{links} authorization does not {unwanted}");
        reading.bad(setting, text);
    }
    Some(block)
}
