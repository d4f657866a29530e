//! Reading a request body the way the JetStream API does: strictly, with errors that name the field.
//!
//! Plain `serde_json` reading serves clients; a server has to refuse a field that it does not know (the user meant
//! something by it) and say which one, on documents that have no flag for it in their types. [`strict`] and [`lenient`]
//! share one reader over the parsed tree, so both agree on everything else: names match in any case, `null` is an absent
//! field, an empty body is the empty document.

use std::fmt::{self, Display};

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// Why a body is not the document that was asked for. The text completes "invalid JSON: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

/// What to do with a field that the document does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Refuse the document and name the field.
    Strict,
    /// Go on without it.
    Lenient,
}

/// Reads a document; a field that it does not have is an error.
pub fn strict<T: DeserializeOwned + Default>(json: &[u8]) -> Result<T, DecodeError> {
    document(json, Mode::Strict)
}

/// Reads a document; fields that it does not have are passed over.
pub fn lenient<T: DeserializeOwned + Default>(json: &[u8]) -> Result<T, DecodeError> {
    document(json, Mode::Lenient)
}

/// Reads a document in the given mode.
pub fn document<T: DeserializeOwned + Default>(json: &[u8], mode: Mode) -> Result<T, DecodeError> {
    match tree(json)? {
        Some(value) => from_tree(&value, mode),
        None => Ok(T::default()),
    }
}

/// Parses a body without reading it as a document. `None` when it is empty or `null`, which says as much.
pub(crate) fn tree(json: &[u8]) -> Result<Option<Value>, DecodeError> {
    if json.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    match serde_json::from_slice(json) {
        Ok(Value::Null) => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(DecodeError(error.to_string())),
    }
}

/// Reads a document from a parsed tree.
pub(crate) fn from_tree<T: DeserializeOwned>(value: &Value, mode: Mode) -> Result<T, DecodeError> {
    T::deserialize(Node {
        value,
        place: Place::default(),
        mode,
    })
}

/// The field that is being read, for error texts.
#[derive(Clone, Copy, Default)]
struct Place {
    document: &'static str,
    field: &'static str,
}

#[derive(Clone, Copy)]
struct Node<'a> {
    value: &'a Value,
    place: Place,
    mode: Mode,
}

impl<'a> Node<'a> {
    fn at(self, value: &'a Value) -> Self {
        Self { value, ..self }
    }

    fn mismatch(&self, wanted: &str) -> DecodeError {
        let found = match self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) => format!("number {number}"),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        let Place { document, field } = self.place;
        DecodeError(if document.is_empty() {
            format!("json: cannot unmarshal {found} into a value of type {wanted}")
        } else {
            format!("json: cannot unmarshal {found} into field {document}.{field} of type {wanted}")
        })
    }

    /// An error of a value's own reader gets the name of the field in front, once.
    fn located<T>(&self, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
        result.map_err(|DecodeError(text)| {
            let Place { document, field } = self.place;
            if document.is_empty() || text.starts_with("json: ") {
                DecodeError(text)
            } else {
                DecodeError(format!("json: field {document}.{field}: {text}"))
            }
        })
    }
}

