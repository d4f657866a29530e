//! The INFO line.

use std::net::SocketAddr;

use nats_proto::info::ServerInfo;

use super::identity::{PROTO, ServerIdentity, VERSION};
use crate::conn::Shared;
use crate::options::Options;

/// What INFO says to everybody.
pub fn common(
    identity: &ServerIdentity,
    options: &Options,
    listen: SocketAddr,
    auth_required: bool,
) -> ServerInfo {
    let tls = options.tls.as_ref();
    ServerInfo {
        server_id: identity.id.clone(),
        server_name: identity.name.clone(),
        version: VERSION.to_owned(),
        proto: PROTO,
        git_commit: option_env!("NATS_GIT_COMMIT")
            .unwrap_or_default()
            .to_owned(),
        go: concat!("rust ", env!("CARGO_PKG_VERSION")).to_owned(),
        host: options.listen.host.clone(),
        port: listen.port(),
        headers: !options.no_header_support,
        auth_required,
        tls_required: tls.is_some() && !options.allow_non_tls,
        tls_verify: tls.is_some_and(|t| t.verify || t.verify_and_map),
        tls_available: tls.is_some() && options.allow_non_tls,
        max_payload: options.limits.max_payload.map_or(-1, i64::from),
        connect_urls: connect_urls(options, listen),
        xkey: identity.xkey.clone(),
        ..ServerInfo::default()
    }
}

/// Where else clients may connect: told only when somebody configured it, as this server alone knows no others.
fn connect_urls(options: &Options, listen: SocketAddr) -> Vec<String> {
    match &options.client_advertise {
        Some(advertise) if advertise.contains(':') => vec![advertise.clone()],
        Some(advertise) => vec![format!("{advertise}:{}", listen.port())],
        None => Vec::new(),
    }
}

/// The line for one client.
pub fn line(common: &ServerInfo, to: &Shared, shown_ip: String, connect_info: bool) -> Vec<u8> {
    let mut info = common.clone();
    info.client_id = to.id();
    info.client_ip = shown_ip;
    info.nonce.clone_from(&to.nonce);
    if connect_info {
        info.connect_info = true;
        if let Some(account) = to.account() {
            info.remote_account = account.name.to_string();
            info.acc_is_sys = account.is_system();
        }
    }
    let mut out = b"INFO ".to_vec();
    // A document of strings and numbers always serialises.
    if serde_json::to_writer(&mut out, &info).is_err() {
        out.extend_from_slice(b"{}");
    }
    out.extend_from_slice(b" \r\n");
    out
}
