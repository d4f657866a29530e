//! The file: what there shall be. Unknown fields are errors, since a mistyped limit would be no limit.
//!
//! What a section does not mention stays as it is. A list or map that is there is the whole: `exports: []` means none.

use std::collections::BTreeMap;

use nats_jwt::claims::{Permission, Permissions, ResponsePermission, TimeRange};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::refuse;
use crate::text;

/// The whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Document {
    pub operator: Operator,
    pub accounts: BTreeMap<String, Account>,
}

/// The operator: it has to be in the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Operator {
    pub name: String,
    pub account_server_url: Option<String>,
    pub service_urls: Option<Vec<String>>,
    /// Name of an account of this file or of the store.
    pub system_account: Option<String>,
    pub require_signing_keys: Option<bool>,
    pub tags: Option<Vec<String>>,
}

/// An account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    pub description: Option<String>,
    pub info_url: Option<String>,
    pub tags: Option<Vec<String>>,
    pub expires: Option<String>,
    pub limits: Limits,
    pub jetstream: Option<JetStream>,
    pub default_permissions: Option<Rights>,
    pub exports: Option<Vec<Export>>,
    pub imports: Option<Vec<Import>>,
    pub mappings: Option<BTreeMap<String, Vec<Mapping>>>,
    /// Signing keys with roles, by role.
    pub roles: Option<BTreeMap<String, Role>>,
    pub users: Option<BTreeMap<String, User>>,
}

/// A number, possibly with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub i64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number such as -1, 1000, 10K or 4MiB")
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<Number, E> {
                if value < -1 {
                    return Err(E::custom("below -1, which is no limit"));
                }
                Ok(Number(value))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Number, E> {
                i64::try_from(value).map(Number).map_err(E::custom)
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> std::result::Result<Number, E> {
                let value = text::number(value).map_err(E::custom)?;
                self.visit_i64(value)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Limits of an account; -1 is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub connections: Option<Number>,
    pub leaf_connections: Option<Number>,
    pub subscriptions: Option<Number>,
    pub payload: Option<Number>,
    pub data: Option<Number>,
    pub imports: Option<Number>,
    pub exports: Option<Number>,
    pub wildcard_exports: Option<bool>,
    pub disallow_bearer: Option<bool>,
}

/// JetStream of an account: for all replication factors, or by tier (`R1`, `R3`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JetStream {
    pub memory: Option<Number>,
    pub disk: Option<Number>,
    pub streams: Option<Number>,
    pub consumers: Option<Number>,
    pub max_ack_pending: Option<Number>,
    pub max_memory_stream: Option<Number>,
    pub max_disk_stream: Option<Number>,
    pub max_bytes_required: Option<bool>,
    pub tiers: BTreeMap<String, JetStream>,
}

/// What may be published and subscribed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rights {
    #[serde(rename = "pub")]
    pub publish: Side,
    #[serde(rename = "sub")]
    pub subscribe: Side,
    pub responses: Option<Responses>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Side {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Responses {
    pub max: i64,
    pub ttl: Option<String>,
}

impl Rights {
    /// As the token has it.
    ///
    /// # Errors
    /// When a subject or duration is none.
    pub fn permissions(&self) -> Result<Permissions> {
        let side = |side: &Side| -> Result<Permission> {
            for subject in side.allow.iter().chain(&side.deny) {
                let plain = subject.split(' ').next().unwrap_or_default();
                if !plain.contains("{{") && !nats_proto::subject::is_valid(plain.as_bytes()) {
                    refuse!("{subject:?} is no subject");
                }
            }
            let sorted = |list: &Vec<String>| {
                let mut list = list.clone();
                list.sort();
                list.dedup();
                list
            };
            Ok(Permission {
                allow: sorted(&side.allow),
                deny: sorted(&side.deny),
            })
        };
        let response = self.responses.as_ref().map(|responses| -> Result<_> {
            let ttl = responses.ttl.as_deref().unwrap_or_default();
            Ok(ResponsePermission {
                max_messages: responses.max,
                expires_ns: text::duration_ns(ttl).map_err(Error::refused)?,
            })
        });
        Ok(Permissions {
            publish: side(&self.publish)?,
            subscribe: side(&self.subscribe)?,
            response: response.transpose()?,
        })
    }
}

/// An export. `type` is `stream` (when not said) or `service`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Export {
    pub subject: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub name: Option<String>,
    pub private: bool,
    pub response_type: Option<String>,
    pub response_threshold: Option<String>,
    pub latency: Option<String>,
    pub sampling: Option<String>,
    pub allow_trace: bool,
    pub account_token_position: u64,
    pub advertise: bool,
    pub description: String,
    pub info_url: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Stream,
    Service,
}

/// An import. The exporter is an account of this file or of the store, or a public key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Import {
    pub account: String,
    pub subject: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub name: Option<String>,
    pub local_subject: Option<String>,
    pub share: bool,
    pub allow_trace: bool,
}

