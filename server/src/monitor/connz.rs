//! `/connz`.

use std::cmp::Reverse;
use std::sync::Arc;

use nats_api::monitor::varz::ProxyKey;
use nats_api::monitor::{ConnInfo, ConnSort, ConnState, Connz, ConnzOptions, DEFAULT_LIMIT};
use nats_api::time::{Timestamp, round_trip, uptime};
use nats_proto::subject;

use super::view::{ClientView, Figures, View, Who};
use super::{count, page_of};
use crate::options::GLOBAL_ACCOUNT;

/// A connection with its numbers, taken once so that sorting sees them stand still.
type Seen = (Figures, Arc<dyn ClientView>);

/// The connections that `options` ask for. The error is for the user who asked.
pub fn connz(view: &dyn View, options: &ConnzOptions) -> Result<Connz, String> {
    let sort = checked_sort(options)?;
    let now = view.now();
    let limit = match (options.cid, options.limit) {
        (0, ..=0) => DEFAULT_LIMIT,
        (0, limit) => limit,
        _ => 1,
    };
    let mut page = Connz {
        server_id: view.facts().id.clone(),
        now,
        offset: options.offset.max(0),
        limit,
        ..Connz::default()
    };
    if !options.acc.is_empty() && view.account(&options.acc).is_none() {
        return Ok(page);
    }
    let (total, mut found) = match options.cid {
        0 => found(view, options),
        id => found_by_id(view, options, id),
    };
    order(&mut found, sort, now);
    page.total = count(total);
    page.connections = page_of(&found, page.offset, page.limit)
        .iter()
        .map(|(figures, client)| describe(figures, client.as_ref(), options, now))
        .collect();
    page.num_connections = count(page.connections.len());
    Ok(page)
}

fn checked_sort(options: &ConnzOptions) -> Result<ConnSort, String> {
    let sort = ConnSort::from_name(&options.sort)
        .ok_or_else(|| format!("invalid sorting option: {}", options.sort))?;
    if options.state != ConnState::Closed {
        match sort {
            ConnSort::Stop => return Err("sort by stop only valid on closed connections".into()),
            ConnSort::Reason => {
                return Err("sort by reason only valid on closed connections".into());
            }
            _ => {}
        }
    }
    if !matches!(options.filter_subject.as_str(), "" | ">") && options.acc.is_empty() {
        return Err("filter by subject only valid with account filtering".into());
    }
    Ok(sort)
}

/// How many connections there are in this state and account, and those of them that pass the other filters.
fn found(view: &dyn View, options: &ConnzOptions) -> (usize, Vec<Seen>) {
    let in_account = |client: &dyn ClientView| {
        options.acc.is_empty() || client.who().account.as_deref() == Some(&*options.acc)
    };
    let mut candidates: Vec<Arc<dyn ClientView>> = Vec::new();
    if options.state != ConnState::Closed {
        candidates.extend(
            view.clients()
                .into_iter()
                .filter(|c| in_account(c.as_ref())),
        );
    }
    if options.state != ConnState::Open {
        let closed = view
            .closed_clients()
            .into_iter()
            .filter(|c| in_account(c.as_ref()));
        candidates.extend(closed);
    }
    let total = candidates.len();
    candidates.retain(|client| passes(client.as_ref(), options));
    (
        total,
        candidates.into_iter().map(|c| (c.figures(), c)).collect(),
    )
}

fn found_by_id(view: &dyn View, options: &ConnzOptions, id: u64) -> (usize, Vec<Seen>) {
    let any_id = ConnzOptions {
        cid: 0,
        ..options.clone()
    };
    let (total, _) = found(view, &any_id);
    let open = (options.state != ConnState::Closed)
        .then(|| view.client(id))
        .flatten();
    let closed = || {
        let mut closed = view.closed_clients().into_iter();
        closed.find(|c| c.figures().id == id)
    };
    let client = match options.state {
        ConnState::Open => open,
        _ => open.or_else(closed),
    };
    (
        total,
        client.into_iter().map(|c| (c.figures(), c)).collect(),
    )
}

fn passes(client: &dyn ClientView, options: &ConnzOptions) -> bool {
    let user_fits = options.user.is_empty() || client.who().user == options.user;
    // No MQTT clients exist in this build, so a filter for one fits nobody.
    let mqtt_fits = options.mqtt_client.is_empty();
    let filter = options.filter_subject.as_bytes();
    let subject_fits = matches!(filter, b"" | b">")
        || client.ended().is_some()
        || client
            .subscriptions()
            .iter()
            .any(|s| subject::collides(filter, s.subject.as_bytes()));
    user_fits && mqtt_fits && subject_fits
}

