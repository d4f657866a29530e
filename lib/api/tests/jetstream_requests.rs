//! Request bodies are read as the JetStream API of the reference server reads them.

use nats_api::decode::{self, Mode};
use nats_api::jetstream::*;
use nats_api::time::Nanos;

fn refused(json: &str) -> String {
    decode::strict::<ConsumerCreateRequest>(json.as_bytes())
        .expect_err(json)
        .to_string()
}

#[test]
fn an_unknown_field_is_named_and_only_the_strict_reader_minds() {
    let json = br#"{"stream_name":"S","config":{"name":"C","max_delivery":3}}"#;
    let error = decode::strict::<ConsumerCreateRequest>(json).unwrap_err();
    assert_eq!(error.to_string(), r#"json: unknown field "max_delivery""#);
    let request: ConsumerCreateRequest = decode::lenient(json).unwrap();
    assert_eq!(request.config.name, "C");
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_field() {
    let table = [
        (
            r#"{"config":{"max_deliver":"3"}}"#,
            "json: cannot unmarshal string into field ConsumerConfig.max_deliver of type int64",
        ),
        (
            r#"{"config":{"max_deliver":1.5}}"#,
            "json: cannot unmarshal number 1.5 into field ConsumerConfig.max_deliver of type int64",
        ),
        (
            r#"{"config":{"opt_start_seq":-1}}"#,
            "json: cannot unmarshal number -1 into field ConsumerConfig.opt_start_seq of type uint64",
        ),
        (
            r#"{"config":{"backoff":[1,"2"]}}"#,
            "json: cannot unmarshal string into field ConsumerConfig.backoff of type int64",
        ),
        (
            r#"{"config":[]}"#,
            "json: cannot unmarshal array into field ConsumerCreateRequest.config of type ConsumerConfig",
        ),
        (
            r#"{"config":{"metadata":{"a":1}}}"#,
            "json: cannot unmarshal number 1 into field ConsumerConfig.metadata of type string",
        ),
        (
            r#"{"config":{"ack_policy":"sometimes"}}"#,
            r#"json: field ConsumerConfig.ack_policy: can not unmarshal "\"sometimes\"""#,
        ),
        (
            r#"[]"#,
            "json: cannot unmarshal array into a value of type ConsumerCreateRequest",
        ),
    ];
    for (json, text) in table {
        assert_eq!(refused(json), text, "{json}");
    }
    assert!(refused(r#"{"config":{"opt_start_time":"soon"}}"#).contains("opt_start_time"));
    assert!(refused(r#"{"config":"#).contains("EOF"));
    assert!(refused(r#"{} x"#).contains("trailing"));
}

#[test]
fn names_match_in_any_case_null_is_absent_and_nothing_is_the_empty_document() {
    let request: ConsumerCreateRequest = decode::strict(
        br#"{"Stream_Name":"S","config":{"filter_subjects":null,"ack_wait":null,"pause_until":null,"name":"C"}}"#,
    )
    .unwrap();
    assert_eq!(request.stream_name, "S");
    assert_eq!(request.config.ack_wait, Nanos(0));
    for empty in ["", "  \r\n", "{}"] {
        let request: StreamPurgeRequest = decode::strict(empty.as_bytes()).unwrap();
        assert_eq!(request, StreamPurgeRequest::default());
    }
}

#[test]
fn pedantic_stands_among_the_fields_of_a_stream_configuration() {
    let json = br#"{"name":"S","subjects":["a"],"pedantic":true}"#;
    let request = StreamConfigRequest::decode(json, Mode::Strict).unwrap();
    assert!(request.pedantic);
    assert_eq!(request.config.name, "S");
    let again = StreamConfigRequest::decode(&request.encode(), Mode::Strict).unwrap();
    assert_eq!(again, request);

    let error = StreamConfigRequest::decode(br#"{"pedantic":1}"#, Mode::Lenient).unwrap_err();
    assert!(error.to_string().contains("pedantic"), "{error}");
    let error = StreamConfigRequest::decode(br#"{"nam":"S"}"#, Mode::Strict).unwrap_err();
    assert_eq!(error.to_string(), r#"json: unknown field "nam""#);
    assert_eq!(
        StreamConfigRequest::decode(b"", Mode::Strict).unwrap(),
        StreamConfigRequest::default()
    );
}

#[test]
fn a_pull_body_is_nothing_a_number_or_an_object() {
    let table: [(&str, i64); 6] = [
        ("", 1),
        ("25", 25),
        (" 7 ", 7),
        ("lots", 1),
        (r#"{"batch":3}"#, 3),
        (r#"{"batch":3,"more":true}"#, 3),
    ];
    for (body, batch) in table {
        assert_eq!(
            PullRequest::decode(body.as_bytes()).unwrap().batch,
            batch,
            "{body}"
        );
    }
    // Some clients write out what they do not set.
    let spelled = PullRequest::decode(br#"{"Batch":3,"expires":null,"max_bytes":null}"#);
    assert_eq!(spelled.unwrap().batch, 3);
    assert!(PullRequest::decode(b"{").is_err());
    assert!(PullRequest::decode(br#"{"batch":"x"}"#).is_err());
}

#[test]
fn a_deep_body_is_refused_and_does_not_exhaust_the_stack() {
    let json = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(decode::strict::<ConsumerCreateRequest>(json.as_bytes()).is_err());
}

proptest::proptest! {
    #[test]
    fn no_body_makes_a_reader_panic(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = decode::strict::<ConsumerCreateRequest>(&body);
        let _ = StreamConfigRequest::decode(&body, Mode::Strict);
        let _ = PullRequest::decode(&body);
        let _ = reply::decode::<StreamInfoResponse>(&body);
        let _ = advisory::Event::parse(&body);
    }

    /// Any value in the place of any field is read or refused, and both readers agree on documents without unknown fields.
    #[test]
    fn any_value_in_any_field_is_read_or_refused(
        field in proptest::sample::select(&FIELDS),
        value in proptest::sample::select(&VALUES),
    ) {
        let json = format!(r#"{{"{field}":{value}}}"#);
        let strict = decode::strict::<StreamConfig>(json.as_bytes());
        let lenient = decode::lenient::<StreamConfig>(json.as_bytes());
        proptest::prop_assert_eq!(&strict, &lenient);
        if let Err(error) = strict {
            proptest::prop_assert!(error.to_string().contains(field), "{} {}", error, field);
        }
    }
}

const FIELDS: [&str; 10] = [
    "name",
    "subjects",
    "retention",
    "max_msgs",
    "max_age",
    "max_msg_size",
    "first_seq",
    "sealed",
    "consumer_limits",
    "metadata",
];

const VALUES: [&str; 14] = [
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "18446744073709551615",
    "99999999999999999999",
    r#""""#,
    r#""limits""#,
    "[]",
    r#"["a"]"#,
    "[1]",
    "{}",
    r#"{"max_ack_pending":1}"#,
];