/// A destination of a mapped subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    pub to: String,
    pub weight: Option<u8>,
    pub cluster: String,
}

/// Declares a document that says what users may do, besides fields of its own. (A nested struct would want serde's `flatten`, which
/// cannot refuse unknown fields.)
macro_rules! allowing {
    ($(#[$meta:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$attribute])* pub $field: $kind,)*
            #[serde(rename = "pub")]
            pub publish: Side,
            #[serde(rename = "sub")]
            pub subscribe: Side,
            pub responses: Option<Responses>,
            pub bearer: bool,
            pub subscriptions: Option<Number>,
            pub payload: Option<Number>,
            pub data: Option<Number>,
            pub source_networks: Vec<String>,
            pub connection_types: Vec<String>,
            pub times: Vec<String>,
            pub locale: String,
        }

        impl $name {
            /// What it allows, as a role without a name.
            pub fn as_role(&self) -> Role {
                Role {
                    description: String::new(),
                    publish: self.publish.clone(),
                    subscribe: self.subscribe.clone(),
                    responses: self.responses.clone(),
                    bearer: self.bearer,
                    subscriptions: self.subscriptions,
                    payload: self.payload,
                    data: self.data,
                    source_networks: self.source_networks.clone(),
                    connection_types: self.connection_types.clone(),
                    times: self.times.clone(),
                    locale: self.locale.clone(),
                }
            }
        }
    };
}

allowing! {
    /// What users of a signing key may do.
    Role {
        description: String,
    }
}

allowing! {
    /// A user. With a role, the role decides what it may do.
    User {
        role: Option<String>,
        tags: Vec<String>,
        expires: Option<String>,
    }
}

/// A range of times of the day.
///
/// # Errors
/// Anything but `hh:mm:ss-hh:mm:ss`.
pub fn time_range(text: &str) -> Result<TimeRange> {
    let valid = |time: &str| nats_jwt::times::parse_time(time).is_some();
    match text.split_once('-') {
        Some((start, end)) if valid(start) && valid(end) => Ok(TimeRange {
            start: start.to_owned(),
            end: end.to_owned(),
        }),
        _ => refuse!("{text:?} is no range of times such as 08:00:00-18:00:00"),
    }
}

/// Reads a file.
///
/// # Errors
/// When it is no such document; says where.
pub fn parse(content: &str) -> Result<Document> {
    let document: Document = super::from_yaml(content)?;
    for name in document.accounts.keys() {
        crate::name::checked("account", name)?;
    }
    for user in document
        .accounts
        .values()
        .filter_map(|account| account.users.as_ref())
        .flat_map(BTreeMap::keys)
    {
        crate::name::checked("user", user)?;
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_and_what_is_not_known_is_refused() {
        let document = parse(
            "operator:\n  name: OPS\naccounts:\n  ORDERS:\n    limits: {connections: 100, payload: 1MiB, data: -1}\n    users:\n      till: {pub: {allow: [\"orders.>\"]}}\n",
        )
        .expect("a document");
        let orders = &document.accounts["ORDERS"];
        assert_eq!(orders.limits.payload, Some(Number(1 << 20)));
        assert_eq!(orders.limits.data, Some(Number(-1)));
        assert_eq!(
            orders.users.as_ref().expect("users")["till"].publish.allow,
            ["orders.>"]
        );
        for wrong in [
            "accounts:\n  A:\n    limitz: {}\n",
            "accounts:\n  A:\n    limits: {connections: many}\n",
            "accounts:\n  ../A: {}\n",
            "accounts:\n  A:\n    users:\n      a/b: {}\n",
            "accounts: [",
        ] {
            parse(wrong).expect_err(wrong);
        }
    }
}
