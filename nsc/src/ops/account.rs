//! Accounts: add, edit, delete; [`rename`](super::rename) has a file of its own.

use nats_jwt::claims::{
    AccountClaims, AccountLimits, ClusterTraffic, JetStreamLimits, MessageTrace,
};
use nats_jwt::nkey::Kind;

use super::Outcome;
use super::request::{PermissionChanges, PermissionRemovals, TagChanges, Times, check_account};
use super::user;
use crate::error::{Error, Result};
use crate::name;
use crate::refuse;
use crate::report::{Report, Status};
use crate::text;
use crate::workspace::{self, Workspace};

/// How long the last token of a deleted account is good: it has to be good when it arrives.
const RETIREMENT_SECONDS: i64 = 60;

/// `add account`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Add {
    /// Name of the account; * makes one up
    #[arg(value_name = "NAME")]
    pub positional: Option<String>,
    /// Name of the account; * makes one up
    #[arg(short, long, conflicts_with = "positional")]
    pub name: Option<String>,
    /// Key of the account: a public key, a seed or a file; a new one when not given
    #[arg(short = 'k', long, value_name = "KEY")]
    pub public_key: Option<String>,
    #[command(flatten)]
    pub times: Times,
    #[command(flatten)]
    pub permissions: PermissionChanges,
}

/// Makes an account and chooses it.
///
/// # Errors
/// When there is one of that name, or the operator's key is missing.
pub fn add(workspace: &mut Workspace, request: &Add) -> Result<Outcome> {
    let given = request.positional.as_deref().or(request.name.as_deref());
    let name = name::or_random(given.unwrap_or_default());
    name::checked("account", &name)?;
    let store = workspace.store()?;
    if store.has_account(&workspace.files, &name) {
        return Err(
            Error::exists(format!("the account {name:?} already exists"))
                .hint(format!("change it with: nsc edit account {name}")),
        );
    }
    let mut report = Report::list();
    let key = match &request.public_key {
        Some(given) => workspace.given_key(given, Kind::Account)?.to_string(),
        None => workspace.new_key(Kind::Account)?.to_string(),
    };
    if let Some(other) = store.account_of_key(&mut workspace.files, &key)? {
        return Err(Error::exists(format!(
            "account {other:?} has this key already"
        )));
    }
    let mut claims = AccountClaims::new(&key);
    claims.name.clone_from(&name);
    let now = workspace.now();
    request.times.set(&mut claims, now)?;
    let removals = PermissionRemovals::default();
    request
        .permissions
        .apply(&removals, &mut claims.nats.default_permissions, &mut report)?;
    let signer = workspace.signer_of_account(&claims)?;
    workspace.put_account(&claims, &signer)?;
    if request.public_key.is_none() {
        report.ok(format!("generated and stored account key {key:?}"));
    }
    report.ok(format!("added account {name:?}"));
    workspace.config.account = name;
    workspace
        .config
        .save(&mut workspace.files, &workspace.places);
    Ok(report.into())
}

/// `edit account`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Edit {
    /// Name or public key of the account, when it is not the chosen one
    #[arg(value_name = "NAME")]
    pub positional: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long, alias = "account", conflicts_with = "positional")]
    pub name: Option<String>,
    #[command(flatten)]
    pub tags: TagChanges,
    #[command(flatten)]
    pub times: Times,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub jetstream: JetStream,
    /// Add signing keys: generate, public keys, seeds or files - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "KEY")]
    pub sk: Vec<String>,
    /// Remove signing keys: public keys or roles
    #[arg(long, value_delimiter = ',', value_name = "KEY")]
    pub rm_sk: Vec<String>,
    /// With --rm-sk: sign the users again that the removed keys signed
    #[arg(long, requires = "rm_sk", conflicts_with = "keep_users")]
    pub resign: bool,
    /// With --rm-sk: leave the users as they are, without a warning; servers will refuse them
    #[arg(long, requires = "rm_sk")]
    pub keep_users: bool,
    /// What the account is for
    #[arg(long)]
    pub description: Option<String>,
    /// Where to read more about it
    #[arg(long, value_name = "URL")]
    pub info_url: Option<String>,
    /// Where traces of sampled messages go; empty ends tracing
    #[arg(long, num_args = 0..=1, default_missing_value = "trace.messages", value_name = "SUBJECT")]
    pub trace_context_subject: Option<String>,
    /// How many of a hundred sampled messages are traced
    #[arg(long, allow_hyphen_values = true, value_name = "PERCENT")]
    pub trace_context_sampling: Option<i64>,
    /// JetStream's traffic in the cluster goes through this account
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide = true)]
    pub host_cluster_traffic: Option<bool>,
    #[command(flatten)]
    pub permissions: PermissionChanges,
    #[command(flatten)]
    pub removals: PermissionRemovals,
}

