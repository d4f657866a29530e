//! `/accountz` and `/accstatz`.

use std::collections::BTreeMap;

use nats_api::monitor::accountz::{AccountExport, AccountImport, LatencySampling, MapDest};
use nats_api::monitor::{
    AccountInfo, AccountStat, AccountStatz, AccountStatzOptions, Accountz, AccountzOptions,
    DataStats, MsgBytes,
};
use nats_api::system::subjects;

use super::count;
use super::subsz::sublist_stats;
use super::view::{AccountView, View};
use crate::options::{self, ExportKind, GLOBAL_ACCOUNT, ImportKind, Options, ResponseType};

/// The names of the accounts, or everything about one. The error is for the user who asked.
pub fn accountz(view: &dyn View, options: &AccountzOptions) -> Result<Accountz, String> {
    let mut page = Accountz {
        server_id: view.facts().id.clone(),
        now: view.now(),
        system_account: system_account(&view.options()).to_owned(),
        ..Accountz::default()
    };
    if options.account.is_empty() {
        page.accounts = view.accounts().iter().map(|a| a.name.to_string()).collect();
        page.accounts.sort_unstable();
    } else {
        page.account_detail = Some(account_detail(view, &options.account)?);
    }
    Ok(page)
}

/// Everything about one account. The error is for the user who asked.
pub fn account_detail(view: &dyn View, name: &str) -> Result<AccountInfo, String> {
    let account = view
        .account(name)
        .ok_or_else(|| format!("Account {name} does not exist"))?;
    let options = view.options();
    let system = system_account(&options);
    let token = account.token.as_deref();
    let configured = match token {
        Some(token) => Some(&token.account),
        None => options.accounts.iter().find(|a| a.name == name),
    };
    let mappings = match configured {
        Some(configured) => configured.mappings.as_slice(),
        None if name == GLOBAL_ACCOUNT => options.mappings.as_slice(),
        None => &[],
    };
    let stats = sublist_stats(&account.interest.stats());
    Ok(AccountInfo {
        account_name: name.to_owned(),
        update_time: account.updated,
        is_system: name == system,
        jetstream_enabled: view
            .jetstream()
            .is_some_and(|js| js.account(name).is_some()),
        complete: token.is_none_or(|token| token.complete),
        expired: token.is_some_and(|token| token.expired),
        client_connections: count(account.connections),
        subscriptions: stats.num_subscriptions,
        mappings: mappings
            .iter()
            .map(|m| (m.subject.clone(), destinations(m)))
            .collect(),
        exports: exports(configured, name == system),
        imports: imports(configured, name, system),
        name_tag: account.name_tag.as_deref().unwrap_or(name).to_owned(),
        jwt: token.map(|token| token.token.clone()).unwrap_or_default(),
        issuer_key: token.map(|token| token.issuer.clone()).unwrap_or_default(),
        tags: token.map(|token| token.tags.clone()).unwrap_or_default(),
        decoded_jwt: token.map(|token| token.decoded.clone()),
        revoked_user: token.map(|token| token.revoked.clone()).unwrap_or_default(),
        sublist_stats: Some(stats),
        ..AccountInfo::default()
    })
}

/// How much the accounts are used: those that have connections, or all, or those that are named.
pub fn accstatz(view: &dyn View, options: &AccountStatzOptions) -> AccountStatz {
    let mut accounts = match options.accounts.as_slice() {
        [] => view.accounts(),
        named => named.iter().filter_map(|name| view.account(name)).collect(),
    };
    accounts.retain(|a| options.include_unused || a.connections > 0);
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    AccountStatz {
        server_id: view.facts().id.clone(),
        now: view.now(),
        account_statz: accounts.iter().map(account_stat).collect(),
    }
}

/// How much one account is used.
pub fn account_stat(account: &AccountView) -> AccountStat {
    // Nothing travels over links in this build; the reference server shows the zeros, too.
    let links = || Some(MsgBytes::default());
    let stats = |msgs, bytes| DataStats {
        msgs: count(msgs),
        bytes: count(bytes),
        gateways: links(),
        routes: links(),
        leafs: links(),
    };
    AccountStat {
        acc: account.name.to_string(),
        name: account
            .name_tag
            .as_ref()
            .unwrap_or(&account.name)
            .to_string(),
        conns: count(account.connections),
        leafnodes: 0,
        total_conns: count(account.connections),
        num_subscriptions: u32::try_from(account.interest.len()).unwrap_or(u32::MAX),
        sent: stats(account.out_msgs, account.out_bytes),
        received: stats(account.in_msgs, account.in_bytes),
        slow_consumers: count(account.slow_consumers),
    }
}

