//! The digest of a document: SHA-256 over canonical JSON, equal to what the reference prints with `-t`.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::value::{Map, Node, Value};

/// `sha256:<hex>` over the values: keys sorted by bytes, no positions, no comments, one line feed at the end.
pub(crate) fn digest(root: &Map) -> String {
    let mut json = String::new();
    write_map(&mut json, root);
    json.push('\n');
    let mut shown = "sha256:".to_owned();
    for byte in Sha256::digest(json.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(shown, "{byte:02x}");
    }
    shown
}

fn write_map(json: &mut String, map: &Map) {
    let mut entries: Vec<(&str, &Node)> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    json.push('{');
    for (index, (key, node)) in entries.into_iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_string(json, key);
        json.push(':');
        write_value(json, &node.value);
    }
    json.push('}');
}

fn write_value(json: &mut String, value: &Value) {
    match value {
        Value::String(text) | Value::Time(text) => write_string(json, text),
        Value::Integer(number) => {
            let _ = write!(json, "{number}");
        }
        Value::Float(number) => write_float(json, *number),
        Value::Bool(truth) => {
            let _ = write!(json, "{truth}");
        }
        Value::Array(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write_value(json, &item.value);
            }
            json.push(']');
        }
        Value::Map(map) => write_map(json, map),
    }
}

/// The shortest digits that read back as the same number; very small and very large numbers with an exponent.
fn write_float(json: &mut String, number: f64) {
    let size = number.abs();
    let _ = if size != 0.0 && !(1e-6..1e21).contains(&size) {
        write!(
            json,
            "{}",
            format!("{number:e}").replace('e', if size >= 1.0 { "e+" } else { "e" })
        )
    } else {
        write!(json, "{number}")
    };
}

/// Escapes as the reference's JSON writer does, `<`, `>` and `&` included.
fn write_string(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        let _ = match character {
            '"' => write!(json, "\\\""),
            '\\' => write!(json, "\\\\"),
            '\n' => write!(json, "\\n"),
            '\r' => write!(json, "\\r"),
            '\t' => write!(json, "\\t"),
            '\u{8}' => write!(json, "\\b"),
            '\u{c}' => write!(json, "\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                write!(json, "\\u{:04x}", u32::from(character))
            }
            other => write!(json, "{other}"),
        };
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::{write_float, write_string};

    #[test]
    fn floats_are_written_as_the_reference_does() {
        let cases = [
            (0.0, "0"),
            (2.5, "2.5"),
            (-0.25, "-0.25"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-7"),
            (100.0, "100"),
        ];
        for (number, expected) in cases {
            let mut json = String::new();
            write_float(&mut json, number);
            assert_eq!(json, expected);
        }
    }

    #[test]
    fn strings_are_escaped_as_the_reference_does() {
        let mut json = String::new();
        write_string(&mut json, "a\"\\\n<&>\u{1}\u{2028}€");
        assert_eq!(json, r#""a\"\\\n\u003c\u0026\u003e\u0001\u2028€""#);
    }
}
