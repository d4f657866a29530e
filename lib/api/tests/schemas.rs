//! Our schemas say what the published ones say, servers send what they describe, and both ways of checking agree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use nats_api::schema::{self, Schema};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// Where ours and the published schemas differ on purpose: part of the difference as it is told, and why.
const MEANT: [(&str, &str); 22] = [
    ("v1.server_fault is ours alone", "an advisory of ours"),
    ("v1.stream_fault is ours alone", "an advisory of ours"),
    (
        "v1.meta_rescue is ours alone",
        "servers of 2.15 send it; the schemas are older",
    ),
    (
        " domain is ours alone",
        "servers of a domain say so in every event",
    ),
    (
        " account is ours alone",
        "servers send it in more events than the schemas know",
    ),
    (
        "v1.nak consumer_seq: type",
        "servers send a number, the schema wants a text",
    ),
    (
        "v1.terminated consumer_seq: type",
        "servers send a number, the schema wants a text",
    ),
    (
        "replicas: type",
        "servers send a list, the schema wants one member",
    ),
    ("replicas[]", "the members of that list"),
    ("replicas.", "what the schema takes for one member"),
    (
        "server: missing member",
        "required, not described, and no other member is allowed: nothing fits that schema",
    ),
    (
        "stream_names_response consumers",
        "the schema describes the list by the name of another one",
    ),
    (
        "stream_names_response streams",
        "and requires it by its own name",
    ),
    (
        "stream_update_request pedantic",
        "servers read it there as well",
    ),
    (
        "abandoned reason: words",
        "servers of 2.15 also say `unsupported`",
    ),
    ("snapshot_create block", "servers do not send that"),
    ("snapshot_create state", "but this"),
    (
        "consumer_unpin_response error",
        "the schema has the error in an error; servers do not",
    ),
    ("account_connections name is", "servers send it"),
    (
        "account_connections num_subscriptions is",
        "servers send it",
    ),
    (
        "server.metadata{} is",
        "the schema does not say what is in it",
    ),
    ("server.feature_flags", "servers of 2.15 send it"),
];

/// What a schema says about one place in a document.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Fact {
    types: BTreeSet<String>,
    required: bool,
    words: BTreeSet<String>,
    bounds: (Option<i128>, Option<i128>),
    closed: bool,
    form: Option<String>,
}

/// What a schema says, by place: `config.sources[].name`.
struct Facts<'a> {
    whole: &'a Value,
    by_place: BTreeMap<String, Fact>,
}

impl<'a> Facts<'a> {
    fn of(schema: &'a Value) -> BTreeMap<String, Fact> {
        let mut facts = Self {
            whole: schema,
            by_place: BTreeMap::new(),
        };
        facts.read(schema, "");
        facts.by_place
    }

    fn read(&mut self, schema: &Value, at: &str) {
        if let Some(path) = schema["$ref"].as_str() {
            let part = self.whole.pointer(path.trim_start_matches('#'));
            return self.read(&part.expect(path).clone(), at);
        }
        let fact = self.by_place.entry(at.to_owned()).or_default();
        match &schema["type"] {
            Value::String(name) => _ = fact.types.insert(name.clone()),
            Value::Array(names) => fact
                .types
                .extend(names.iter().map(|n| n.as_str().unwrap().to_owned())),
            _ => {}
        }
        let words = schema["enum"].as_array().into_iter().flatten();
        fact.words
            .extend(words.chain(schema.get("const")).map(Value::to_string));
        let number = |name: &str| {
            if schema["type"] != "integer" {
                return None;
            }
            schema[name].as_number()?.as_i128()
        };
        fact.bounds.0 = number("minimum").or(fact.bounds.0);
        fact.bounds.1 = number("maximum").or(fact.bounds.1);
        fact.closed |= schema["additionalProperties"] == false;
        fact.form = form(schema).or(fact.form.take());
        let inner = |name: &str| {
            if at.is_empty() {
                name.to_owned()
            } else {
                format!("{at}.{name}")
            }
        };
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = inner(name.as_str().unwrap());
            self.by_place.entry(name).or_default().required = true;
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            self.read(member, &inner(name));
        }
        if schema["items"].is_object() {
            self.read(&schema["items"], &format!("{at}[]"));
        }
        if schema["additionalProperties"].is_object() {
            self.read(&schema["additionalProperties"], &format!("{at}{{}}"));
        }
        for value in schema["patternProperties"]
            .as_object()
            .into_iter()
            .flatten()
        {
            self.read(value.1, &format!("{at}{{}}"));
        }
        for of in ["allOf", "oneOf"] {
            for part in schema[of].as_array().into_iter().flatten() {
                self.read(part, at);
            }
        }
        for part in ["then", "else"] {
            if schema[part].is_object() {
                self.read(&schema[part], at);
            }
        }
    }
}

