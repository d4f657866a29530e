//! Under which name a stream knows one of its upstreams.
//!
//! The name stands in the `Nats-Stream-Source` header of every sourced message: after a restart it tells which source a stored message
//! came from. Two sources with the same name cannot be told apart.

use nats_api::jetstream::StreamSource;
use nats_proto::name_hash::name_hash_8;

/// Between several filters or destinations in one name.
pub const LIST_SEPARATOR: &str = "\x0c";

/// The stream and where it is: `name[:hash of the API prefix][:C=hash of the consumer]`.
pub fn short(source: &StreamSource) -> String {
    let mut name = place(source);
    if let Some(consumer) = &source.consumer {
        name.push_str(":C=");
        name.push_str(&name_hash_8(&consumer.name));
    }
    name
}

/// The whole name: the short one, the filters and the destinations. An empty filter or destination is `>`.
pub fn full(source: &StreamSource) -> String {
    let (filters, destinations) = filters_and_destinations(source);
    format!("{} {filters} {destinations}", short(source))
}

/// The name under which a consumer that was made beforehand is used by this source.
pub(super) fn with_consumer(source: &StreamSource) -> String {
    let consumer = source.consumer.as_ref().map_or("", |c| &c.name);
    format!("{} {consumer}", place(source))
}

/// Filters and destinations as they stand in the name.
pub fn filters_and_destinations(source: &StreamSource) -> (String, String) {
    if source.subject_transforms.is_empty() {
        return (
            all_if_empty(&source.filter_subject).to_owned(),
            ">".to_owned(),
        );
    }
    let join = |texts: Vec<&str>| texts.join(LIST_SEPARATOR);
    let transforms = &source.subject_transforms;
    (
        join(transforms.iter().map(|t| all_if_empty(&t.src)).collect()),
        join(transforms.iter().map(|t| all_if_empty(&t.dest)).collect()),
    )
}

fn place(source: &StreamSource) -> String {
    match &source.external {
        Some(external) => format!("{}:{}", source.name, name_hash_8(&external.api)),
        None => source.name.clone(),
    }
}

fn all_if_empty(subject: &str) -> &str {
    if subject.is_empty() { ">" } else { subject }
}