fn system_account(options: &Options) -> &str {
    options.system_account_name().unwrap_or_default()
}

fn destinations(mapping: &options::Mapping) -> Vec<MapDest> {
    let to = |d: &options::MappingDestination| MapDest {
        subject: d.subject.clone(),
        weight: d.weight,
        cluster: d.cluster.clone().unwrap_or_default(),
    };
    mapping.destinations.iter().map(to).collect()
}

/// The account's own exports; the system account also offers its services.
fn exports(configured: Option<&options::Account>, is_system: bool) -> Vec<AccountExport> {
    let mut list: Vec<AccountExport> = configured
        .map(|account| account.exports.iter().map(export).collect())
        .unwrap_or_default();
    if is_system {
        let services = [
            (subjects::account_request("*", "CONNZ"), "Streamed"),
            (subjects::account_request("*", "STATZ"), "Streamed"),
            (subjects::DEBUG_SUBSCRIBERS.to_owned(), "Singleton"),
            (subjects::user_info_of("*"), "Singleton"),
        ];
        for (subject, response_type) in services {
            if !list.iter().any(|known| known.subject == subject) {
                list.push(AccountExport {
                    subject,
                    export_type: "service".into(),
                    response_type: response_type.into(),
                    ..AccountExport::default()
                });
            }
        }
    }
    list
}

fn export(export: &options::Export) -> AccountExport {
    let mut out = AccountExport {
        subject: export.subject.clone(),
        approved_accounts: export.accounts.clone().unwrap_or_default(),
        account_token_position: export.account_token_position.unwrap_or(0),
        ..AccountExport::default()
    };
    match &export.kind {
        ExportKind::Stream => out.export_type = "stream".into(),
        ExportKind::Service {
            response, latency, ..
        } => {
            out.export_type = "service".into();
            out.response_type = match response {
                ResponseType::Single => "Singleton",
                ResponseType::Stream => "Streamed",
                ResponseType::Chunked => "Chunked",
            }
            .into();
            out.service_latency = latency.as_ref().map(|latency| LatencySampling {
                sampling: match latency.sampling {
                    options::LatencySampling::Percent(percent) => percent.into(),
                    options::LatencySampling::Headers => "headers".into(),
                },
                results: latency.subject.clone(),
            });
        }
    }
    out
}

/// The account's own imports, then those that every account has from the system account.
fn imports(configured: Option<&options::Account>, name: &str, system: &str) -> Vec<AccountImport> {
    let mut list: Vec<AccountImport> = configured
        .map(|account| account.imports.iter().map(import).collect())
        .unwrap_or_default();
    if system.is_empty() {
        return list;
    }
    let user_info = (
        subjects::USER_INFO.to_owned(),
        subjects::user_info_of(name),
        true,
    );
    let connz = subjects::account_request(name, "CONNZ");
    let statz = subjects::account_request(name, "STATZ");
    let mut services = vec![user_info];
    if name != system {
        services.push((subjects::account_ping("CONNZ"), connz.clone(), false));
        services.push((subjects::server_ping("CONNZ"), connz, false));
        services.push((subjects::account_ping("STATZ"), statz, false));
    }
    list.extend(
        services
            .into_iter()
            .map(|(here, there, share)| service(system, there, here, share)),
    );
    list
}

fn import(import: &options::Import) -> AccountImport {
    match &import.kind {
        ImportKind::Service { to, share } => {
            service(&import.account, import.subject.clone(), to.clone(), *share)
        }
        ImportKind::Stream { prefix, to, .. } => {
            let prefixed = || prefix.as_ref().map(|p| format!("{p}.{}", import.subject));
            let here = to.clone().or_else(prefixed);
            AccountImport {
                subject: import.subject.clone(),
                account: import.account.clone(),
                local_subject: here.unwrap_or_else(|| import.subject.clone()),
                import_type: "stream".into(),
                ..AccountImport::default()
            }
        }
    }
}

fn service(account: &str, there: String, here: String, share: bool) -> AccountImport {
    AccountImport {
        subject: there,
        account: account.to_owned(),
        to: here.clone(),
        local_subject: here,
        import_type: "service".into(),
        share,
        tracking_header: BTreeMap::new(),
        ..AccountImport::default()
    }
}