fn order(list: &mut [Seen], sort: ConnSort, now: Timestamp) {
    list.sort_unstable_by_key(|(figures, _)| figures.id);
    let stop = |client: &dyn ClientView| client.ended().map_or(Timestamp::NEVER, |(at, _)| at);
    match sort {
        ConnSort::Cid | ConnSort::Start => {}
        ConnSort::Subs => list.sort_by_key(|(f, _)| Reverse(f.subscriptions)),
        ConnSort::Pending => list.sort_by_key(|(f, _)| Reverse(f.pending_bytes)),
        ConnSort::MsgsTo => list.sort_by_key(|(f, _)| Reverse(f.out_msgs)),
        ConnSort::MsgsFrom => list.sort_by_key(|(f, _)| Reverse(f.in_msgs)),
        ConnSort::BytesTo => list.sort_by_key(|(f, _)| Reverse(f.out_bytes)),
        ConnSort::BytesFrom => list.sort_by_key(|(f, _)| Reverse(f.in_bytes)),
        ConnSort::Last => list.sort_by_key(|(f, _)| Reverse(f.last_activity)),
        ConnSort::Idle => list.sort_by_key(|(f, _)| f.last_activity),
        ConnSort::Uptime => list.sort_by_key(|(f, c)| match c.ended() {
            Some((stop, _)) => stop.since(f.start),
            None => now.since(f.start),
        }),
        ConnSort::Stop => list.sort_by_key(|(_, c)| Reverse(stop(c.as_ref()))),
        ConnSort::Reason => list.sort_by(|(_, a), (_, b)| {
            let reason = |c: &Arc<dyn ClientView>| c.ended().map(|(_, reason)| reason.to_owned());
            reason(a).cmp(&reason(b))
        }),
        ConnSort::Rtt => list.sort_by_key(|(f, _)| Reverse(f.rtt)),
    }
}

fn describe(
    f: &Figures,
    client: &dyn ClientView,
    options: &ConnzOptions,
    now: Timestamp,
) -> ConnInfo {
    let who = client.who();
    let ended = client.ended();
    let until = ended.map_or(now, |(stop, _)| stop);
    let mut info = ConnInfo {
        cid: f.id,
        kind: "Client".into(),
        conn_type: "nats".into(),
        ip: who
            .remote
            .map(|a| a.ip().to_canonical().to_string())
            .unwrap_or_default(),
        port: who.remote.map_or(0, |a| i32::from(a.port())),
        start: f.start,
        last_activity: f.last_activity,
        stop: ended.map(|(stop, _)| stop),
        reason: ended
            .map(|(_, reason)| reason.to_owned())
            .unwrap_or_default(),
        rtt: round_trip(f.rtt),
        uptime: uptime(until.since(f.start)),
        idle: uptime(until.since(f.last_activity)),
        pending_bytes: count(f.pending_bytes),
        in_msgs: count(f.in_msgs),
        out_msgs: count(f.out_msgs),
        in_bytes: count(f.in_bytes),
        out_bytes: count(f.out_bytes),
        stalls: count(f.stalls),
        subscriptions: u32::try_from(f.subscriptions).unwrap_or(u32::MAX),
        name: who.name.clone(),
        lang: who.lang.clone(),
        version: who.version.clone(),
        ..ConnInfo::default()
    };
    if !who.proxy_key.is_empty() {
        info.proxy = Some(ProxyKey {
            key: who.proxy_key.clone(),
        });
    }
    if let Some(tls) = &who.tls {
        info.tls_version = tls.version.clone();
        info.tls_cipher_suite = tls.cipher.clone();
        info.tls_first = tls.first;
        if options.auth && ended.is_none() {
            info.tls_peer_certs = tls.peer_certs.clone();
        }
    }
    if options.subscriptions_detail {
        info.subscriptions_list_detail = client.subscriptions();
    } else if options.subscriptions {
        info.subscriptions_list = client
            .subscriptions()
            .into_iter()
            .map(|s| s.subject)
            .collect();
    }
    if options.auth {
        add_identity(&mut info, &who, ended.is_some());
    }
    info
}

/// Who the connection is, for those who asked.
fn add_identity(info: &mut ConnInfo, who: &Who, is_closed: bool) {
    let account = who.account.as_deref().unwrap_or_default();
    info.authorized_user = who.user.clone();
    if account != GLOBAL_ACCOUNT {
        info.account = account.to_owned();
    }
    info.jwt = who.jwt.clone();
    info.issuer_key = who.issuer_key.clone();
    if !is_closed || account != GLOBAL_ACCOUNT {
        info.name_tag = match who.account_tag.is_empty() {
            true => account.to_owned(),
            false => who.account_tag.clone(),
        };
    }
    info.tags = who.tags.clone();
}