/// Everything else that a schema demands of a text.
fn form(schema: &Value) -> Option<String> {
    let least = schema["minLength"].as_u64().filter(|least| *least > 0);
    let most = schema["maxLength"].as_u64();
    (least.is_some() || most.is_some()).then(|| format!("{least:?}-{most:?}"))
}

/// What the published schema and ours say differently, in words.
fn differences(name: &str, theirs: &Value, ours: &Value) -> Vec<String> {
    let (theirs, ours) = (Facts::of(theirs), Facts::of(ours));
    let mut found = Vec::new();
    let mut note = |place: &str, what: String| found.push(format!("{name} {place}{what}"));
    for (place, fact) in &theirs {
        let Some(own) = ours.get(place) else {
            note(
                place,
                ": missing member that is ".to_owned()
                    + if fact.required { "required" } else { "known" },
            );
            continue;
        };
        if fact.types != own.types && !fact.types.is_empty() {
            note(
                place,
                format!(": type {:?} is {:?} here", fact.types, own.types),
            );
        }
        if fact.required != own.required {
            note(
                place,
                format!(": required there {}, here {}", fact.required, own.required),
            );
        }
        if fact.words != own.words && !fact.words.is_empty() {
            note(
                place,
                format!(": words {:?} are {:?} here", fact.words, own.words),
            );
        }
        for (theirs, own) in [(fact.bounds.0, own.bounds.0), (fact.bounds.1, own.bounds.1)] {
            if theirs.is_some() && theirs != own {
                note(place, format!(": bound {theirs:?} is {own:?} here"));
            }
        }
        if fact.closed != own.closed {
            note(
                place,
                format!(
                    ": other members allowed there {}, here {}",
                    !fact.closed, !own.closed
                ),
            );
        }
        if fact.form.is_some() && fact.form != own.form {
            note(
                place,
                format!(": form {:?} is {:?} here", fact.form, own.form),
            );
        }
    }
    for place in ours.keys().filter(|place| !theirs.contains_key(*place)) {
        note(&place.to_string(), " is ours alone".to_owned());
    }
    found
}

fn published() -> Option<Vec<(String, Value)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/schemas");
    if !folder.is_dir() {
        eprintln!("SKIPPED: schemas against the published ones, which are not here");
        return None;
    }
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let schema: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            // The list of errors is beside them.
            if let Some(name) = schema["title"].as_str() {
                found.push((name.to_owned(), schema.clone()));
            }
        }
    }
    Some(found)
}

#[test]
fn ours_say_what_the_published_schemas_say() {
    let Some(published) = published() else { return };
    let mut found = Vec::new();
    for (name, theirs) in &published {
        match schema::find(name) {
            Some(ours) => found.extend(differences(name, theirs, &ours.render())),
            None => found.push(format!("{name} is theirs alone")),
        }
    }
    for ours in schema::all() {
        if !published.iter().any(|(name, _)| name == ours.name) {
            found.push(format!("{} is ours alone", ours.name));
        }
    }
    let excuse = |difference: &String| MEANT.iter().any(|(part, _)| difference.contains(part));
    let unmeant: Vec<_> = found
        .iter()
        .filter(|difference| !excuse(difference))
        .collect();
    assert!(unmeant.is_empty(), "{unmeant:#?}");
    for (part, _) in MEANT {
        let used = found.iter().any(|difference| difference.contains(part));
        assert!(used, "nothing differs by {part:?} any more");
    }
}

#[test]
fn names_are_unique_and_sorted() {
    let names: Vec<_> = schema::all().iter().map(|schema| schema.name).collect();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
}

/// Documents that a reference server sent, with their schemas.
fn observed() -> Vec<(&'static Schema, Value)> {
    let by_type: Map<String, Value> =
        serde_json::from_str(include_str!("jetstream_shapes.json")).unwrap();
    let mut found = Vec::new();
    for (name, texts) in by_type {
        let Some(schema) = schema::find(&name) else {
            continue;
        };
        for text in texts.as_array().unwrap() {
            let document = serde_json::from_str(text.as_str().unwrap()).unwrap();
            found.push((schema, document));
        }
    }
    let shapes: Value = serde_json::from_str(include_str!("shapes.json")).unwrap();
    for (kind, name) in [
        ("varz", "monitor.v1.varz"),
        ("connect", "advisory.v1.client_connect"),
        ("disconnect", "advisory.v1.client_disconnect"),
        ("account connections", "advisory.v1.account_connections"),
        ("latency", "metric.v1.service_latency"),
    ] {
        let name = format!("io.nats.server.{name}");
        let schema = schema::find(&name).unwrap();
        for document in shapes[kind].as_object().unwrap().values() {
            let mut document = document.clone();
            // The types were replaced by stand-ins.
            if document["type"].is_string() {
                document["type"] = json!(name);
            }
            found.push((schema, document));
        }
    }
    found
}