/// Limits of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Limits {
    /// Most connections; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "COUNT")]
    pub conns: Option<i64>,
    /// Most connections of leaf nodes; -1 for no limit, 0 for none
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "COUNT")]
    pub leaf_conns: Option<i64>,
    /// Most bytes in all; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "BYTES")]
    pub data: Option<i64>,
    /// Most exports; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "COUNT")]
    pub exports: Option<i64>,
    /// Most imports; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "COUNT")]
    pub imports: Option<i64>,
    /// Largest message; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "BYTES")]
    pub payload: Option<i64>,
    /// Most subscriptions of a connection; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "COUNT")]
    pub subscriptions: Option<i64>,
    /// Exports may have wildcards
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub wildcard_exports: Option<bool>,
    /// Users may not have bearer tokens
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub disallow_bearer: Option<bool>,
}

/// JetStream of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct JetStream {
    /// The tier that is meant: 0 for all replication factors, n for Rn
    #[arg(long, value_name = "TIER")]
    pub js_tier: Option<u32>,
    /// Remove the limits of a tier
    #[arg(long, value_name = "TIER")]
    pub rm_js_tier: Option<u32>,
    /// Bytes in memory; -1 for no limit, 0 for none
    #[arg(long, alias = "mem-storage", allow_hyphen_values = true, value_parser = text::number, value_name = "BYTES")]
    pub js_mem_storage: Option<i64>,
    /// Bytes in files; -1 for no limit, 0 for none
    #[arg(long, alias = "disk-storage", allow_hyphen_values = true, value_parser = text::number, value_name = "BYTES")]
    pub js_disk_storage: Option<i64>,
    /// Most streams; -1 for no limit
    #[arg(long, alias = "streams", allow_hyphen_values = true, value_parser = text::number, value_name = "COUNT")]
    pub js_streams: Option<i64>,
    /// Most consumers; -1 for no limit
    #[arg(long, alias = "consumer", allow_hyphen_values = true, value_parser = text::number, value_name = "COUNT")]
    pub js_consumer: Option<i64>,
    /// Largest stream in memory; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "BYTES")]
    pub js_max_mem_stream: Option<i64>,
    /// Largest stream in files; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "BYTES")]
    pub js_max_disk_stream: Option<i64>,
    /// Streams must say how large they may become
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub js_max_bytes_required: Option<bool>,
    /// Most unacknowledged messages of a consumer; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "COUNT")]
    pub js_max_ack_pending: Option<i64>,
    /// Take JetStream away
    #[arg(long)]
    pub js_disable: bool,
    /// Give JetStream without limits, to a tier or (0) to all
    #[arg(long, value_name = "TIER")]
    pub js_enable: Option<u32>,
}

impl Edit {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
            && self.times.is_empty()
            && self.limits == Limits::default()
            && self.jetstream == JetStream::default()
            && self.sk.is_empty()
            && self.rm_sk.is_empty()
            && self.description.is_none()
            && self.info_url.is_none()
            && self.trace_context_subject.is_none()
            && self.trace_context_sampling.is_none()
            && self.host_cluster_traffic.is_none()
            && self.permissions.is_empty()
            && self.removals.is_empty()
    }
}