macro_rules! integer {
    ($($method:ident $visit:ident $type:ty, $as:ident, $name:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let number = match self.value {
                Value::Number(number) => number.$as().and_then(|n| <$type>::try_from(n).ok()),
                _ => None,
            };
            visitor.$visit(number.ok_or_else(|| self.mismatch($name))?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = DecodeError;

    integer! {
        deserialize_i8 visit_i8 i8, as_i64, "int8";
        deserialize_i16 visit_i16 i16, as_i64, "int16";
        deserialize_i32 visit_i32 i32, as_i64, "int32";
        deserialize_i64 visit_i64 i64, as_i64, "int64";
        deserialize_u8 visit_u8 u8, as_u64, "uint8";
        deserialize_u16 visit_u16 u16, as_u64, "uint16";
        deserialize_u32 visit_u32 u32, as_u64, "uint32";
        deserialize_u64 visit_u64 u64, as_u64, "uint64";
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let number = self
            .value
            .as_f64()
            .ok_or_else(|| self.mismatch("float64"))?;
        visitor.visit_f64(number)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_bool(self.value.as_bool().ok_or_else(|| self.mismatch("bool"))?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let text = self.value.as_str().ok_or_else(|| self.mismatch("string"))?;
        visitor.visit_str(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Value::Array(items) = self.value else {
            return Err(self.mismatch("list"));
        };
        visitor.visit_seq(Items {
            node: self,
            rest: items.iter(),
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Value::Object(members) = self.value else {
            return Err(self.mismatch("map"));
        };
        visitor.visit_map(Members {
            node: self,
            fields: None,
            rest: members.iter(),
            value: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let Value::Object(members) = self.value else {
            return Err(self.mismatch(name));
        };
        let place = Place {
            document: name,
            field: "",
        };
        visitor.visit_map(Members {
            node: Node { place, ..self },
            fields: Some(fields),
            rest: members.iter(),
            value: None,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let text = self.value.as_str().ok_or_else(|| self.mismatch("string"))?;
        let variant: StrDeserializer<'_, DecodeError> = text.into_deserializer();
        visitor.visit_enum(variant)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(_) => self.deserialize_bool(visitor),
            Value::Number(number) if number.is_u64() => self.deserialize_u64(visitor),
            Value::Number(number) if number.is_i64() => self.deserialize_i64(visitor),
            Value::Number(_) => self.deserialize_f64(visitor),
            Value::String(_) => self.deserialize_str(visitor),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Items<'a> {
    node: Node<'a>,
    rest: std::slice::Iter<'a, Value>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        match self.rest.next() {
            Some(item) => seed.deserialize(self.node.at(item)).map(Some),
            None => Ok(None),
        }
    }
}

/// The members of an object: of a map (every name is welcome), or of a document with these fields.
struct Members<'a> {
    node: Node<'a>,
    fields: Option<&'static [&'static str]>,
    rest: serde_json::map::Iter<'a>,
    value: Option<&'a Value>,
}

fn field_named(fields: &[&'static str], name: &str) -> Option<&'static str> {
    let exact = fields.iter().find(|field| **field == name);
    exact
        .or_else(|| fields.iter().find(|field| field.eq_ignore_ascii_case(name)))
        .copied()
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        for (name, value) in self.rest.by_ref() {
            let Some(fields) = self.fields else {
                self.value = Some(value);
                let key: StrDeserializer<'_, DecodeError> = name.as_str().into_deserializer();
                return seed.deserialize(key).map(Some);
            };
            match field_named(fields, name) {
                Some(_) if value.is_null() => {}
                Some(field) => {
                    self.value = Some(value);
                    self.node.place.field = field;
                    let key: StrDeserializer<'_, DecodeError> = field.into_deserializer();
                    return seed.deserialize(key).map(Some);
                }
                None if self.node.mode == Mode::Strict => {
                    return Err(DecodeError(format!("json: unknown field {name:?}")));
                }
                None => {}
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        let value = self
            .value
            .take()
            .ok_or_else(|| DecodeError::custom("a value without its name"))?;
        self.node.located(seed.deserialize(self.node.at(value)))
    }
}

impl serde::de::Error for DecodeError {
    fn custom<T: Display>(text: T) -> Self {
        Self(text.to_string())
    }

    fn unknown_variant(variant: &str, _expected: &'static [&'static str]) -> Self {
        Self(format!("can not unmarshal {:?}", format!("\"{variant}\"")))
    }
}

/// Takes one member out of an object, in whatever case it is written.
pub(crate) fn take(members: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = members
        .keys()
        .find(|key| key.eq_ignore_ascii_case(name))?
        .clone();
    members.shift_remove(&key)
}

impl DecodeError {
    pub(crate) fn wrong_type(document: &str, field: &str, wanted: &str) -> Self {
        let text = fmt::format(format_args!(
            "json: cannot unmarshal into field {document}.{field} of type {wanted}"
        ));
        Self(text)
    }
}
