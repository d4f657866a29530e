use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::UserPermissionLimits;
use super::user::TemplateDocument;

/// A signing key whose users all have the same permissions and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserScope {
    /// Public key (account).
    pub key: String,
    /// The name of the scope.
    pub role: String,
    pub template: UserPermissionLimits,
    pub description: String,
}

impl UserScope {
    /// A scope that forbids and limits nothing.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            role: String::new(),
            template: UserPermissionLimits::unlimited(),
            description: String::new(),
        }
    }
}

/// The keys that sign for an account, plain and scoped, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SigningKeys(BTreeMap<String, Option<UserScope>>);

impl SigningKeys {
    /// Each key with its scope, if it has one.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&UserScope>)> {
        self.0
            .iter()
            .map(|(key, scope)| (key.as_str(), scope.as_ref()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The scope of a scoped key.
    pub fn scope(&self, key: &str) -> Option<&UserScope> {
        self.0.get(key).and_then(Option::as_ref)
    }

    /// The scope of a scoped key, to change it. Its key must stay what it is.
    pub fn scope_mut(&mut self, key: &str) -> Option<&mut UserScope> {
        self.0.get_mut(key).and_then(Option::as_mut)
    }

    /// The scope with this role.
    pub fn role(&self, role: &str) -> Option<&UserScope> {
        self.0.values().flatten().find(|scope| scope.role == role)
    }

    /// Adds a plain key; a scope that was there is gone.
    pub fn add(&mut self, key: impl Into<String>) {
        self.0.insert(key.into(), None);
    }

    /// Adds a scoped key, replacing what was there under the same key.
    pub fn add_scoped(&mut self, scope: UserScope) {
        self.0.insert(scope.key.clone(), Some(scope));
    }

    /// Whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }
}

/// A scoped key as it stands in the list.
#[derive(Serialize, Deserialize)]
struct ScopeDocument {
    kind: ScopeKind,
    #[serde(default)]
    key: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    template: TemplateDocument,
    #[serde(default)]
    description: String,
}

#[derive(Serialize, Deserialize)]
enum ScopeKind {
    #[serde(rename = "user_scope")]
    User,
}

impl Serialize for SigningKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (key, scope) in &self.0 {
            match scope.clone() {
                None => list.serialize_element(key)?,
                Some(scope) => list.serialize_element(&ScopeDocument {
                    kind: ScopeKind::User,
                    key: scope.key,
                    role: scope.role,
                    template: scope.template.into(),
                    description: scope.description,
                })?,
            }
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for SigningKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = SigningKeys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of signing keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<SigningKeys, A::Error> {
        let mut keys = SigningKeys::default();
        while let Some(item) = items.next_element::<Item>()? {
            match item {
                Item::Plain(key) => keys.add(key),
                Item::Scoped(scope) => keys.add_scoped(*scope),
            }
        }
        Ok(keys)
    }
}

enum Item {
    Plain(String),
    Scoped(Box<UserScope>),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a public key or a scope")
    }

    fn visit_str<E>(self, key: &str) -> Result<Item, E> {
        Ok(Item::Plain(key.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Item, A::Error> {
        let read = ScopeDocument::deserialize(MapAccessDeserializer::new(members))?;
        Ok(Item::Scoped(Box::new(UserScope {
            key: read.key,
            role: read.role,
            template: read.template.into(),
            description: read.description,
        })))
    }
}
