use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn vectors(table: &str) -> Vec<serde_json::Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/vectors/subject-transforms.json"
    );
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if std::env::var_os("NATS_REQUIRE_ALL").is_some() => panic!("{path}: {e}"),
        Err(_) => {
            eprintln!("SKIPPED: reference/vectors/subject-transforms.json is not here");
            return Vec::new();
        }
    };
    let all: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let rows = all[table].as_array().expect("table").clone();
    assert!(!rows.is_empty());
    rows
}

fn make(row: &serde_json::Value) -> Result<Transform, TransformError> {
    let text = |name: &str| row[name].as_str().expect("text");
    match row["strict"].as_bool() {
        Some(true) => Transform::new_strict(text("src"), text("dest")),
        _ => Transform::new(text("src"), text("dest")),
    }
}

#[test]
fn reference_vectors_of_validity_hold() {
    for row in vectors("invalid") {
        assert!(make(&row).is_err(), "{row}");
    }
    for row in vectors("valid") {
        assert!(make(&row).is_ok(), "{row}");
    }
    for row in vectors("validate_mapping") {
        assert_eq!(make(&row).is_ok(), row["valid"] == true, "{row}");
    }
}

#[test]
fn reference_vectors_of_results_hold() {
    for row in vectors("match") {
        let transform = make(&row).unwrap_or_else(|e| panic!("{row}: {e}"));
        let subject = row["subject"].as_str().expect("text").as_bytes();
        let expected: HashSet<&str> = row["expect_any_of"]
            .as_array()
            .expect("list")
            .iter()
            .filter_map(|text| text.as_str())
            .collect();
        let mut seen = HashSet::new();
        for random in 0..64u32 {
            let result = transform.apply(subject, random << 26).expect("matches");
            let result = String::from_utf8(result).expect("text");
            assert!(expected.contains(&*result), "{row}: {result}");
            seen.insert(result);
        }
        assert_eq!(
            seen.len(),
            expected.len(),
            "{row}: not every value is reached"
        );
    }
}

