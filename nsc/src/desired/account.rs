//! From what stands in the file to what a token says.

use std::collections::BTreeMap;

use nats_jwt::claims::{
    AccountClaims, AccountLimits, JetStreamLimits, Permissions, Tags, UserPermissionLimits,
    UserScope, WeightedMapping,
};

use super::document::{self, Account, JetStream, Number, Rights, Role};
use crate::error::{Error, Result};
use crate::ops::request::connection_type;
use crate::ops::{export, mapping, signing_key};
use crate::refuse;
use crate::text;

/// Everything of an account but keys, imports and users.
///
/// # Errors
/// When something makes no sense.
pub fn shape(claims: &mut AccountClaims, wanted: &Account, now: i64) -> Result {
    let nats = &mut claims.nats;
    if let Some(description) = &wanted.description {
        nats.description.clone_from(description);
    }
    if let Some(url) = &wanted.info_url {
        nats.info_url.clone_from(url);
    }
    if let Some(tags) = &wanted.tags {
        nats.tags = sorted_tags(tags);
    }
    if let Some(expires) = &wanted.expires {
        claims.expires = absolute(expires, now)?;
    }
    limits(&mut nats.limits, &wanted.limits);
    if let Some(wanted) = &wanted.jetstream {
        jetstream(&mut nats.limits, wanted)?;
    }
    if let Some(rights) = &wanted.default_permissions {
        nats.default_permissions = rights.permissions()?;
        without_templates(&nats.default_permissions)?;
    }
    if let Some(exports) = &wanted.exports {
        let mut all = Vec::new();
        for wanted in exports {
            let mut new = export(wanted)?;
            // Who was denied an activation is no business of the file.
            let same = |there: &&nats_jwt::claims::Export| {
                there.subject == new.subject && there.kind == new.kind
            };
            if let Some(there) = nats.exports.iter().find(same) {
                new.revocations = there.revocations.clone();
            }
            all.push(new);
        }
        all.sort_by(|a, b| a.subject.cmp(&b.subject));
        nats.exports = all;
    }
    if let Some(mappings) = &wanted.mappings {
        let mut new = BTreeMap::new();
        for (from, all) in mappings {
            let all = all.iter().map(|mapping| WeightedMapping {
                subject: mapping.to.clone(),
                weight: mapping.weight.unwrap_or(100),
                cluster: mapping.cluster.clone(),
            });
            let all: Vec<_> = all.collect();
            mapping::check(from, &all)?;
            new.insert(from.clone(), all);
        }
        nats.mappings = new;
    }
    Ok(())
}

/// Tags in the order in which they are written.
pub fn sorted_tags(tags: &[String]) -> Tags {
    let mut all: Vec<String> = tags.iter().map(|tag| tag.trim().to_lowercase()).collect();
    all.sort();
    all.iter().collect()
}

/// A time that does not move with the clock.
///
/// # Errors
/// Anything else: applying the file again would change the time again.
pub fn absolute(text: &str, now: i64) -> Result<i64> {
    let starts_with_year =
        text.len() >= 10 && text.as_bytes().iter().take(4).all(u8::is_ascii_digit);
    if !starts_with_year && !matches!(text, "" | "0") {
        return Err(Error::refused(format!("{text:?} is no date"))
            .hint("use yyyy-mm-dd; a time from now on would change with each apply"));
    }
    text::moment(text, now)
}

fn set(to: &mut i64, value: Option<Number>) {
    if let Some(Number(value)) = value {
        *to = value;
    }
}

fn limits(limits: &mut AccountLimits, wanted: &document::Limits) {
    set(&mut limits.conn, wanted.connections);
    set(&mut limits.leaf, wanted.leaf_connections);
    set(&mut limits.subs, wanted.subscriptions);
    set(&mut limits.payload, wanted.payload);
    set(&mut limits.data, wanted.data);
    set(&mut limits.imports, wanted.imports);
    set(&mut limits.exports, wanted.exports);
    limits.wildcards = wanted.wildcard_exports.unwrap_or(limits.wildcards);
    limits.disallow_bearer = wanted.disallow_bearer.unwrap_or(limits.disallow_bearer);
}