#[test]
fn what_servers_send_fits() {
    let observed = observed();
    assert!(observed.len() > 40, "{} documents only", observed.len());
    let mut problems = BTreeSet::new();
    for (schema, document) in observed {
        let found = schema.check(&document).into_iter();
        problems.extend(found.map(|problem| format!("{} {problem}", schema.name)));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Puts something else in the place of one value of a document, or takes it away.
fn spoil(document: &mut Value, place: &Index, spoilt: &Option<Value>) {
    fn places(value: &Value, at: &str, all: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    places(value, &at, all);
                    all.push(at);
                }
            }
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    places(value, &format!("{at}/{index}"), all);
                    all.push(format!("{at}/{index}"));
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    places(document, "", &mut all);
    if all.is_empty() {
        return;
    }
    let at = place.get(&all);
    match spoilt {
        Some(value) => *document.pointer_mut(at).unwrap() = value.clone(),
        None => {
            let (parent, name) = at.rsplit_once('/').unwrap();
            if let Some(members) = document.pointer_mut(parent).unwrap().as_object_mut() {
                members.shift_remove(&name.replace("~1", "/").replace("~0", "~"));
            }
        }
    }
}

fn spoilt() -> Vec<Option<Value>> {
    vec![
        None,
        Some(Value::Null),
        Some(json!(true)),
        Some(json!(0)),
        Some(json!(-1)),
        Some(json!(1.5)),
        Some(json!(2.0)),
        Some(json!(u64::MAX)),
        Some(json!("")),
        Some(json!("a.b")),
        Some(json!("word")),
        Some(json!("file")),
        Some(json!("by_start_time")),
        Some(json!("2026-11-27T20:15:00Z")),
        Some(json!([])),
        Some(json!([1])),
        Some(json!(["a"])),
        Some(json!({})),
        Some(json!({"unknown": 1})),
        Some(json!({"code": 404, "err_code": 10059})),
    ]
}

/// The same, with an independent reader of the JSON schema that we show.
static OBSERVED: LazyLock<Vec<(&Schema, Value, jsonschema::Validator)>> = LazyLock::new(|| {
    let with_reader = |(schema, document): (&'static Schema, Value)| {
        let reader = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft7)
            .should_validate_formats(true)
            .build(&schema.render());
        (schema, document, reader.expect("a schema"))
    };
    observed().into_iter().map(with_reader).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Our checker and an independent reader of the JSON schema that we show are of one opinion about every document.
    #[test]
    fn the_checker_and_the_json_schema_agree(
        which in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), select(spoilt())), 0..3),
    ) {
        let (schema, document, validator) = which.get(&OBSERVED);
        let mut document = document.clone();
        for (place, value) in &changes {
            spoil(&mut document, place, value);
        }
        let problems = schema.check(&document);
        let theirs: Vec<_> = validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        prop_assert_eq!(problems.is_empty(), theirs.is_empty(), "{} {}\n{:?}\n{:?}", schema.name, document, problems, theirs);
    }
}

/// The reader of requests knows every member of a table, and the table every member that our types write.
fn same_members<T>(name: &str, filled: &str)
where
    T: serde::de::DeserializeOwned + serde::Serialize + Default,
{
    let schema = schema::find(name).unwrap();
    let rendered = schema.render();
    for member in rendered["properties"].as_object().unwrap().keys() {
        let document = json!({member: null}).to_string();
        let read = nats_api::decode::strict::<T>(document.as_bytes());
        assert!(read.is_ok(), "{name}: {member}: {:?}", read.err());
    }
    let filled: T = nats_api::decode::strict(filled.as_bytes()).expect(name);
    for document in [T::default(), filled] {
        let written = serde_json::to_value(document).unwrap();
        for member in written.as_object().unwrap().keys() {
            let known = rendered["properties"].get(member).is_some();
            assert!(known, "{name}: {member} is not described");
        }
    }
}

#[test]
fn tables_and_types_have_the_same_members() {
    use nats_api::jetstream::*;
    let of = |name: &str| format!("io.nats.jetstream.api.v1.{name}");
    same_members::<StreamConfig>(&of("stream_configuration"), "{}");
    same_members::<ConsumerConfig>(&of("consumer_configuration"), "{}");
    same_members::<ConsumerCreateRequest>(
        &of("consumer_create_request"),
        r#"{"action":"create","pedantic":true}"#,
    );
    same_members::<StreamInfoRequest>(
        &of("stream_info_request"),
        r#"{"deleted_details":true,"subjects_filter":"a","offset":1}"#,
    );
    same_members::<StreamPurgeRequest>(
        &of("stream_purge_request"),
        r#"{"filter":"a","seq":1,"keep":1}"#,
    );
    same_members::<StreamSnapshotRequest>(
        &of("stream_snapshot_request"),
        r#"{"deliver_subject":"a","jsck":true}"#,
    );
    same_members::<StreamRestoreRequest>(&of("stream_restore_request"), "{}");
}