/// Changes an account: only what is mentioned.
///
/// # Errors
/// When the change makes no sense, or the operator's key is missing.
pub fn edit(workspace: &mut Workspace, request: &Edit) -> Result<Outcome> {
    if request.is_empty() {
        return Err(Error::refused("specify an edit option").hint("see: nsc edit account --help"));
    }
    let given = request.positional.as_deref().or(request.name.as_deref());
    let name = workspace.account_name(given)?;
    let mut claims = workspace.edit_account(&name)?;
    let signer = workspace.signer_of_account(&claims)?;
    let mut report = Report::list();
    for key in &request.sk {
        let key = workspace.given_key(key, Kind::Account)?.to_string();
        if !claims.nats.signing_keys.contains(&key) {
            claims.nats.signing_keys.add(&key);
        }
        report.ok(format!("added signing key {key:?}"));
    }
    let mut removed = Vec::new();
    for given in &request.rm_sk {
        let key = claims
            .nats
            .signing_keys
            .role(given)
            .map_or_else(|| given.clone(), |scope| scope.key.clone());
        if !claims.nats.signing_keys.remove(&key) {
            refuse!("account {name:?} has no signing key {given}");
        }
        report.ok(format!("removed signing key {key:?}"));
        removed.push(key);
    }
    request.tags.apply(&mut claims.nats.tags, &mut report);
    let now = workspace.now();
    request.times.apply(&mut claims, now, &mut report)?;
    request
        .limits
        .apply(workspace, &name, &mut claims, &mut report)?;
    jetstream(workspace, &request.jetstream, &mut claims, &mut report)?;
    words(request, &mut claims, &mut report);
    tracing(request, &mut claims, &mut report)?;
    let default = &mut claims.nats.default_permissions;
    request
        .permissions
        .apply(&request.removals, default, &mut report)?;
    check_account(workspace, &claims)?;
    workspace.put_account(&claims, &signer)?;
    user::resign(
        workspace,
        &name,
        &claims,
        &removed,
        resign_choice(request),
        &mut report,
    )?;
    report.ok(format!("edited account {name:?}"));
    Ok(report.into())
}

/// What happens to users whose signer is no longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// Sign them again with another key.
    Resign,
    /// Leave them; servers refuse them.
    Keep,
    /// Leave them, and tell which they are.
    Tell,
}

fn resign_choice(request: &Edit) -> Orphans {
    match (request.resign, request.keep_users) {
        (true, _) => Orphans::Resign,
        (_, true) => Orphans::Keep,
        _ => Orphans::Tell,
    }
}

impl Limits {
    fn apply(
        &self,
        workspace: &mut Workspace,
        name: &str,
        claims: &mut AccountClaims,
        report: &mut Report,
    ) -> Result {
        let limits = &mut claims.nats.limits;
        let mut set = |to: &mut i64, value: Option<i64>, words: &str, unit: &str| {
            if let Some(value) = value {
                *to = value;
                report.ok(format!("changed {words} to {value}{unit}"));
            }
        };
        set(&mut limits.conn, self.conns, "max connections", "");
        set(
            &mut limits.leaf,
            self.leaf_conns,
            "leaf node connections",
            "",
        );
        set(&mut limits.data, self.data, "max data", " bytes");
        set(&mut limits.exports, self.exports, "max exports", "");
        set(&mut limits.imports, self.imports, "max imports", "");
        set(&mut limits.payload, self.payload, "max payload size", "");
        set(
            &mut limits.subs,
            self.subscriptions,
            "max subscriptions",
            "",
        );
        if let Some(wildcards) = self.wildcard_exports {
            limits.wildcards = wildcards;
            report.ok(format!("changed wild card exports to {wildcards}"));
        }
        if let Some(disallow) = self.disallow_bearer {
            limits.disallow_bearer = disallow;
            report.ok(format!("changed disallow bearer to {disallow}"));
        }
        if self.disallow_bearer == Some(true) {
            for user in workspace.users(name)? {
                if workspace.user(name, &user)?.nats.limits.bearer_token {
                    refuse!(
                        "user {user:?} in account {name:?} uses bearer token (needs to be deleted/changed first)"
                    );
                }
            }
        }
        Ok(())
    }
}

