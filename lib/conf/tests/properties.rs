//! Properties of every text.

use nats_conf::{Outside, System, Value, parse_text};
use proptest::prelude::*;

struct Nothing;

impl Outside for Nothing {
    fn read(&self, _: &std::path::Path) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// A tree to write and to read again.
#[derive(Clone, Debug)]
enum Tree {
    Text(String),
    Number(i64),
    Truth(bool),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        "[ -~àé€\n]{0,12}".prop_map(Tree::Text),
        any::<i64>().prop_map(Tree::Number),
        any::<bool>().prop_map(Tree::Truth),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::List),
            prop::collection::btree_map("[a-z._>* ]{0,8}", inner, 0..6)
                .prop_map(|map| Tree::Map(map.into_iter().collect())),
        ]
    })
}

fn write(tree: &Tree, text: &mut String) {
    match tree {
        Tree::Text(string) => {
            let escaped = string
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            text.push_str(&format!("\"{escaped}\""));
        }
        Tree::Number(number) => text.push_str(&number.to_string()),
        Tree::Truth(truth) => text.push_str(&truth.to_string()),
        Tree::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write(item, text);
            }
            text.push(']');
        }
        Tree::Map(entries) => {
            text.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(&format!("\"{key}\": "));
                write(value, text);
            }
            text.push('}');
        }
    }
}

fn equal(tree: &Tree, value: &Value) -> bool {
    match (tree, value) {
        (Tree::Text(a), Value::String(b)) => a == b,
        (Tree::Number(a), Value::Integer(b)) => a == b,
        (Tree::Truth(a), Value::Bool(b)) => a == b,
        (Tree::List(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, &b.value))
        }
        (Tree::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal(a, &b.value)))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_is_written_as_json_is_read_as_it_was(tree in tree()) {
        let mut text = "{\"k\": ".to_owned();
        write(&tree, &mut text);
        text.push('}');
        let document = parse_text(&text, "t", &Nothing).unwrap();
        prop_assert!(equal(&tree, &document.root.get("k").unwrap().value), "{text}");
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _ = parse_text(&text, "t", &Nothing);
    }

    #[test]
    fn no_mixture_of_tokens_makes_the_parser_panic(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "a", "'", "\"", "{", "}", "[", "]", ":", "=", " ", "\n", "\r", ",", ";", "#", "//", "(", "\n)\n", "1", "-", ".", "k",
                "b", "e", "\\", "\\x4", "$", "$a", "include ", "2006-01-02T15:04:05Z", "\0", "é", "\u{feff}", "on",
            ]),
            0..40,
        )
    ) {
        let text = tokens.concat();
        if let Ok(document) = parse_text(&text, "t", &Nothing) {
            prop_assert!(document.digest().starts_with("sha256:"));
        }
    }
}

#[test]
fn the_real_environment_is_reachable() {
    let document = parse_text("k: $CARGO_MANIFEST_DIR", "t", &System).unwrap();
    assert!(
        matches!(&document.root.get("k").unwrap().value, Value::String(path) if path.ends_with("conf"))
    );
}