/// What is not said of JetStream is no limit; storage that is not said is none.
fn tier(wanted: &JetStream) -> JetStreamLimits {
    let or = |value: Option<Number>, default: i64| value.map_or(default, |Number(value)| value);
    if *wanted == JetStream::default() {
        return JetStreamLimits::default();
    }
    JetStreamLimits {
        mem_storage: or(wanted.memory, 0),
        disk_storage: or(wanted.disk, 0),
        streams: or(wanted.streams, -1),
        consumer: or(wanted.consumers, -1),
        max_ack_pending: or(wanted.max_ack_pending, -1),
        mem_max_stream_bytes: or(wanted.max_memory_stream, -1),
        disk_max_stream_bytes: or(wanted.max_disk_stream, -1),
        max_bytes_required: wanted.max_bytes_required.unwrap_or(false),
    }
}

fn jetstream(limits: &mut AccountLimits, wanted: &JetStream) -> Result {
    let global = JetStream {
        tiers: Default::default(),
        ..wanted.clone()
    };
    if !wanted.tiers.is_empty() && global != JetStream::default() {
        refuse!("jetstream has limits for all replication factors or tiers, not both");
    }
    limits.jetstream = tier(&global);
    limits.tiered_limits.clear();
    for (name, wanted) in &wanted.tiers {
        let number = name
            .strip_prefix('R')
            .and_then(|number| number.parse::<u8>().ok());
        if number.is_none_or(|number| number == 0) || !wanted.tiers.is_empty() {
            refuse!("{name:?} is no tier such as R1 or R3");
        }
        limits.tiered_limits.insert(name.clone(), tier(wanted));
    }
    Ok(())
}

fn export(wanted: &document::Export) -> Result<nats_jwt::claims::Export> {
    let request = export::Add {
        name: wanted.name.clone(),
        subject: Some(wanted.subject.clone()),
        service: wanted.kind == document::Kind::Service,
        private: Some(wanted.private),
        latency: wanted.latency.clone(),
        sampling: wanted.sampling.clone(),
        response_threshold: wanted.response_threshold.clone(),
        response_type: wanted.response_type.clone(),
        allow_trace: wanted.allow_trace,
        account_token_position: Some(wanted.account_token_position),
        advertise: wanted.advertise,
        description: Some(wanted.description.clone()),
        info_url: Some(wanted.info_url.clone()),
        account: None,
    };
    request.build()
}

/// Servers fill in templates for users of a role only; elsewhere they would be subjects that nobody uses.
///
/// # Errors
/// Names the template.
pub fn without_templates(permissions: &Permissions) -> Result {
    for permission in [&permissions.publish, &permissions.subscribe] {
        let mut subjects = permission.allow.iter().chain(&permission.deny);
        if let Some(subject) = subjects.find(|s| nats_jwt::template::is_template(s)) {
            return Err(Error::refused(format!(
                "{subject:?} is a template, and those are filled in for users of a role only"
            ))
            .hint("put it below `roles`, and name that `role` in the user"));
        }
    }
    Ok(())
}

/// What users of a role may do.
///
/// # Errors
/// When something makes no sense.
pub fn template(wanted: &Role) -> Result<UserPermissionLimits> {
    let rights = Rights {
        publish: wanted.publish.clone(),
        subscribe: wanted.subscribe.clone(),
        responses: wanted.responses.clone(),
    };
    let mut limits = UserPermissionLimits::unlimited();
    limits.permissions = rights.permissions()?;
    limits.bearer_token = wanted.bearer;
    set(&mut limits.limits.subs, wanted.subscriptions);
    set(&mut limits.limits.payload, wanted.payload);
    set(&mut limits.limits.data, wanted.data);
    let mut networks = wanted.source_networks.clone();
    networks.sort();
    limits.src = networks;
    limits.allowed_connection_types = wanted
        .connection_types
        .iter()
        .map(|word| connection_type(word, ""))
        .collect::<Result<_>>()?;
    limits.times = wanted
        .times
        .iter()
        .map(|text| document::time_range(text))
        .collect::<Result<_>>()?;
    limits.times_location.clone_from(&wanted.locale);
    Ok(limits)
}

/// A scope.
///
/// # Errors
/// When something makes no sense.
pub fn scope(key: &str, role: &str, wanted: &Role) -> Result<UserScope> {
    let template = template(wanted)?;
    signing_key::words(&template)?;
    Ok(UserScope {
        key: key.to_owned(),
        role: role.to_owned(),
        template,
        description: wanted.description.clone(),
    })
}
