//! A table as a JSON schema, draft 7, as `nats schema info` shows it. Shapes that are parts of others become definitions.

use serde_json::{Map, Value, json};

use super::documents::FAILURE;
use super::shape::{Form, Kind, Member, Need, Schema, Shape};

impl Schema {
    /// The JSON schema of this document.
    pub fn render(&self) -> Value {
        let mut parts = Definitions::default();
        let path = self.name.trim_start_matches("io.nats.").replace('.', "/");
        let mut document = Map::new();
        let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
        put("$schema", json!("http://json-schema.org/draft-07/schema#"));
        put("$id", json!(format!("https://nats.io/schemas/{path}.json")));
        put("title", json!(self.name));
        put("description", json!(self.about));
        put("type", json!("object"));
        let members = self.shapes().iter().flat_map(|shape| shape.members);
        let mut data = object(members, self.is_closed(), &mut parts);
        if let Some(need) = self.typed() {
            // An answer has its type beside the choice, everything else among its other members.
            let typed = if self.is_answer() {
                &mut document
            } else {
                &mut data
            };
            name_type(typed, self.name, need);
        }
        if self.is_answer() {
            let failure = object(FAILURE.members, false, &mut parts);
            document.insert("if".into(), json!({"required": ["error"]}));
            document.insert("then".into(), Value::Object(failure));
            document.insert("else".into(), Value::Object(data));
        } else {
            document.extend(data);
        }
        if !parts.0.is_empty() {
            document.insert("definitions".to_owned(), Value::Object(parts.0));
        }
        Value::Object(document)
    }
}

/// The member `type`, before all others.
fn name_type(object: &mut Map<String, Value>, name: &str, need: Need) {
    let mut properties = Map::new();
    properties.insert("type".into(), json!({"type": "string", "const": name}));
    if let Some(Value::Object(others)) = object.remove("properties") {
        properties.extend(others);
    }
    object.insert("properties".into(), Value::Object(properties));
    if need == Need::Always {
        require(object, "type");
    }
}

/// Shapes that are referred to.
#[derive(Default)]
struct Definitions(Map<String, Value>);

impl Definitions {
    /// A reference to a shape, which is described once.
    fn add(&mut self, shape: &Shape) -> Value {
        let name = shape.name.to_lowercase();
        if !self.0.contains_key(&name) {
            // First a place, for shapes that hold themselves.
            self.0.insert(name.clone(), Value::Null);
            let mut described = Map::new();
            described.insert("description".into(), json!(shape.about));
            described.insert("type".into(), json!("object"));
            described.extend(object(shape.members, shape.closed, self));
            self.0.insert(name.clone(), Value::Object(described));
        }
        json!({"$ref": format!("#/definitions/{name}")})
    }
}

fn object<'a>(
    members: impl IntoIterator<Item = &'a Member>,
    closed: bool,
    parts: &mut Definitions,
) -> Map<String, Value> {
    let mut object = Map::new();
    let (mut properties, mut conditions) = (Map::new(), Vec::new());
    for member in members {
        let mut described = kind(&member.kind, parts);
        // In this draft nothing may stand beside a reference, so a description would not be seen.
        if let Some(fields) = described
            .as_object_mut()
            .filter(|f| !f.contains_key("$ref"))
        {
            fields.insert("description".into(), json!(member.about));
        }
        properties.insert(member.name.to_owned(), described);
        match member.need {
            Need::Always => require(&mut object, member.name),
            Need::Never => {}
            Need::When(other, value) => conditions.push(json!({
                "if": {"required": [other], "properties": {other: {"const": value}}},
                "then": {"required": [member.name]},
            })),
        }
    }
    object.insert("properties".into(), Value::Object(properties));
    if closed {
        object.insert("additionalProperties".into(), json!(false));
    }
    if !conditions.is_empty() {
        object.insert("allOf".into(), Value::Array(conditions));
    }
    object
}

fn require(object: &mut Map<String, Value>, name: &str) {
    let required = object.entry("required").or_insert_with(|| json!([]));
    if let Some(required) = required.as_array_mut() {
        required.push(json!(name));
    }
}

fn kind(kind: &Kind, parts: &mut Definitions) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Text(form) => text(*form),
        Kind::OneOf(words) => json!({"type": "string", "enum": words}),
        Kind::Code(codes) => json!({"type": "integer", "enum": codes}),
        Kind::Integer(least, most) => {
            json!({"type": "integer", "minimum": bound(*least), "maximum": bound(*most)})
        }
        Kind::Number => json!({"type": "number"}),
        Kind::List(item) => json!({"type": "array", "items": self::kind(item, parts)}),
        Kind::Map(Kind::Anything) => json!({"type": "object"}),
        Kind::Map(value) => {
            json!({"type": "object", "additionalProperties": self::kind(value, parts)})
        }
        Kind::Object(shape) => parts.add(shape),
        Kind::Nullable(inner) => {
            json!({"oneOf": [self::kind(inner, parts), {"type": "null"}]})
        }
        Kind::Anything => json!({}),
    }
}

/// Bounds are those of 64 bits at most, with a sign or without.
fn bound(value: i128) -> Value {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(signed), _) => json!(signed),
        (_, Ok(unsigned)) => json!(unsigned),
        _ => Value::Null,
    }
}

fn text(form: Form) -> Value {
    match form {
        Form::Any => json!({"type": "string"}),
        Form::NotEmpty => json!({"type": "string", "minLength": 1}),
        Form::AtMost(most) => json!({"type": "string", "maxLength": most}),
        Form::Time => json!({"type": "string", "format": "date-time"}),
        Form::Name => json!({"type": "string", "minLength": 1, "pattern": "^[^.*>]+$"}),
        Form::NameOrNothing => json!({"type": "string", "pattern": "^[^.*>]*$"}),
        Form::ServiceName => {
            json!({"type": "string", "minLength": 1, "pattern": "^[a-zA-Z0-9_-]+$"})
        }
        Form::Version => json!({"type": "string", "minLength": 5, "pattern": VERSION}),
    }
}

/// Semantic versioning 2.0: three numbers without leading zeros, then a pre-release and a build.
const VERSION: &str = r"^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$";
