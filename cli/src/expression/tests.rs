use serde_json::json;

use super::{Expression, ExpressionError, Scope, Value};

fn scope() -> Scope {
    let document = json!({
        "name": "ORDERS",
        "state": {"messages": 7, "bytes": 18_446_744_073_709_551_615_u64, "first_ts": "2026-01-31T12:00:00Z"},
        "cluster": {"name": "lon", "replicas": [{"name": "n2", "lag": 0}, {"name": "n3", "lag": 12}]},
        "config": {"subjects": ["js.in.orders_1", "js.in.orders_2"], "max_age": 3_600_000_000_000_i64, "max_msgs_per_subject": 5},
        "tags": {"a": 1},
    });
    Scope::default()
        .with(&["info", "Info"], &document)
        .unwrap()
        .with(&["state"], &document["state"])
        .unwrap()
}

fn value(text: &str) -> Result<Value, ExpressionError> {
    text.parse::<Expression>()?.value(&scope())
}

fn holds(text: &str) -> bool {
    let expression: Expression = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
    expression
        .holds(&scope())
        .unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn what_users_of_the_reference_tool_write_is_answered() {
    for yes in [
        "state.messages < 10",
        "Info.State.Msgs < 10",
        "info.state.messages == 7 and info.state.bytes > 1e18",
        "state.bytes == 18446744073709551615",
        r#"info.cluster.name in ["lon", "sfo"]"#,
        r#""js.in.orders_1" in info.config.subjects"#,
        r#"info.name startsWith "ORD" && info.name endsWith 'RS'"#,
        r#"info.name matches "^O.D" and info.name not matches "^X""#,
        r#"info.name contains "DER" or fail"#,
        "any(info.cluster.replicas, {.lag > 10})",
        "all(info.cluster.replicas, #.name startsWith 'n')",
        "none(info.cluster.replicas, .lag > 100) and one(info.cluster.replicas, {.lag == 12})",
        "count(info.cluster.replicas, {.lag == 0}) == 1",
        "len(filter(info.config.subjects, {# endsWith '_2'})) == 1",
        "sum(info.cluster.replicas, .lag) == 12",
        "sum(map(info.cluster.replicas, .lag)) == 12 && len(info.name) == 6",
        "info.cluster.replicas[-1].name == 'n3' && info.cluster.replicas[0]['name'] == 'n2'",
        "info.config.subjects[1:][0] == 'js.in.orders_2' and info.name[:3] == 'ORD'",
        "duration(info.config.max_age) == duration('1h')",
        "now() - date(info.state.first_ts) > duration('24h')",
        "lower(info.name) == 'orders' ? true : false",
        "info.cluster?.name == 'lon' and (info.missing ?? 3) == 3",
        "let c = info.cluster; c.name == 'lon' && len(c.replicas) == 2",
        "info.config.subjects | len() == 2",
        "2 ** 3 ** 2 == 512 and -2 ** 2 == -4 and 7 % 4 == 3 and 7 / 2 == 3.5",
        "5 in 1..5 and 6 not in 1..5 and 'a' in info.tags",
        "max(1, 5, 3) == 5 and min([4, 2]) == 2 and {a: 1}.a == 1",
        "not (info.name == 'x') and !false",
        "info.Config.MaxMsgsPer == 5",
    ] {
        assert!(holds(yes), "{yes}");
    }
}

#[test]
fn what_a_document_leaves_out_is_the_zero_of_its_kind() {
    for yes in [
        "info.state.num_deleted == 0",
        "info.config.description == ''",
        "info.config.sealed == false and not info.config.sealed",
        "info.mirror == nil and info.mirror.name == nil",
        "info.state.num_deleted < 1 and len(info.sources) == 0",
        "not (1 in info.sources)",
        "info.cluster.leader != 'n1'",
    ] {
        assert!(holds(yes), "{yes}");
    }
    assert!(!holds("info.config.sealed"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, wanted) in [
        ("", "column 1: unexpected end"),
        ("state.messages <", "column 17: unexpected end"),
        ("state.messages < 10)", "column 20: unexpected \")\""),
        ("'a", "column 1: the text is not closed"),
        ("1x", "column 1: \"1x\" is not a number"),
        ("a ~ b", "column 3: unexpected '~'"),
        (
            "any([1])",
            "any() takes a list and a question for each element",
        ),
        ("len()", "len() takes a text, a list or a map"),
        ("len(1)", "len() takes a text, a list or a map"),
        ("evil(1)", "the function evil() is not supported"),
        (
            "steat.messages",
            "steat is not known here; the names are info, Info, state",
        ),
        (
            "info.name < 3",
            "< does not go with the text \"ORDERS\" and the number 3",
        ),
        (
            "info.name + 1",
            "+ does not go with the text \"ORDERS\" and the number 1",
        ),
        (
            "1 and true",
            "and does not go with the number 1 and true or false",
        ),
        ("1..100000", "the list would have more than 10000 elements"),
        (
            "repeat('a', 100000)",
            "repeat() takes a text and a small number",
        ),
        (
            "9223372036854775807 ** 'a'",
            "** does not go with the number 9223372036854775807 and the text \"a\"",
        ),
        ("5 % 0", "% does not go with the number 5 and the number 0"),
        ("#", "# is not known here; the names are info, Info, state"),
    ] {
        let error = value(text).unwrap_err().to_string();
        let error = error.replace("&& does", "and does");
        assert_eq!(error, wanted, "{text}");
    }
    let pattern = value("info.name matches '('").unwrap_err().to_string();
    assert!(
        pattern.starts_with("\"(\" is not a regular expression"),
        "{pattern}"
    );
    let answer = "1 + 1".parse::<Expression>().unwrap().holds(&scope());
    assert_eq!(
        answer.unwrap_err().to_string(),
        "the answer is the number 2, where true or false is needed"
    );
}

#[test]
fn depth_and_length_are_bounded() {
    for text in [
        "(".repeat(100),
        "!".repeat(100) + "true",
        "-".repeat(100) + "1",
    ] {
        assert_eq!(
            value(&text).unwrap_err(),
            ExpressionError::Depth(32),
            "{text}"
        );
    }
    let long = "1+".repeat(125) + "1";
    assert_eq!(
        value(&long).unwrap_err(),
        ExpressionError::TooManyTokens(250)
    );
    let longest = "1+".repeat(124) + "1";
    assert_eq!(value(&longest), Ok(Value::Int(125)));
}

proptest::proptest! {
    #[test]
    fn any_text_is_refused_or_understood(text in "[-a-z0-9 .#(){}\\[\\]'\"|&!<>=+*/%?:,;]{0,40}") {
        if let Ok(expression) = text.parse::<Expression>() {
            let _ = expression.value(&scope());
        }
    }

    #[test]
    fn whole_numbers_are_computed_as_everywhere(a in -1_000_i128..1_000, b in -1_000_i128..1_000, c in 1_i128..1_000) {
        let text = format!("{a} + {b} * {c} - ({a} - {b}) % {c}");
        proptest::prop_assert_eq!(value(&text), Ok(Value::Int(a + b * c - (a - b) % c)));
        proptest::prop_assert_eq!(value(&format!("({a} < {b}) == true")), Ok(Value::Bool(a < b)));
    }
}
