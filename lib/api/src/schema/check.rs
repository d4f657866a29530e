//! A document against a table.

use std::fmt;

use serde_json::{Map, Value};

use super::documents::FAILURE;
use super::shape::{Form, Kind, Need, Schema, Shape};
use crate::time::Timestamp;

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `config.sources[2].name`; empty for the document as a whole.
    pub at: String,
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => f.write_str(&self.what),
            at => write!(f, "{at}: {}", self.what),
        }
    }
}

/// A document that repeats one mistake a million times is told about it this often.
const PROBLEMS_MAX: usize = 1000;

impl Schema {
    /// Everything that is wrong with a document; nothing when it is as it should be.
    pub fn check(&self, document: &Value) -> Vec<Problem> {
        let mut checker = Checker::default();
        let Some(object) = document.as_object() else {
            checker.note(format!("must be an object, not {}", name_of(document)));
            return checker.problems;
        };
        let failed = self.is_answer() && object.contains_key("error");
        let shapes: &[&Shape] = if failed { &[&FAILURE] } else { self.shapes() };
        if let Some(need) = self.typed() {
            checker.check_type(object.get("type"), self.name, need);
        }
        let closed = !failed && self.is_closed();
        checker.object(object, shapes, closed, self.typed().is_some());
        checker.problems
    }
}

#[derive(Default)]
struct Checker {
    path: Vec<String>,
    problems: Vec<Problem>,
}

impl Checker {
    fn note(&mut self, what: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            let mut at = String::new();
            for part in &self.path {
                if !at.is_empty() && !part.starts_with('[') {
                    at.push('.');
                }
                at.push_str(part);
            }
            let what = what.into();
            self.problems.push(Problem { at, what });
        }
    }

    fn at(&mut self, part: String, look: impl FnOnce(&mut Self)) {
        self.path.push(part);
        look(self);
        self.path.pop();
    }

    fn check_type(&mut self, value: Option<&Value>, name: &str, need: Need) {
        self.at("type".to_owned(), |checker| match value {
            None if need == Need::Always => checker.note("is missing"),
            None => {}
            Some(value) if value == name => {}
            Some(value) => checker.note(format!("must be {name}, not {value}")),
        });
    }

    fn object(
        &mut self,
        object: &Map<String, Value>,
        shapes: &[&Shape],
        closed: bool,
        typed: bool,
    ) {
        let members = || shapes.iter().flat_map(|shape| shape.members);
        for member in members() {
            let value = object.get(member.name);
            let needed = match member.need {
                Need::Always => true,
                Need::Never => false,
                Need::When(other, wanted) => object.get(other).is_some_and(|value| value == wanted),
            };
            self.at(member.name.to_owned(), |checker| match value {
                Some(value) => checker.value(value, &member.kind),
                None if needed => checker.note("is missing"),
                None => {}
            });
        }
        if closed {
            for name in object.keys() {
                let known = members().any(|member| member.name == name) || typed && name == "type";
                if !known {
                    self.at(name.clone(), |checker| checker.note("is not known"));
                }
            }
        }
    }

    fn value(&mut self, value: &Value, kind: &Kind) {
        match (kind, value) {
            (Kind::Anything, _)
            | (Kind::Bool, Value::Bool(_))
            | (Kind::Nullable(_), Value::Null) => {}
            (Kind::Nullable(inner), _) => self.value(value, inner),
            (Kind::Text(form), Value::String(text)) => {
                if let Err(what) = form.check(text) {
                    self.note(what);
                }
            }
            (Kind::OneOf(words), Value::String(text)) => {
                if !words.contains(&text.as_str()) {
                    self.note(format!("must be one of {}, not {text:?}", words.join(", ")));
                }
            }
            (Kind::Number, Value::Number(_)) => {}
            (Kind::Integer(..) | Kind::Code(_), Value::Number(number)) => {
                self.integer(number, kind)
            }
            (Kind::List(item), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    self.at(format!("[{index}]"), |checker| checker.value(value, item));
                }
            }
            (Kind::Map(inner), Value::Object(values)) => {
                for (name, value) in values {
                    self.at(name.clone(), |checker| checker.value(value, inner));
                }
            }
            (Kind::Object(shape), Value::Object(object)) => {
                self.object(object, &[shape], shape.closed, false);
            }
            _ => self.note(format!(
                "must be {}, not {}",
                kind.in_words(),
                name_of(value)
            )),
        }
    }

    fn integer(&mut self, number: &serde_json::Number, kind: &Kind) {
        // A whole number may be written with a fraction of nothing.
        let whole = number.as_f64().filter(|value| value.fract() == 0.0);
        let Some(value) = number.as_i128().or(whole.map(|value| value as i128)) else {
            return self.note(format!("must be a whole number, not {number}"));
        };
        match kind {
            Kind::Integer(least, _) if value < *least => {
                self.note(format!("must be at least {least}, not {number}"));
            }
            Kind::Integer(_, most) if value > *most => {
                self.note(format!("must be at most {most}, not {number}"));
            }
            Kind::Code(codes) if !codes.iter().any(|code| i128::from(*code) == value) => {
                let codes: Vec<_> = codes.iter().map(i64::to_string).collect();
                self.note(format!("must be one of {}, not {number}", codes.join(", ")));
            }
            _ => {}
        }
    }
}

