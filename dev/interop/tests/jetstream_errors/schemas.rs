//! Documents against the published schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jsonschema::Validator;
use nats_interop::{binary, skip};
use serde_json::Value;

/// Where the reference server (2.15.1) itself departs from its published schemas: part of the file's name, part of the problem.
const KNOWN: [(&str, &str); 4] = [
    (
        "advisory/",
        "Additional properties are not allowed ('domain' was",
    ),
    ("advisory/v1/", "/consumer_seq: "),
    ("consumer_unpin_response", "/error: \"error\" is a required"),
    ("advisory/v1/consumer_group_", "\"server\" is a required"),
];

/// The schemas that were needed so far.
pub struct Schemas {
    folder: Option<PathBuf>,
    read: BTreeMap<String, Option<Validator>>,
    pub problems: BTreeSet<String>,
    /// How many documents were held against one.
    pub checked: usize,
}

impl Schemas {
    pub fn open() -> Self {
        let folder = binary::reference_data().map(|data| data.join("schemas/jetstream"));
        if folder.is_none() {
            skip::left_out(
                "JetStream documents against schemas",
                "reference data is not here",
            );
        }
        Self {
            folder,
            read: BTreeMap::new(),
            problems: BTreeSet::new(),
            checked: 0,
        }
    }

    /// A document that names its type.
    pub fn check(&mut self, document: &Value) {
        let kind = document["type"].as_str().unwrap_or_default();
        match kind.strip_prefix("io.nats.jetstream.") {
            Some(rest) => self.check_as(&rest.replace('.', "/"), document),
            None => {
                self.problems.insert(format!("no type: {document}"));
            }
        }
    }

    /// A document of a known type, `api/v1/pub_ack_response`.
    pub fn check_as(&mut self, file: &str, document: &Value) {
        let Some(folder) = &self.folder else { return };
        let path = folder.join(format!("{file}.json"));
        let validator = self.read.entry(file.to_owned()).or_insert_with(|| {
            let schema = std::fs::read(path).ok()?;
            let schema = serde_json::from_slice(&schema).expect("a schema is JSON");
            Some(jsonschema::validator_for(&schema).expect("a schema"))
        });
        // Some answers are older than the schemas, or only in a system account.
        let Some(validator) = validator else { return };
        self.checked += 1;
        let found = validator.iter_errors(document);
        let found = found.map(|error| format!("{file}: {}: {error}", error.instance_path()));
        self.problems.extend(found.filter(|problem| {
            let known = |(of, part): &(&str, &str)| file.contains(of) && problem.contains(part);
            // Members of an empty body beside an error make an answer both in the eyes of the schema.
            let both = document["error"].is_object() && problem.contains("more than one of");
            !KNOWN.iter().any(known) && !both
        }));
    }
}