fn words(request: &Edit, claims: &mut AccountClaims, report: &mut Report) {
    if let Some(description) = &request.description {
        claims.nats.description.clone_from(description);
        report.ok(format!("changed description to {description:?}"));
    }
    if let Some(url) = &request.info_url {
        claims.nats.info_url.clone_from(url);
        report.ok(format!("changed info url to {url:?}"));
    }
    if let Some(host) = request.host_cluster_traffic {
        claims.nats.cluster_traffic = if host {
            ClusterTraffic::Owner
        } else {
            ClusterTraffic::System
        };
        let verb = if host { "enabled" } else { "disabled" };
        report.ok(format!(
            "{verb} routing of JetStream cluster traffic through this account"
        ));
    }
}

fn tracing(request: &Edit, claims: &mut AccountClaims, report: &mut Report) -> Result {
    let sampling = request.trace_context_sampling;
    match request.trace_context_subject.as_deref() {
        Some("") if sampling.is_some() => {
            refuse!("cannot set context sampling rate when disabling the trace context")
        }
        Some("") => {
            claims.nats.trace = None;
            report.ok("disabled trace context");
            return Ok(());
        }
        Some(subject) => {
            let bytes = subject.as_bytes();
            if !nats_proto::subject::is_valid(bytes) || !nats_proto::subject::is_literal(bytes) {
                refuse!("tracing subjects cannot contain wildcards: {subject:?}");
            }
            claims
                .nats
                .trace
                .get_or_insert_with(MessageTrace::default)
                .destination = subject.to_owned();
            report.ok(format!("changed trace context subject to {subject:?}"));
        }
        None => {}
    }
    if let Some(percent) = sampling {
        if !(0..=100).contains(&percent) {
            refuse!("tracing sampling rate must be between 1-100");
        }
        let Some(trace) = &mut claims.nats.trace else {
            refuse!("trace-context-sampling requires a subject");
        };
        trace.sampling = percent;
        report.ok(format!("changed trace context sampling to {percent}%"));
    }
    Ok(())
}

impl JetStream {
    /// Whether limits are set one by one.
    fn sets_limits(&self) -> bool {
        let numbers = [
            self.js_mem_storage,
            self.js_disk_storage,
            self.js_streams,
            self.js_consumer,
            self.js_max_mem_stream,
            self.js_max_disk_stream,
            self.js_max_ack_pending,
        ];
        numbers.iter().any(Option::is_some)
            || self.js_max_bytes_required.is_some()
            || self.js_tier.is_some()
    }
}

fn tier_name(tier: u32) -> String {
    if tier == 0 {
        "global".to_owned()
    } else {
        format!("R{tier}")
    }
}

fn jetstream(
    workspace: &mut Workspace,
    request: &JetStream,
    claims: &mut AccountClaims,
    report: &mut Report,
) -> Result {
    if *request == JetStream::default() {
        return Ok(());
    }
    let kinds = [
        request.rm_js_tier.is_some(),
        request.js_disable,
        request.js_enable.is_some(),
        request.sets_limits(),
    ];
    if kinds.iter().filter(|kind| **kind).count() > 1 {
        refuse!("js-disable, js-enable, rm-js-tier and the js limits exclude each other");
    }
    if !request.js_disable && workspace.operator()?.nats.system_account == claims.subject {
        return Err(Error::refused(
            "system account cannot have JetStream limits - please rerun with --js-disable",
        ));
    }
    let limits = &mut claims.nats.limits;
    if request.js_disable {
        limits.jetstream = JetStreamLimits::default();
        report.ok("deleted global limit");
        for tier in std::mem::take(&mut limits.tiered_limits).into_keys() {
            report.ok(format!("deleted tier limit {tier}"));
        }
        return Ok(());
    }
    if let Some(tier) = request.rm_js_tier {
        return remove_tier(tier, claims, report);
    }
    let tier = request.js_enable.or(request.js_tier).unwrap_or(0);
    let label = tier_name(tier);
    let target = limits_of_tier(limits, tier)?;
    if request.js_enable.is_some() {
        if *target != JetStreamLimits::default() {
            refuse!("jetstream tier {label} is already enabled");
        }
        target.mem_storage = -1;
        target.disk_storage = -1;
        report.ok(if tier == 0 {
            "enabled global limit".to_owned()
        } else {
            format!("enabled tier limit {label}")
        });
        return Ok(());
    }
    set_limits(request, target, &label, report);
    Ok(())
}