#[test]
fn errors_are_worded_as_by_the_reference() {
    for (source, destination, text) in [
        ("foo.*", "bar.*", "invalid subject"),
        (
            "foo.*",
            "bar.{{wildcard(2)}}",
            "invalid mapping destination: wildcard index out of range in {{wildcard(2)}}: [2]",
        ),
        (
            "foo",
            "bar.$1",
            "invalid mapping destination: wildcard index out of range in $1",
        ),
        (
            "foo.*",
            "{{nope(1)}}",
            "invalid mapping destination: unknown function in {{nope(1)}}",
        ),
        (
            "foo.*",
            "{{wildcard()}}",
            "invalid mapping destination: not enough arguments passed to the function in {{wildcard()}}",
        ),
        (
            "foo.*",
            "{{left(1)}}",
            "invalid mapping destination: not enough arguments passed to the function in {{left(1)}}",
        ),
        (
            "foo.*",
            "{{wildcard(1,2)}}",
            "invalid mapping destination: too many arguments passed to the function in {{wildcard(1,2)}}",
        ),
        (
            "foo.*",
            "{{partition()}}",
            "invalid mapping destination: function argument is invalid or in the wrong format in {{partition()}}",
        ),
        (
            "foo.*",
            "{{split(1, a b)}}",
            "invalid mapping destination: function argument is invalid or in the wrong format in {{split(1, a b)}}",
        ),
        (
            "foo",
            "a b",
            "invalid mapping destination: invalid transform",
        ),
    ] {
        let error = Transform::new(source, destination).expect_err(destination);
        assert_eq!(error.to_string(), text);
    }
    for (source, destination, text) in [
        (
            "foo.*",
            "{{left(1,2)}}",
            "invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}} in {{left(1,2)}}",
        ),
        (
            "foo.*.*",
            "bar.$1.$1",
            "invalid mapping destination: not using all of the token wildcard(s) in bar.$1.$1",
        ),
    ] {
        let error = Transform::new_strict(source, destination).expect_err(destination);
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn what_could_only_be_a_mistake_is_refused() {
    for destination in [
        "{{wildcard(-1)}}",
        "$-1",
        "{{partition(-1)}}",
        "{{random(-1)}}",
        "{{split(1,.)}}",
        "{{wildcard(1)",
        "wildcard(1)}}",
        "{{}}",
        "{{WILDCARD(1)}}",
        "a\tb",
        "{{split(1,\r\n)}}",
        "a.>.b",
        "{{left(1,9999999999)}}",
        "{{random(1,2)}}",
    ] {
        assert!(
            Transform::new("foo.*", destination).is_err(),
            "{destination:?}"
        );
    }
    for bad in ["foo..bar", "foo bar", "foo.>.bar", "foo."] {
        assert!(Transform::new(bad, "bar").is_err(), "{bad:?}");
    }
}

fn applied(source: &str, destination: &str, subject: &str) -> Option<String> {
    let transform =
        Transform::new(source, destination).unwrap_or_else(|e| panic!("{destination}: {e}"));
    let result = transform.apply(subject.as_bytes(), 0)?;
    Some(String::from_utf8_lossy(&result).into_owned())
}

#[test]
fn functions_leave_short_tokens_alone() {
    for function in [
        "splitfromleft",
        "SplitFromRight",
        "sliceFromLeft",
        "SlicefromRight",
        "left",
        "Right",
    ] {
        for size in ["0", "-3", "3", "4", "2147483647"] {
            let destination = format!("{{{{{function}(1,{size})}}}}");
            assert_eq!(
                applied("*", &destination, "abc").as_deref(),
                Some("abc"),
                "{destination}"
            );
        }
    }
    assert_eq!(
        applied("*", "{{slicefromleft(1,2)}}", "abcd").as_deref(),
        Some("ab.cd")
    );
    assert_eq!(
        applied("*", "{{slicefromright(1,2)}}", "abcd").as_deref(),
        Some("ab.cd")
    );
    assert_eq!(
        applied("*", "{{slicefromright(1,2)}}", "abcde").as_deref(),
        Some("a.bc.de")
    );
    assert_eq!(
        applied("*", "{{split(1,)}}", "aüb").as_deref(),
        Some("a.ü.b")
    );
    assert_eq!(
        applied("*", "{{split(1,--)}}", "a--b---c").as_deref(),
        Some("a.b.-c")
    );
    assert_eq!(
        applied("*", "x.{{split(1,-)}}", "---").as_deref(),
        Some("x.")
    );
}

/// Found by fuzzing; the reference does the same. Documented at `apply`.
#[test]
fn a_wildcard_character_inside_a_token_can_be_cut_free() {
    assert_eq!(
        applied("*", "{{slicefromleft(1,1)}}", "a>").as_deref(),
        Some("a.>")
    );
}

#[test]
fn only_literal_subjects_of_the_source_are_transformed() {
    for subject in ["bar", "foo", "foo.a.b", "foo.*", "foo.", ""] {
        assert_eq!(applied("foo.*", "bar.$1", subject), None, "{subject:?}");
    }
    assert_eq!(applied("", "", "any.thing").as_deref(), Some("any.thing"));
    assert_eq!(
        applied("foo.>", "bar.>", "foo.a.b").as_deref(),
        Some("bar.a.b")
    );
    assert_eq!(applied("foo.>", ">", "foo.a.b").as_deref(), Some("a.b"));
    assert_eq!(applied(">", "pre.>", "a.b").as_deref(), Some("pre.a.b"));
    assert_eq!(
        applied("foo.*", "$JS.$1.$G.$", "foo.a").as_deref(),
        Some("$JS.a.$G.$")
    );
}

#[test]
fn partitions_hash_the_joined_tokens() {
    let whole = applied("*.*", "{{partition(1000)}}", "ab.c");
    let joined = applied("*.*", "{{partition(1000,1,2)}}", "ab.c");
    assert_eq!(
        whole,
        Some((crate::name_hash::fnv1a_32(b"ab.c") % 1000).to_string())
    );
    assert_eq!(
        joined,
        Some((crate::name_hash::fnv1a_32(b"abc") % 1000).to_string())
    );
}

#[test]
fn any_permutation_of_wildcards_is_reversed() {
    let transform =
        Transform::new_strict("foo.*.*.*.>", "$2.bar.$3.{{wildcard(1)}}.>").expect("valid");
    let back = transform.reverse().expect("reversible");
    let there = transform.apply(b"foo.A.B.C.x.y", 0).expect("matches");
    assert_eq!(there, b"B.bar.C.A.x.y");
    assert_eq!(
        back.apply(&there, 0).as_deref(),
        Some(&b"foo.A.B.C.x.y"[..])
    );
    assert_eq!(
        Transform::new("foo", "bar")
            .expect("valid")
            .reverse()
            .map(|t| t.to_string()),
        Some("bar -> foo".to_owned())
    );
    assert_eq!(
        Transform::new("foo.*", "{{left(1,2)}}")
            .expect("valid")
            .reverse(),
        None
    );
    assert_eq!(
        Transform::new("foo.*.*", "bar.$1")
            .expect("valid")
            .reverse(),
        None
    );
}

/// Found by fuzzing: as a destination such a source would compute something.
#[test]
fn a_source_that_looks_like_a_function_is_not_reversed() {
    for source in ["a.{{partition(81)}}", "a.$1", "a.{{x"] {
        let transform = Transform::new(source, "b").expect("a subject like any other");
        assert_eq!(transform.reverse(), None, "{source}");
    }
}

#[test]
fn wildcards_become_placeholders_and_back() {
    assert_eq!(numbered_wildcards("foo.*.*.>"), "foo.$1.$2.>");
    assert_eq!(numbered_wildcards("foo"), "foo");
    let (subject, found) = placeholders("foo.$2.{{ wildcard(1) }}.$x.{{left(1,2)}}");
    assert_eq!(subject, "foo.*.*.$x.{{left(1,2)}}");
    assert_eq!(found, ["$2", "{{ wildcard(1) }}"]);
}

fn to(destinations: &[(&str, u8, &str)]) -> Vec<Destination> {
    destinations
        .iter()
        .map(|(subject, weight, cluster)| Destination {
            subject: (*subject).to_owned(),
            weight: *weight,
            cluster: (*cluster).to_owned(),
        })
        .collect()
}

/// How often each result comes out when `random` takes 1,000 evenly spread values.
fn spread(mappings: &Mappings, subject: &str, cluster: &str) -> Vec<(String, u32)> {
    let mut counts = std::collections::BTreeMap::new();
    for step in 0..1000u32 {
        let random = step * (u32::MAX / 1000);
        let result = match mappings.select(subject.as_bytes(), cluster, random) {
            Selection::Unmapped => "unmapped".to_owned(),
            Selection::Lost => "lost".to_owned(),
            Selection::Unchanged => subject.to_owned(),
            Selection::Through { transform, random } => {
                let subject = transform.apply_matched(subject.as_bytes(), random);
                String::from_utf8_lossy(&subject).into_owned()
            }
        };
        *counts.entry(result).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// The shares in percent, rounded.
fn percent(mappings: &Mappings, subject: &str, cluster: &str) -> Vec<(String, u32)> {
    let spread = spread(mappings, subject, cluster);
    spread.into_iter().map(|(s, n)| (s, (n + 5) / 10)).collect()
}

#[test]
fn weights_share_the_messages_and_the_rest_keeps_its_subject() {
    let mut mappings = Mappings::new();
    mappings
        .add("foo", &to(&[("a", 20, ""), ("b", 30, "")]))
        .expect("valid");
    let own = |list: &[(&str, u32)]| {
        list.iter()
            .map(|(s, n)| ((*s).to_owned(), *n))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        percent(&mappings, "foo", ""),
        own(&[("a", 20), ("b", 30), ("foo", 50)])
    );
    assert_eq!(percent(&mappings, "bar", ""), own(&[("unmapped", 100)]));
    mappings.add("foo", &to(&[("foo", 60, "")])).expect("valid");
    assert_eq!(
        percent(&mappings, "foo", ""),
        own(&[("foo", 60), ("lost", 40)])
    );
    mappings
        .add("w.*.*", &to(&[("x.$2", 25, "")]))
        .expect("valid");
    assert_eq!(
        percent(&mappings, "w.1.2", ""),
        own(&[("w.1.2", 75), ("x.2", 25)])
    );
}

#[test]
fn clusters_have_destinations_of_their_own() {
    let mut mappings = Mappings::new();
    let list = to(&[
        ("everywhere", 100, ""),
        ("east", 70, "EAST"),
        ("foo", 0, "WEST"),
    ]);
    mappings.add("foo", &list).expect("valid");
    let names = |cluster| {
        percent(&mappings, "foo", cluster)
            .into_iter()
            .map(|(s, _)| s)
            .collect::<Vec<_>>()
    };
    assert_eq!(names("NORTH"), ["everywhere"]);
    assert_eq!(names("EAST"), ["east", "foo"]);
    assert_eq!(names("WEST"), ["lost"]);
    mappings
        .add("only", &to(&[("only", 10, "EAST")]))
        .expect("valid");
    assert_eq!(
        percent(&mappings, "only", "NORTH"),
        [("only".to_owned(), 100)]
    );
}

#[test]
fn the_first_matching_mapping_counts() {
    let mut mappings = Mappings::new();
    for (source, destination) in [
        ("a.b", "1"),
        ("a.*", "2"),
        ("a.c", "3"),
        ("x.>", "4.>"),
        ("x.y", "5"),
    ] {
        mappings
            .add(source, &[Destination::new(destination, 100)])
            .expect("valid");
    }
    let first = |subject: &str| spread(&mappings, subject, "").remove(0).0;
    assert_eq!(
        (first("a.b"), first("a.c"), first("a.d")),
        ("1".into(), "2".into(), "2".into())
    );
    assert_eq!(
        (first("x.y"), first("x"), first("q")),
        ("4.y".into(), "unmapped".into(), "unmapped".into())
    );
    let mut mappings = mappings.clone();
    assert!(mappings.remove("a.*") && !mappings.remove("a.*"));
    assert_eq!(spread(&mappings, "a.c", "").remove(0).0, "3");
    assert_eq!(
        mappings
            .iter()
            .map(|(s, _)| s.to_string())
            .collect::<Vec<_>>(),
        ["a.b", "a.c", "x.>", "x.y"]
    );
}

#[test]
fn bad_mappings_are_refused_and_change_nothing() {
    let mut mappings = Mappings::new();
    let error = |list: &[(&str, u8, &str)]| {
        Mappings::new()
            .add("foo", &to(list))
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(
        error(&[("a", 50, ""), ("a", 10, "X")]),
        "duplicate entry for \"a\""
    );
    assert_eq!(
        error(&[("a", 101, "")]),
        "individual weights need to be <= 100"
    );
    assert_eq!(
        error(&[("a", 51, ""), ("b", 50, "")]),
        "total weight needs to be <= 100"
    );
    assert_eq!(
        error(&[("a", 51, "X"), ("b", 50, "X")]),
        "total weight needs to be <= 100"
    );
    assert_eq!(
        error(&[("a..b", 51, "X")]),
        "invalid mapping destination: invalid transform"
    );
    assert!(mappings.add("foo..bar", &to(&[("a", 100, "")])).is_err());
    assert!(mappings.is_empty());
}

fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b",
        "*",
        "*",
        "$1",
        "$2",
        "{{wildcard(1)}}",
        "{{ Wildcard( 2 ) }}",
        "{{partition(7,1,2)}}",
        "{{partition(3)}}",
        "{{random(4)}}",
        "{{splitfromleft(1,2)}}",
        "{{SplitFromRight(2,1)}}",
        "{{slicefromleft(1,2)}}",
        "{{SliceFromRight(1,3)}}",
        "{{left(2,1)}}",
        "{{right(1,2)}}",
        "{{split(1,x)}}",
        ">",
        "",
        "{{",
        "}}",
        "$",
        " ",
    ])
}

proptest! {
    #[test]
    fn whatever_is_accepted_gives_valid_subjects(
        source in prop::collection::vec(token(), 0..4),
        destination in prop::collection::vec(token(), 0..4),
        words in prop::collection::vec("[a-z]{1,5}|x{1,3}", 1..5),
        random in any::<u32>(),
    ) {
        let (source, destination, subject) = (source.join("."), destination.join("."), words.join("."));
        if let Ok(transform) = Transform::new(&source, &destination)
            && let Some(result) = transform.apply(subject.as_bytes(), random)
        {
            let split = destination.contains("split(1,x)");
            prop_assert!(split || subject::is_valid_publish(&result), "{} {:?}", transform, result);
            if let Some(back) = transform.reverse() {
                prop_assert_eq!(back.apply(&result, random), Some(subject.into_bytes()), "{}", transform);
            }
        }
    }

    #[test]
    fn a_strict_transform_with_each_wildcard_once_is_reversible(
        (count, order) in (1usize..6).prop_flat_map(|n| (Just(n), Just((1..=n).collect::<Vec<_>>()).prop_shuffle())),
        words in prop::collection::vec("[a-z]{1,3}", 6),
    ) {
        let source = vec!["*"; count].join(".");
        let destination = order.iter().map(|n| format!("${n}")).collect::<Vec<_>>().join(".q.");
        let transform = Transform::new_strict(&source, &destination).expect("valid");
        let subject = words[..count].join(".");
        let there = transform.apply(subject.as_bytes(), 0).expect("matches");
        let back = transform.reverse().expect("reversible").apply(&there, 0);
        prop_assert_eq!(back, Some(subject.into_bytes()));
    }
}