impl Kind {
    fn in_words(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Text(_) | Self::OneOf(_) => "a text",
            Self::Code(_) | Self::Integer(..) | Self::Number => "a number",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Object(_) => "an object",
            Self::Nullable(inner) => inner.in_words(),
            Self::Anything => "anything",
        }
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl Form {
    fn check(self, text: &str) -> Result<(), String> {
        let plain = |text: &str| !text.contains(['.', '*', '>']);
        let service = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let holds = match self {
            Self::Any => true,
            Self::NotEmpty => !text.is_empty(),
            Self::AtMost(most) => text.chars().count() <= most,
            Self::Time => text.parse::<Timestamp>().is_ok(),
            Self::Name => !text.is_empty() && plain(text),
            Self::NameOrNothing => plain(text),
            Self::ServiceName => !text.is_empty() && text.chars().all(service),
            Self::Version => is_version(text),
        };
        if holds { Ok(()) } else { Err(self.demand()) }
    }

    fn demand(self) -> String {
        match self {
            Self::Any => "must be a text".to_owned(),
            Self::NotEmpty => "must not be empty".to_owned(),
            Self::AtMost(most) => format!("must not be longer than {most} characters"),
            Self::Time => "must be a time like 2026-11-27T20:15:00Z".to_owned(),
            Self::Name => "must be a name without '.', '*' and '>'".to_owned(),
            Self::NameOrNothing => "must not contain '.', '*' or '>'".to_owned(),
            Self::ServiceName => "must consist of letters, digits, '-' and '_'".to_owned(),
            Self::Version => "must be a version like 1.2.3".to_owned(),
        }
    }
}

/// Semantic versioning 2.0.
fn is_version(text: &str) -> bool {
    let (rest, build) = match text.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (text, None),
    };
    let (core, release) = match rest.split_once('-') {
        Some((core, release)) => (core, Some(release)),
        None => (rest, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let number = |part: &str| digits(part) && (part == "0" || !part.starts_with('0'));
    let identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    core.split('.').count() == 3
        && core.split('.').all(number)
        && release.is_none_or(|release| {
            let fits = |part: &str| identifier(part) && (!digits(part) || number(part));
            release.split('.').all(fits)
        })
        && build.is_none_or(|build| build.split('.').all(identifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_numbers_and_perhaps_more() {
        for good in [
            "1.2.3",
            "0.0.0",
            "1.0.0-rc.1+b.5",
            "1.0.0-0a",
            "1.0.0+001",
            "1.0.0--",
        ] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "", "1.2", "1.2.3.4", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "1.2.x", "1..3",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn a_problem_says_where_it_is() {
        let schema = crate::schema::find("io.nats.jetstream.api.v1.consumer_create_request");
        let document = serde_json::json!({
            "stream_name": 5,
            "config": {"deliver_policy": "by_start_time", "ack_policy": "maybe", "backoff": [1, -1, 2.5], "num_replicas": 9},
        });
        let problems = schema.unwrap().check(&document);
        let mut told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        // In the order of the document, which serde_json keeps or not as the crates of a build want it.
        told.sort();
        assert_eq!(
            told,
            [
                r#"config.ack_policy: must be one of none, all, explicit, flow_control, not "maybe""#,
                "config.backoff[1]: must be at least 0, not -1",
                "config.backoff[2]: must be a whole number, not 2.5",
                "config.num_replicas: must be at most 5, not 9",
                "config.opt_start_time: is missing",
                "stream_name: must be a text, not a number",
            ]
        );
    }
}