/// The limits of a tier, of which an account has none beside those for all.
fn limits_of_tier(limits: &mut AccountLimits, tier: u32) -> Result<&mut JetStreamLimits> {
    if tier == 0 {
        if !limits.tiered_limits.is_empty() {
            let tiers: Vec<_> = limits.tiered_limits.keys().cloned().collect();
            refuse!(
                "cannot set a jetstream global limit when a configuration has tiered limits '{}'",
                tiers.join(",")
            );
        }
        return Ok(&mut limits.jetstream);
    }
    // Limits without storage give no JetStream; the reference writes them with every edit.
    if limits.jetstream.mem_storage == 0 && limits.jetstream.disk_storage == 0 {
        limits.jetstream = JetStreamLimits::default();
    }
    if limits.jetstream != JetStreamLimits::default() {
        refuse!("cannot set a jetstream tier limit when a configuration has a global limit");
    }
    Ok(limits.tiered_limits.entry(tier_name(tier)).or_default())
}

fn remove_tier(tier: u32, claims: &mut AccountClaims, report: &mut Report) -> Result {
    let limits = &mut claims.nats.limits;
    if tier == 0 {
        limits.jetstream = JetStreamLimits::default();
        report.ok("deleted global limit");
        return Ok(());
    }
    let label = tier_name(tier);
    if limits.tiered_limits.remove(&label).is_none() {
        refuse!("account doesn't have tier {label} limit");
    }
    report.ok(format!("deleted tier limit {label}"));
    Ok(())
}

fn set_limits(request: &JetStream, target: &mut JetStreamLimits, label: &str, report: &mut Report) {
    if *target == JetStreamLimits::default() {
        // What is not said of a new tier is no limit, as the reference has it; storage is.
        *target = JetStreamLimits {
            mem_storage: 0,
            disk_storage: 0,
            streams: -1,
            consumer: -1,
            max_ack_pending: -1,
            mem_max_stream_bytes: -1,
            disk_max_stream_bytes: -1,
            max_bytes_required: false,
        };
    }
    let mut set = |to: &mut i64, value: Option<i64>, words: &str| {
        if let Some(value) = value {
            *to = value;
            report.ok(format!("changed {label} {words} to {value}"));
        }
    };
    set(&mut target.streams, request.js_streams, "max streams");
    set(&mut target.consumer, request.js_consumer, "max consumer");
    set(
        &mut target.mem_storage,
        request.js_mem_storage,
        "max mem storage",
    );
    set(
        &mut target.mem_max_stream_bytes,
        request.js_max_mem_stream,
        "max memory stream",
    );
    set(
        &mut target.disk_storage,
        request.js_disk_storage,
        "max disk storage",
    );
    set(
        &mut target.disk_max_stream_bytes,
        request.js_max_disk_stream,
        "max disk stream",
    );
    set(
        &mut target.max_ack_pending,
        request.js_max_ack_pending,
        "max ack pending",
    );
    if let Some(required) = request.js_max_bytes_required {
        target.max_bytes_required = required;
        report.ok(format!("changed {label} max bytes required to {required}"));
    }
}

