//! `/varz`.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_api::monitor::Varz;
use nats_api::monitor::varz::{ProxiesVarz, ProxyKey};
use nats_api::time::uptime;

use super::count;
use super::view::View;
use crate::options::{Options, WriteTimeout};
use crate::system::process::Usage;

/// The general page. `requests` counts the requests of each page.
pub fn varz(view: &dyn View, usage: Usage, requests: BTreeMap<String, u64>) -> Varz {
    let jetstream = super::jetstream_varz(view);
    let facts = view.facts();
    let totals = view.totals();
    let options = view.options();
    let now = view.now();
    let subscriptions = view
        .accounts()
        .iter()
        .map(|a| a.interest.len())
        .sum::<usize>();
    Varz {
        jetstream,
        server_id: facts.id.clone(),
        server_name: facts.name.clone(),
        version: facts.version.clone(),
        proto: facts.proto,
        git_commit: facts.git_commit.clone(),
        go: facts.built_with.clone(),
        host: facts.host.clone(),
        port: i32::from(facts.port),
        auth_required: facts.auth_required,
        tls_required: facts.tls_required,
        tls_verify: facts.tls_verify,
        tls_ocsp_peer_verify: facts.tls_ocsp_peer_verify,
        ocsp_peer_cache: view.ocsp_cache(),
        ip: facts.ip.clone(),
        connect_urls: facts.connect_urls.clone(),
        start: facts.started,
        now,
        uptime: uptime(now.since(facts.started)),
        mem: count(usage.resident_bytes),
        cores: usage.cores,
        gomaxprocs: usage.cores,
        cpu: usage.cpu_percent,
        connections: count(totals.connections),
        total_connections: totals.total_connections,
        in_msgs: count(totals.in_msgs),
        in_bytes: count(totals.in_bytes),
        out_msgs: count(totals.out_msgs),
        out_bytes: count(totals.out_bytes),
        // Every connection of this build is a client.
        in_client_msgs: count(totals.in_msgs),
        in_client_bytes: count(totals.in_bytes),
        out_client_msgs: count(totals.out_msgs),
        out_client_bytes: count(totals.out_bytes),
        slow_consumers: count(totals.slow_consumers),
        stale_connections: count(totals.stale_connections),
        stalled_clients: count(totals.stalled_clients),
        slow_consumer_stats: super::clients_only(totals.slow_consumers),
        stale_connection_stats: super::clients_only(totals.stale_connections),
        subscriptions: u32::try_from(subscriptions).unwrap_or(u32::MAX),
        http_req_stats: requests,
        config_load_time: facts.config_loaded,
        tls_cert_not_after: facts.tls_cert_not_after,
        ..configured(&options)
    }
}

/// What stands in the configuration.
fn configured(options: &Options) -> Varz {
    let limits = &options.limits;
    let monitoring = &options.monitoring;
    let port = |port: Option<u16>| match port {
        // Any free port, as it was asked for.
        Some(0) => -1,
        port => port.map_or(0, i32::from),
    };
    let proxies = options
        .trusted_proxies
        .iter()
        .map(|key| ProxyKey { key: key.clone() });
    let base_path = match monitoring.base_path.as_str() {
        "/" => String::new(),
        path => path.to_owned(),
    };
    Varz {
        max_connections: i64::from(limits.max_connections),
        max_subscriptions: limits.max_subscriptions.map_or(0, i64::from),
        ping_interval: limits.ping_interval.into(),
        ping_max: i32::try_from(limits.ping_max).unwrap_or(i32::MAX),
        http_host: monitoring
            .host
            .clone()
            .unwrap_or_else(|| options.listen.host.clone()),
        http_port: port(monitoring.http_port),
        http_base_path: base_path,
        https_port: port(monitoring.https_port),
        auth_timeout: seconds(options.auth_timeout()),
        max_control_line: i32::try_from(limits.max_control_line).unwrap_or(i32::MAX),
        max_payload: limits.max_payload.map_or(-1, i64::from),
        max_pending: count(limits.max_pending),
        tls_timeout: seconds(
            options
                .tls
                .as_ref()
                .map_or(Duration::from_secs(2), |tls| tls.timeout),
        ),
        write_deadline: limits.write_deadline.into(),
        write_timeout: match limits.write_timeout {
            WriteTimeout::Default => "",
            WriteTimeout::Close => "close",
            WriteTimeout::Retry => "retry",
        }
        .into(),
        config_digest: options.source.config_digest.clone(),
        tags: options.server_tags.clone(),
        metadata: options.server_metadata.clone(),
        feature_flags: options.feature_flags.clone(),
        system_account: options.system_account_name().unwrap_or_default().to_owned(),
        proxies: (proxies.len() > 0).then(|| ProxiesVarz {
            trusted: proxies.collect(),
        }),
        ..Varz::default()
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
