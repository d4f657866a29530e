//! The configuration language: any text is refused with positions or understood, within bounds, always alike.
//!
//! A line `=== name` in the input starts another file that can be included by that path, folders and all. A file that was there in
//! every folder would include itself at a new path each time, which no disk does, and a search would find little else.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use nats_conf::{Map, Outside, Value, parse_text};

/// The files of an input by name.
pub(crate) struct Files<'a>(HashMap<&'a str, &'a str>);

impl<'a> Files<'a> {
    /// The first file, and all of them; the first is `main.conf`.
    pub(crate) fn of(text: &'a str) -> (&'a str, Self) {
        let mut parts = text.split("\n=== ");
        let main = parts.next().unwrap_or_default();
        let mut files: HashMap<_, _> = parts.filter_map(|part| part.split_once('\n')).collect();
        files.insert("main.conf", main);
        (main, Self(files))
    }
}

impl Outside for Files<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match path.to_str().and_then(|path| self.0.get(path)) {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "NUMBER" => Some("7".to_owned()),
            "SIZE" => Some("1MB".to_owned()),
            "SELF" => Some("$SELF".to_owned()),
            "MAP" => Some("{a: 1, b: [true, $NUMBER]}".to_owned()),
            _ => None,
        }
    }
}

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (main, files) = Files::of(text);
    let first = parse_text(main, "main.conf", &files);
    let second = parse_text(main, "main.conf", &files);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first.root, second.root);
            assert_eq!(first.digest(), second.digest());
            assert!(depth(&first.root) <= 256);
        }
        (Err(first), Err(second)) => {
            let shown = first.to_string();
            assert!(!shown.is_empty());
            assert_eq!(shown, second.to_string());
        }
        _ => panic!("understood once and refused once"),
    }
}

fn depth(map: &Map) -> usize {
    let inner = map.iter().map(|(_, node)| value_depth(&node.value)).max();
    1 + inner.unwrap_or(0)
}

fn value_depth(value: &Value) -> usize {
    match value {
        Value::Map(map) => depth(map),
        Value::Array(list) => {
            let inner = list.iter().map(|node| value_depth(&node.value)).max();
            1 + inner.unwrap_or(0)
        }
        _ => 0,
    }
}