/// `delete account`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Delete {
    /// Name or public key of the account, when it is not the chosen one
    #[arg(value_name = "NAME")]
    pub positional: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long, conflicts_with = "positional")]
    pub name: Option<String>,
    /// In a managed store: hand the operator the account with all users revoked and about to expire, before it is deleted here (default)
    #[arg(short = 'R', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub revoke: Option<bool>,
    /// Delete the keys as well
    #[arg(short = 'D', long)]
    pub rm_nkey: bool,
    /// Delete the credentials of the users as well
    #[arg(short = 'C', long)]
    pub rm_creds: bool,
    /// Delete also what cannot be made again
    #[arg(short = 'F', long)]
    pub force: bool,
}

/// The last token of an account of a managed store, which the operator's servers are to have before it is gone here: everybody revoked,
/// and good for a minute more. Nothing where the operator is ours, or where that is not wanted.
///
/// # Errors
/// When there is no such account, or no key to sign with.
pub fn retire(workspace: &mut Workspace, request: &Delete) -> Result<Report> {
    let mut report = Report::list();
    if !workspace.store()?.is_managed() || !request.force || request.revoke == Some(false) {
        return Ok(report);
    }
    let given = request.positional.as_deref().or(request.name.as_deref());
    let name = workspace.account_name(given)?;
    let mut claims = workspace.edit_account(&name)?;
    let now = workspace.now();
    for user in workspace.users(&name)? {
        let key = workspace.user(&name, &user)?.subject;
        claims.nats.revocations.revoke(&key, now);
        report.ok(format!("revoked user {user:?}"));
    }
    claims.expires = now.saturating_add(RETIREMENT_SECONDS);
    let signer = workspace.signer_of_account(&claims)?;
    workspace.put_account(&claims, &signer)?;
    report.ok(format!("expired account {name:?}"));
    Ok(report)
}

/// Deletes an account and its users.
///
/// # Errors
/// When there is no such account.
pub fn delete(workspace: &mut Workspace, request: &Delete) -> Result<Outcome> {
    let given = request.positional.as_deref().or(request.name.as_deref());
    let name = workspace.account_name(given)?;
    let store = workspace.store()?;
    if store.is_managed() && !request.force {
        refuse!(
            "managed accounts may require the account JWT or nkeys to cancel a service, specify the --force to override"
        );
    }
    let operator = workspace.operator()?;
    let claims = workspace.account(&name)?;
    if operator.nats.system_account == claims.subject && !request.force {
        return Err(
            Error::refused(format!("account {name:?} is the system account"))
                .hint("servers of this operator need it; --force deletes it nevertheless"),
        );
    }
    let mut report = Report::line(Status::Ok, "delete account");
    if request.revoke == Some(true) && !store.is_managed() {
        report.warn("nobody has to be revoked: all users of the account are refused once servers no longer have it");
    }
    for user in workspace.users(&name)? {
        report.add(user::remove(
            workspace,
            &name,
            &user,
            request.rm_nkey,
            request.rm_creds,
        )?);
    }
    if request.rm_nkey {
        let keys: Vec<String> = claims
            .nats
            .signing_keys
            .iter()
            .map(|(key, _)| key.to_owned())
            .collect();
        for key in keys.iter().chain([&claims.subject]) {
            let path = workspace.keystore.key_path(&workspace::public(key)?);
            if workspace.files.exists(&path) {
                workspace.files.remove(&path);
                report.ok(format!("deleted private key {key:?}"));
            } else {
                report.ok(format!("private key {key:?} is not stored"));
            }
        }
    }
    workspace.files.remove(&store.account_path(&name)?);
    report.ok(format!("deleted account {name:?} [{}]", claims.subject));
    if workspace.config.account == name {
        workspace.config.account.clear();
        let mut config = workspace.config.clone();
        config.settle(&mut workspace.files);
        workspace.config = config;
        workspace
            .config
            .save(&mut workspace.files, &workspace.places);
    }
    if !store.is_managed() {
        report.warn(format!(
            "servers that have the account keep it: nsc push --account-removal {}",
            claims.subject
        ));
    }
    Ok(report.into())
}
