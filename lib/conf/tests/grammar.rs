//! What each form of the language means, and what is wrong with others.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use nats_conf::{Document, Errors, Map, Outside, Value, parse_file, parse_text};

/// Files and variables that exist only here.
#[derive(Default)]
struct Given {
    files: BTreeMap<PathBuf, Vec<u8>>,
    variables: BTreeMap<String, String>,
}

impl Given {
    fn file(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.files
            .insert(PathBuf::from(path), text.as_ref().to_vec());
        self
    }

    fn variable(mut self, name: &str, text: &str) -> Self {
        self.variables.insert(name.to_owned(), text.to_owned());
        self
    }

    fn parse(&self, text: &str) -> Result<Document, Errors> {
        parse_text(text, "t.conf", self)
    }
}

impl Outside for Given {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// A tree as compact text, so that tables stay readable.
fn shown(map: &Map) -> String {
    fn value(of: &Value) -> String {
        match of {
            Value::String(text) => format!("{text:?}"),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => format!("{number:?}f"),
            Value::Bool(truth) => truth.to_string(),
            Value::Time(time) => format!("@{time}"),
            Value::Array(items) => {
                format!(
                    "[{}]",
                    items
                        .iter()
                        .map(|item| value(&item.value))
                        .collect::<Vec<_>>()
                        .join(",")
                )
            }
            Value::Map(map) => shown(map),
        }
    }
    let entries: Vec<_> = map
        .iter()
        .map(|(key, node)| format!("{key}:{}", value(&node.value)))
        .collect();
    format!("{{{}}}", entries.join(","))
}

fn meaning(text: &str) -> String {
    match Given::default().parse(text) {
        Ok(document) => shown(&document.root),
        Err(errors) => format!("ERR {errors}"),
    }
}

#[test]
fn every_form_of_an_entry_means_the_same() {
    for text in [
        "a: 1",
        "a = 1",
        "a 1",
        "a=1",
        "a:1;",
        "a: 1,",
        "\n\n a\t:\t1\n",
        "a\n1",
        "'a': 1",
        "\"a\" 1",
        "{a: 1}",
        "{\n a: 1\n}\n",
        "{a: 1",
        "a: 1 }",
        "a: 1 # b: 2",
        "a: 1 // b: 2",
        "# b: 2\na: 1",
        "a: 2\na: 1",
        "\u{feff}a: 1",
        "a: 1\r\n",
        "{ a: 1 }\n}",
    ] {
        assert_eq!(meaning(text), "{a:1}", "{text:?}");
    }
}

#[test]
fn every_kind_of_value_is_read() {
    for (text, expected) in [
        ("hello", "\"hello\""),
        ("hello.>", "\"hello.>\""),
        ("nats://u:p@h:4222", "\"nats://u:p@h:4222\""),
        ("'raw \\t \"'", "\"raw \\\\t \\\"\""),
        ("\"a\\tb\\n\\r\\\"\\\\\\x41\"", "\"a\\tb\\n\\r\\\"\\\\A\""),
        ("a\\tb", "\"a\\tb\""),
        ("'two\nlines'", "\"two\\nlines\""),
        ("(\nblock ) text\n)\n", "\"\\nblock ) text\\n\""),
        ("true", "true"),
        ("YES", "true"),
        ("Off", "false"),
        ("'true'", "\"true\""),
        ("truest", "\"truest\""),
        ("42", "42"),
        ("-42", "-42"),
        ("2.5", "2.5f"),
        ("-2.5", "-2.5f"),
        ("9223372036854775807", "9223372036854775807"),
        ("1.2.3.4", "\"1.2.3.4\""),
        ("1.2.3.4:4222", "\"1.2.3.4:4222\""),
        ("10ms", "\"10ms\""),
        ("1h30m", "\"1h30m\""),
        ("4222x", "\"4222x\""),
        ("2006-01-02T15:04:05Z", "@2006-01-02T15:04:05Z"),
        ("$2a$11$hash/.x", "\"$2a$11$hash/.x\""),
        ("[]", "[]"),
        ("[1, 2]", "[1,2]"),
        ("[1,2,]", "[1,2]"),
        ("[1\n2\n # three\n 'x' // four\n]", "[1,2,\"x\"]"),
        ("[[a], {b: 1}]", "[[\"a\"],{b:1}]"),
        ("{}", "{}"),
        ("{b: 1, c = 2; d 3\n e {f: x}}", "{b:1,c:2,d:3,e:{f:\"x\"}}"),
        ("{b:\n 1}", "{b:1}"),
        ("{\"b\":1,\"c\":[true,null]}", "{b:1,c:[true,\"null\"]}"),
    ] {
        assert_eq!(
            meaning(&format!("k: {text}")),
            format!("{{k:{expected}}}"),
            "{text:?}"
        );
    }
}

#[test]
fn size_suffixes_are_decimal_alone_and_binary_with_b_or_i() {
    for (index, letter) in "kmgtpe".chars().enumerate() {
        let power = u32::try_from(index).unwrap() + 1;
        for upper in [false, true] {
            let letter = if upper {
                letter.to_ascii_uppercase()
            } else {
                letter
            };
            assert_eq!(
                meaning(&format!("k: 3{letter}")),
                format!("{{k:{}}}", 3 * 1000_i64.pow(power))
            );
            for tail in ["b", "i", "ib", "B", "iB"] {
                assert_eq!(
                    meaning(&format!("k: -3{letter}{tail}")),
                    format!("{{k:{}}}", -3 * 1024_i64.pow(power))
                );
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_its_position() {
    for (text, expected) in [
        ("a:", "{a:\"\"}"),
        ("a", "ERR t.conf:1:1: key \"a\" has no value"),
        ("a:\n1", "ERR t.conf:1:1: key \"a\" has no value"),
        ("x: 1\n  b { c: }", "ERR t.conf:2:7: key \"c\" has no value"),
        (
            "a: 1 2",
            "ERR t.conf:1:6: expected a new line, ',', ';' or '}' after a value, found '2'",
        ),
        (
            "a: [1 2]",
            "ERR t.conf:1:7: expected ',', a new line or ']' after a list item, found '2'",
        ),
        (
            "a: [1,,2]",
            "ERR t.conf:1:7: expected a value or ']', found ','",
        ),
        ("a: [1", "ERR t.conf:1:4: list is not closed"),
        ("\na: {b: 1\n", "ERR t.conf:2:4: map is not closed"),
        (
            "a: {b: ]}",
            "ERR t.conf:1:8: expected a new line, ',', ';' or '}' after a value, found ']'",
        ),
        ("a: 'x", "ERR t.conf:1:4: string is not closed"),
        ("a: \"x", "ERR t.conf:1:4: string is not closed"),
        ("'a: 1", "ERR t.conf:1:1: key is not closed"),
        ("a: (\nx\n", "ERR t.conf:1:4: block is not closed"),
        (": 1", "ERR t.conf:1:1: expected a key, found ':'"),
        (
            "}\na: 1",
            "ERR t.conf:1:1: expected a key, found '}' that closes nothing",
        ),
        (
            "a: .5",
            "ERR t.conf:1:4: expected a value (numbers start with a digit), found '.'",
        ),
        (
            "a: 1.x",
            "ERR t.conf:1:6: expected a digit after '.', found 'x'",
        ),
        (
            "a: -x",
            "ERR t.conf:1:5: expected a digit after '-', found 'x'",
        ),
        (
            "a: 9223372036854775808",
            "ERR t.conf:1:4: number \"9223372036854775808\" is out of range",
        ),
        (
            "a: 10eib",
            "ERR t.conf:1:4: number \"10eib\" is out of range",
        ),
        (
            "a: 2023-02-29T00:00:00Z",
            "ERR t.conf:1:4: \"2023-02-29T00:00:00Z\" is not a date of the form 2006-01-02T15:04:05Z",
        ),
        (
            "a: 12-3",
            "ERR t.conf:1:4: \"12-3\" is not a date of the form 2006-01-02T15:04:05Z",
        ),
        (
            "a: $nope",
            "ERR t.conf:1:4: variable reference for 'nope' can not be found",
        ),
        (
            "a: x\0y",
            "ERR t.conf:1:5: expected a new line, ',', ';' or '}' after a value, found '\\0'",
        ),
        ("a: \"\\xff\"", "ERR t.conf:1:4: string is not valid UTF-8"),
    ] {
        assert_eq!(meaning(text), expected, "{text:?}");
    }
    assert!(meaning("a: 5kii").contains("unknown size suffix"));
    assert!(meaning("a: \"\\q\"").starts_with("ERR t.conf:1:5: invalid escape"));
}

#[test]
fn all_errors_that_leave_the_grammar_intact_are_collected() {
    let text = "a: $one\ninclude nofile\nb { c: $two }\n";
    let errors = Given::default().parse(text).unwrap_err().to_string();
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(lines.len(), 3, "{errors}");
    assert!(
        lines[0].starts_with("t.conf:1:4: ")
            && lines[1].starts_with("t.conf:2:1: ")
            && lines[2].starts_with("t.conf:3:8: ")
    );
}

#[test]
fn variables_come_from_enclosing_maps_first_and_then_from_the_environment() {
    let given = Given::default()
        .variable("x", "from environment")
        .variable("x", "12kb")
        .variable("m", "{y: [1, $x]}");
    let document = given
        .parse("v: $x\nx: 1\na { b: $x, x: 2, c { d: $x } }\ne: $x\nm: $m")
        .unwrap();
    assert_eq!(
        shown(&document.root),
        "{v:12288,x:1,a:{b:1,x:2,c:{d:2}},e:1,m:{y:[1,12288]}}"
    );
    assert!(document.root.get("x").unwrap().used_as_variable);
    assert!(!document.root.get("v").unwrap().used_as_variable);
}

#[test]
fn environment_variables_that_refer_to_themselves_are_an_error() {
    let given = Given::default()
        .variable("a", "$b")
        .variable("b", "[$a]")
        .variable("broken", "1 2");
    assert_eq!(
        given.parse("k: $a").unwrap_err().to_string(),
        "t.conf:1:4: variable reference cycle for 'a'"
    );
    let broken = given.parse("k: $broken").unwrap_err().to_string();
    assert!(
        broken.starts_with(
            "t.conf:1:4: environment variable 'broken' is not a configuration value: "
        ),
        "{broken}"
    );
}

#[test]
fn includes_are_relative_to_the_including_file_and_merge_in_place() {
    let given = Given::default()
        .file(
            "etc/main.conf",
            "a: 0\ninclude 'sub/one.conf'\nb { include sub/two.conf\n z: $y }\ninclude: plain\n",
        )
        .file("etc/sub/one.conf", "a: 1\ninclude \"two.conf\"")
        .file("etc/sub/two.conf", "y: 2\n\n  w: x");
    let document = parse_file(Path::new("etc/main.conf"), &given).unwrap();
    assert_eq!(
        shown(&document.root),
        "{a:1,y:2,w:\"x\",b:{y:2,w:\"x\",z:2},include:\"plain\"}"
    );
    assert_eq!(
        document.root.get("w").unwrap().at.to_string(),
        "etc/sub/two.conf:3:3"
    );
}

#[test]
fn an_include_that_cannot_be_read_and_an_error_inside_of_one_say_where() {
    let given = Given::default()
        .file("d/a.conf", "\ninclude b.conf\n")
        .file("d/b.conf", "x: 1\ny: [\n");
    let errors = parse_file(Path::new("d/a.conf"), &given)
        .unwrap_err()
        .to_string();
    assert_eq!(errors, "d/b.conf:2:4: list is not closed");
    let missing = parse_text("include /abs/x.conf", "t.conf", &given)
        .unwrap_err()
        .to_string();
    assert!(
        missing.starts_with(
            "t.conf:1:1: cannot read include file '/abs/x.conf': no such file or directory"
        ),
        "{missing}"
    );
    let unreadable = parse_file(Path::new("d/none.conf"), &given)
        .unwrap_err()
        .to_string();
    assert_eq!(unreadable, "open d/none.conf: no such file or directory");
}

#[test]
fn nesting_includes_and_copies_are_bounded() {
    assert!(meaning(&"a {".repeat(100_000)).contains("nesting"));
    assert!(meaning(&format!("a: {}", "[".repeat(100_000))).contains("nesting"));
    // A chain of files: each includes the next.
    let chain = (0..40).fold(Given::default(), |given, at| {
        given.file(&format!("f{at}.conf"), format!("include f{}.conf", at + 1))
    });
    let errors = parse_file(Path::new("f0.conf"), &chain).unwrap_err();
    assert!(errors.to_string().contains("depth of includes"), "{errors}");
    // Found by fuzzing: twice per level are four thousand million files.
    let twice = (0..30).fold(Given::default(), |given, at| {
        let next = format!("include f{}.conf\n", at + 1);
        given.file(&format!("f{at}.conf"), next.repeat(2))
    });
    let twice = twice.file("f30.conf", "a: 1");
    let errors = parse_file(Path::new("f0.conf"), &twice).unwrap_err();
    assert!(
        errors.to_string().contains("number of includes"),
        "{errors}"
    );
    let mut bomb = "a0: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for step in 1..12 {
        let previous = format!("$a{} ", step - 1);
        bomb.push_str(&format!(
            "a{step}: [{}]\n",
            [previous.as_str(); 10].join(", ")
        ));
    }
    assert!(meaning(&bomb).contains("number of values"));
}

#[test]
fn a_file_that_includes_itself_is_told_so_where_it_does() {
    for (first, second, wanted) in [
        (
            "include a.conf",
            "",
            "d/a.conf:1:1: include file 'a.conf' includes itself, at once or by way of others",
        ),
        (
            "x: 1\ninclude ./b.conf",
            "include ../d/a.conf",
            "d/./b.conf:1:1: include file '../d/a.conf' includes itself, at once or by way of others",
        ),
    ] {
        let given = Given::default()
            .file("d/a.conf", first)
            .file("d/./b.conf", second);
        let errors = parse_file(Path::new("d/a.conf"), &given).unwrap_err();
        assert_eq!(errors.to_string(), wanted);
    }
    // The same file twice, one after the other, is no circle.
    let given = Given::default()
        .file("a.conf", "include b.conf\nm { include b.conf }")
        .file("b.conf", "x: 1\n");
    assert!(parse_file(Path::new("a.conf"), &given).is_ok());
}

#[test]
fn positions_point_to_keys_and_to_list_items() {
    let document = Given::default()
        .parse("a: 1\n  \"b\": [ x,\n   {c: 1} ]")
        .unwrap();
    assert_eq!(document.root.get("a").unwrap().at.to_string(), "t.conf:1:1");
    let list = document.root.get("b").unwrap();
    assert_eq!(list.at.to_string(), "t.conf:2:4");
    let Value::Array(items) = &list.value else {
        panic!("{list:?}")
    };
    assert_eq!(
        items
            .iter()
            .map(|item| item.at.to_string())
            .collect::<Vec<_>>(),
        ["t.conf:2:10", "t.conf:3:4"]
    );
}

#[test]
fn debug_output_shows_no_strings() {
    let document = Given::default()
        .parse("user: bob\npassword: hunter2\nlist: [hunter2]")
        .unwrap();
    assert!(!format!("{document:?}").contains("hunter2"));
}
