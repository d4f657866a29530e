//! The INFO line.

use std::net::SocketAddr;

use nats_proto::info::ServerInfo;

use super::identity::{PROTO, ServerIdentity, VERSION};
use crate::conn::Shared;
use crate::options::Options;

/// The level of the JetStream API that clients switch features on. The reference tells it with JetStream off as well.
const API_LEVEL: i32 = 5;

/// What INFO says to everybody.
pub fn common(
    identity: &ServerIdentity,
    options: &Options,
    listen: SocketAddr,
    auth_required: bool,
) -> ServerInfo {
    let tls = options.tls.as_ref();
    let (host, port) = advertised(options, listen);
    ServerInfo {
        server_id: identity.id.clone(),
        server_name: identity.name.clone(),
        version: VERSION.to_owned(),
        proto: PROTO,
        git_commit: option_env!("NATS_GIT_COMMIT")
            .unwrap_or_default()
            .to_owned(),
        go: concat!("rust ", env!("CARGO_PKG_VERSION")).to_owned(),
        host,
        port,
        headers: !options.no_header_support,
        auth_required,
        tls_required: tls.is_some() && !options.allow_non_tls,
        tls_verify: tls.is_some_and(|t| t.verify || t.verify_and_map),
        tls_available: tls.is_some() && options.allow_non_tls,
        max_payload: options.limits.max_payload.map_or(-1, i64::from),
        api_lvl: API_LEVEL,
        jetstream: options.jetstream.enabled,
        domain: options.jetstream.domain.clone().unwrap_or_default(),
        xkey: identity.xkey.clone(),
        ..ServerInfo::default()
    }
}

/// Host and port that clients are told: where the server listens, unless somebody configured another address.
fn advertised(options: &Options, listen: SocketAddr) -> (String, u16) {
    let Some(advertise) = &options.client_advertise else {
        return (options.listen.host.clone(), listen.port());
    };
    let parted = advertise.rsplit_once(':');
    match parted.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host.to_owned(), port),
        None => (advertise.clone(), listen.port()),
    }
}

/// The line for one client.
pub fn line(common: &ServerInfo, to: &Shared, shown_ip: String, connect_info: bool) -> Vec<u8> {
    let mut info = common.clone();
    info.client_id = to.id();
    info.client_ip = shown_ip;
    match to.account() {
        // Who has not logged in yet will sign it.
        None => info.nonce.clone_from(&to.nonce),
        Some(account) => {
            let identity = to.identity();
            let user = identity.as_ref().and_then(|i| i.user.as_ref());
            let user = user.and_then(|user| user.max_payload);
            let limits = [account.settings().limits.max_payload, user];
            let server = u32::try_from(info.max_payload).ok();
            let least = limits.into_iter().chain([server]).flatten().min();
            info.max_payload = least.map_or(-1, i64::from);
            if connect_info {
                info.remote_account = account.name.to_string();
                info.acc_is_sys = account.is_system();
            }
        }
    }
    info.connect_info = connect_info;
    let mut out = b"INFO ".to_vec();
    // A document of strings and numbers always serialises.
    if serde_json::to_writer(&mut out, &info).is_err() {
        out.extend_from_slice(b"{}");
    }
    out.extend_from_slice(b" \r\n");
    out
}
