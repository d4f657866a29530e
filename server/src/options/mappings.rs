//! Subject mappings, of the global account and of others: messages that go by another subject than they came by.

use nats_conf::{Map, Node, Value};
use nats_proto::subject;

use super::setting::{self, Reading, Setting};
use super::table::{Key, Reload, key};

/// Messages published to `subject` are delivered on other subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Subject, wildcards allowed.
    pub subject: String,
    /// Where to, with weights that sum to at most 100 per cluster; the rest stays on `subject`.
    pub destinations: Vec<MappingDestination>,
}

/// One way of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingDestination {
    /// Subject, with transforms.
    pub subject: String,
    /// Percentage of the messages, 0 to 100.
    pub weight: u8,
    /// Only in this cluster.
    pub cluster: Option<String>,
}

/// One destination of a mapping while it is read.
#[derive(Default)]
pub(super) struct DestinationDraft {
    subject: String,
    weight: Option<u8>,
    cluster: Option<String>,
}

pub(super) static DESTINATION_KEYS: &[Key<DestinationDraft>] = &[
    key!(
        "destination" | "dest",
        "subject",
        "required",
        Reload::Inside,
        "Subject that messages are delivered on; may hold transforms like `{{wildcard(1)}}`.",
        subject = setting::text
    ),
    key!(
        "weight",
        "0 to 100",
        "required",
        Reload::Inside,
        "Percentage of the messages; `\"20%\"` or 20.",
        weight = |setting: &Setting<'_>, reading: &mut Reading| percent(setting, reading).map(Some)
    ),
    key!(
        "cluster",
        "name",
        "all",
        Reload::Inside,
        "Only in this cluster.",
        cluster = setting::optional_text
    ),
];

pub(super) fn mappings(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<Mapping>> {
    let map = setting::map(setting, reading)?;
    Some(
        map.iter()
            .filter_map(|(source, node)| mapping(source, node, reading))
            .collect(),
    )
}

fn mapping(source: &str, node: &Node, reading: &mut Reading) -> Option<Mapping> {
    if !subject::is_valid(source.as_bytes()) {
        reading.error(
            &node.at,
            format!("Subject {source:?} is not a valid subject"),
        );
        return None;
    }
    let destinations = match &node.value {
        Value::String(subject) => vec![MappingDestination {
            subject: subject.clone(),
            weight: 100,
            cluster: None,
        }],
        Value::Map(map) => destination(map, node, reading).into_iter().collect(),
        Value::Array(items) => {
            let one = |item: &Node, reading: &mut Reading| match &item.value {
                Value::Map(map) => destination(map, item, reading),
                _ => {
                    reading.error(&item.at, "Expected an entry for the mapping destination");
                    None
                }
            };
            items.iter().filter_map(|item| one(item, reading)).collect()
        }
        other => {
            reading.error(
                &node.at,
                format!(
                    "Expected a subject, a map or a list for the mapping destination, got {}",
                    other.kind()
                ),
            );
            return None;
        }
    };
    let checked: Vec<_> = destinations
        .iter()
        .map(|one| nats_proto::transform::Destination {
            cluster: one.cluster.clone().unwrap_or_default(),
            ..nats_proto::transform::Destination::new(one.subject.clone(), one.weight)
        })
        .collect();
    if let Err(error) = nats_proto::transform::Mappings::new().add(source, &checked) {
        let is_cut =
            |to: &MappingDestination| to.subject.contains("{{") && !to.subject.contains("}}");
        let hint = match destinations.iter().any(is_cut) {
            true => "; a '}' ends a value without quotes: put the destination in quotes",
            false => "",
        };
        reading.error(
            &node.at,
            format!("Error adding mapping for {source:?} : {error}{hint}"),
        );
        return None;
    }
    Some(Mapping {
        subject: source.to_owned(),
        destinations,
    })
}

fn destination(map: &Map, node: &Node, reading: &mut Reading) -> Option<MappingDestination> {
    let mut draft = DestinationDraft::default();
    let known_errors = reading.errors.len();
    super::table::read_block(&mut draft, &[DESTINATION_KEYS], map, reading);
    if reading.errors.len() > known_errors {
        return None;
    }
    let Some(weight) = draft.weight else {
        reading.error(
            &node.at,
            format!("Missing weight for mapping destination {:?}", draft.subject),
        );
        return None;
    };
    Some(MappingDestination {
        subject: draft.subject,
        weight,
        cluster: draft.cluster,
    })
}

/// A percentage as a number or as text with or without the sign, 0 to 100.
pub(super) fn percent(setting: &Setting<'_>, reading: &mut Reading) -> Option<u8> {
    let number = match &setting.node.value {
        Value::Integer(number) => Some(*number),
        Value::String(text) => text.strip_suffix('%').unwrap_or(text).parse().ok(),
        _ => None,
    };
    let percent = number
        .and_then(|number| u8::try_from(number).ok())
        .filter(|percent| *percent <= 100);
    if percent.is_none() {
        reading.bad(
            setting,
            format!("{} must be a percentage from 0 to 100", setting.name),
        );
    }
    percent
}
