//! Tokens that are read in order to be changed and signed again: what we do not know in them would be lost.

use serde_json::{Map, Value};

use super::decode::Opened;
use super::{AnyClaims, DecodeError, decode, each, json};

/// Claims to be edited.
#[derive(Debug, Clone)]
pub struct Editable {
    pub claims: AnyClaims,
    /// Where the token says something that these claims cannot hold, for example `nats.limits.new_limit`: signing the claims
    /// again loses it. Empty for a token that is understood as a whole.
    pub unknown: Vec<String>,
}

/// Reads a token that is to be changed, and says what a change would lose.
///
/// # Errors
/// As [`decode`].
pub fn decode_for_edit(token: &str) -> Result<Editable, DecodeError> {
    let opened = Opened::new(token)?;
    let claims = decode(token)?;
    let known = each!(&claims, claims => serde_json::to_value(claims)).unwrap_or_default();
    let mut unknown = Vec::new();
    // What moved between the versions is known.
    let is_version1 = opened.all.contains_key("type");
    let original = json::without_nulls(Value::Object(opened.all));
    for (key, value) in original.as_object().into_iter().flatten() {
        let moved = is_version1 && matches!(key.as_str(), "type" | "tags" | "issuer_account");
        if !moved {
            compare(key, value, known.get(key), &mut unknown);
        }
    }
    if is_version1 {
        unknown.retain(|path| path != "nats.type");
    }
    // The reference writes them with every edit, also beside tiers, where they do not count.
    let tiered =
        matches!(&claims, AnyClaims::Account(a) if !a.nats.limits.tiered_limits.is_empty());
    let stores = |path: &String| path.ends_with("mem_storage") || path.ends_with("disk_storage");
    if tiered && !unknown.iter().any(stores) {
        unknown.retain(|path| !BESIDE_TIERS.contains(&path.as_str()));
    }
    Ok(Editable { claims, unknown })
}

/// Limits of JetStream that say nothing where there are tiers and no storage.
const BESIDE_TIERS: [&str; 6] = [
    "nats.limits.streams",
    "nats.limits.consumer",
    "nats.limits.max_ack_pending",
    "nats.limits.mem_max_stream_bytes",
    "nats.limits.disk_max_stream_bytes",
    "nats.limits.max_bytes_required",
];

fn compare(path: &str, original: &Value, known: Option<&Value>, unknown: &mut Vec<String>) {
    match (original, known) {
        (Value::Object(original), Some(Value::Object(known))) => {
            members(path, original, known, unknown);
        }
        (Value::Array(original), Some(Value::Array(known))) => {
            for (at, item) in original.iter().enumerate() {
                // Scoped keys are written in the order of their keys; other lists stay in their order.
                let key = item.get("key");
                let twin = match key {
                    Some(_) => known.iter().find(|known| known.get("key") == key),
                    None => known.get(at),
                };
                compare(&format!("{path}[{at}]"), item, twin, unknown);
            }
        }
        // Known fields that say nothing are not written.
        (original, None) if says_nothing(original) => {}
        (_, Some(_)) => {}
        (_, None) => unknown.push(path.to_owned()),
    }
}

fn members(
    path: &str,
    original: &Map<String, Value>,
    known: &Map<String, Value>,
    unknown: &mut Vec<String>,
) {
    for (key, value) in original {
        compare(&format!("{path}.{key}"), value, known.get(key), unknown);
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_f64() == Some(0.0),
        Value::String(value) => value.is_empty(),
        Value::Array(value) => value.is_empty(),
        Value::Object(value) => value.values().all(says_nothing),
    }
}
