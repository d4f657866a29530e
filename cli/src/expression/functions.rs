//! The functions by name.

use jiff::{SignedDuration, Timestamp};

use super::{ExpressionError, Value};
use crate::parse;

/// Longest text that `repeat` makes.
const TEXT_MAX: usize = 65_536;

type Answer = Result<Value, ExpressionError>;

/// A function of its arguments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    name: &'static str,
    /// How many arguments, at least and at most.
    count: (usize, usize),
    /// In words, for errors.
    wanted: &'static str,
    body: fn(&[Value]) -> Option<Answer>,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const FUNCTIONS: [Function; 29] = [
    row("len", (1, 1), "a text, a list or a map", |a| match &a[0] {
        Value::Text(text) => int(text.chars().count()),
        Value::List(list) => int(list.len()),
        Value::Map(map) => int(map.len()),
        Value::Absent => int(0),
        _ => None,
    }),
    row("lower", (1, 1), "a text", |a| {
        text(&a[0], |t| t.to_lowercase())
    }),
    row("upper", (1, 1), "a text", |a| {
        text(&a[0], |t| t.to_uppercase())
    }),
    row("trim", (1, 1), "a text", |a| {
        text(&a[0], |t| t.trim().to_owned())
    }),
    row("trimPrefix", (2, 2), "two texts", |a| {
        two(a, |t, cut| {
            Value::Text(t.strip_prefix(cut).unwrap_or(t).to_owned())
        })
    }),
    row("trimSuffix", (2, 2), "two texts", |a| {
        two(a, |t, cut| {
            Value::Text(t.strip_suffix(cut).unwrap_or(t).to_owned())
        })
    }),
    row("hasPrefix", (2, 2), "two texts", |a| {
        two(a, |t, start| Value::Bool(t.starts_with(start)))
    }),
    row("hasSuffix", (2, 2), "two texts", |a| {
        two(a, |t, end| Value::Bool(t.ends_with(end)))
    }),
    row("split", (2, 2), "two texts", |a| {
        two(a, |t, by| {
            Value::List(
                t.split(by)
                    .map(|part| Value::Text(part.to_owned()))
                    .collect(),
            )
        })
    }),
    row("indexOf", (2, 2), "two texts", |a| {
        two(a, |t, part| {
            Value::Int(t.find(part).map_or(-1, |at| at as i128))
        })
    }),
    row("repeat", (2, 2), "a text and a small number", |a| {
        let (Value::Text(text), Value::Int(times)) = (&a[0], &a[1]) else {
            return None;
        };
        let times = usize::try_from(*times).ok()?;
        let fits = text.len().checked_mul(times)? <= TEXT_MAX;
        fits.then(|| Ok(Value::Text(text.repeat(times))))
    }),
    row("replace", (3, 3), "three texts", |a| match a {
        [Value::Text(text), Value::Text(old), Value::Text(new)] if !old.is_empty() => {
            Some(Ok(Value::Text(text.replace(old, new))))
        }
        _ => None,
    }),
    row(
        "join",
        (1, 2),
        "a list of texts, and a text between them",
        |a| {
            let between = match a.get(1) {
                None => "",
                Some(Value::Text(between)) => between,
                Some(_) => return None,
            };
            let words: Option<Vec<&str>> = list(&a[0])?
                .iter()
                .map(|value| match value {
                    Value::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            Some(Ok(Value::Text(words?.join(between))))
        },
    ),
    row("int", (1, 1), "a number or a text with one", |a| {
        match &a[0] {
            Value::Text(text) => text.trim().parse().ok().map(|n| Ok(Value::Int(n))),
            Value::Int(n) => Some(Ok(Value::Int(*n))),
            other => other.number().map(|n| Ok(Value::Int(n as i128))),
        }
    }),
    row(
        "float",
        (1, 1),
        "a number or a text with one",
        |a| match &a[0] {
            Value::Text(text) => text.trim().parse().ok().map(|n| Ok(Value::Float(n))),
            other => float(other, |n| n),
        },
    ),
    row("string", (1, 1), "one value", |a| {
        Some(Ok(Value::Text(written(&a[0]))))
    }),
    row("abs", (1, 1), "a number", |a| match &a[0] {
        Value::Int(n) => n.checked_abs().map(|n| Ok(Value::Int(n))),
        other => float(other, f64::abs),
    }),
    row("ceil", (1, 1), "a number", |a| float(&a[0], f64::ceil)),
    row("floor", (1, 1), "a number", |a| float(&a[0], f64::floor)),
    row("round", (1, 1), "a number", |a| float(&a[0], f64::round)),
    row("min", (1, usize::MAX), "numbers or a list of them", |a| {
        extreme(a, std::cmp::Ordering::is_lt)
    }),
    row("max", (1, usize::MAX), "numbers or a list of them", |a| {
        extreme(a, std::cmp::Ordering::is_gt)
    }),
    row("mean", (1, 1), "a list of numbers", |a| {
        let numbers: Option<Vec<f64>> = list(&a[0])?.iter().map(Value::number).collect();
        let numbers = numbers?;
        let sum: f64 = numbers.iter().sum();
        let mean = if numbers.is_empty() {
            0.0
        } else {
            sum / numbers.len() as f64
        };
        Some(Ok(Value::Float(mean)))
    }),
    row("first", (1, 1), "a list", |a| {
        Some(Ok(list(&a[0])?.first().cloned().unwrap_or(Value::Absent)))
    }),
    row("last", (1, 1), "a list", |a| {
        Some(Ok(list(&a[0])?.last().cloned().unwrap_or(Value::Absent)))
    }),
    row("keys", (1, 1), "a map", |a| match &a[0] {
        Value::Map(map) => Some(Ok(Value::List(
            map.keys().cloned().map(Value::Text).collect(),
        ))),
        _ => None,
    }),
    row("values", (1, 1), "a map", |a| match &a[0] {
        Value::Map(map) => Some(Ok(Value::List(map.values().cloned().collect()))),
        _ => None,
    }),
    row("now", (0, 0), "nothing", |_| {
        Some(Ok(Value::Moment(Timestamp::now())))
    }),
    row(
        "date",
        (1, 1),
        "a time such as 2026-01-31T12:00:00Z",
        |a| match &a[0] {
            Value::Text(text) => text.parse().ok().map(|at| Ok(Value::Moment(at))),
            Value::Moment(at) => Some(Ok(Value::Moment(*at))),
            _ => None,
        },
    ),
];

/// Durations are written as everywhere in this tool, or come as nanoseconds in documents.
const DURATION: Function = row(
    "duration",
    (1, 1),
    "a duration such as 1h30m, or nanoseconds",
    |a| {
        let span = match &a[0] {
            Value::Text(text) => SignedDuration::try_from(parse::duration(text).ok()?).ok()?,
            Value::Int(nanos) => SignedDuration::from_nanos(i64::try_from(*nanos).ok()?),
            Value::Absent => SignedDuration::ZERO,
            Value::Span(span) => *span,
            _ => return None,
        };
        Some(Ok(Value::Span(span)))
    },
);

const fn row(
    name: &'static str,
    count: (usize, usize),
    wanted: &'static str,
    body: fn(&[Value]) -> Option<Answer>,
) -> Function {
    Function {
        name,
        count,
        wanted,
        body,
    }
}

pub(super) fn named(name: &str) -> Option<Function> {
    let mut all = FUNCTIONS.iter().chain([&DURATION]);
    all.find(|function| function.name == name).copied()
}

impl Function {
    /// Whether it takes so many arguments.
    pub(super) fn check(&self, count: usize) -> Result<(), ExpressionError> {
        match (self.count.0..=self.count.1).contains(&count) {
            true => Ok(()),
            false => Err(self.wants()),
        }
    }

    pub(super) fn call(&self, arguments: Vec<Value>) -> Answer {
        (self.body)(&arguments).unwrap_or_else(|| Err(self.wants()))
    }

    fn wants(&self) -> ExpressionError {
        ExpressionError::Arguments {
            function: self.name,
            wanted: self.wanted,
        }
    }
}

fn int(n: usize) -> Option<Answer> {
    Some(Ok(Value::Int(n as i128)))
}

fn float(value: &Value, change: fn(f64) -> f64) -> Option<Answer> {
    Some(Ok(Value::Float(change(value.number()?))))
}

fn text(value: &Value, change: fn(&str) -> String) -> Option<Answer> {
    match value {
        Value::Text(text) => Some(Ok(Value::Text(change(text)))),
        Value::Absent => Some(Ok(Value::Text(String::new()))),
        _ => None,
    }
}

fn two(arguments: &[Value], body: fn(&str, &str) -> Value) -> Option<Answer> {
    let texts: Option<Vec<&str>> = arguments
        .iter()
        .map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            Value::Absent => Some(""),
            _ => None,
        })
        .collect();
    match texts?.as_slice() {
        [a, b] => Some(Ok(body(a, b))),
        _ => None,
    }
}

fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(list) => Some(list),
        Value::Absent => Some(&[]),
        _ => None,
    }
}

/// The least or the greatest of the arguments; a list among them counts with its elements.
fn extreme(arguments: &[Value], better: fn(std::cmp::Ordering) -> bool) -> Option<Answer> {
    let mut best: Option<&Value> = None;
    let all = arguments.iter().flat_map(|argument| match argument {
        Value::List(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    });
    for value in all {
        let replaces = match best {
            None => true,
            Some(best) => better(value.order(best)?),
        };
        if replaces {
            best = Some(value);
        }
    }
    Some(Ok(best.cloned().unwrap_or(Value::Absent)))
}

fn written(value: &Value) -> String {
    match value {
        Value::Absent => "nil".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Float(n) => n.to_string(),
        Value::Text(text) => text.clone(),
        Value::Moment(at) => at.to_string(),
        Value::Span(span) => format!("{span:#}"),
        Value::List(list) => {
            let parts: Vec<String> = list.iter().map(written).collect();
            format!("[{}]", parts.join(" "))
        }
        Value::Map(map) => {
            let parts: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", written(value)))
                .collect();
            format!("map[{}]", parts.join(" "))
        }
    }
}

/// A function over a list and a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    All,
    Any,
    One,
    None,
    Filter,
    Map,
    Count,
    Find,
    FindIndex,
    Sum,
}

const OVERS: [(&str, Over); 10] = [
    ("all", Over::All),
    ("any", Over::Any),
    ("one", Over::One),
    ("none", Over::None),
    ("filter", Over::Filter),
    ("map", Over::Map),
    ("count", Over::Count),
    ("find", Over::Find),
    ("findIndex", Over::FindIndex),
    ("sum", Over::Sum),
];

impl Over {
    pub(super) fn named(name: &str) -> Option<Self> {
        let row = OVERS.iter().find(|(known, _)| *known == name);
        row.map(|(_, over)| *over)
    }

    pub(super) fn needs_predicate(self) -> bool {
        !matches!(self, Self::Count | Self::Sum)
    }

    pub(super) fn wants(self) -> ExpressionError {
        let row = OVERS.iter().find(|(_, over)| *over == self);
        ExpressionError::Arguments {
            function: row.map_or("", |(name, _)| name),
            wanted: match self {
                Self::Map | Self::Sum => "a list and an expression for each element",
                _ => "a list and a question for each element",
            },
        }
    }

    /// The result, from the list and what the predicate said of each element.
    pub(super) fn gather(self, list: Vec<Value>, answers: Vec<Value>) -> Answer {
        match self {
            Self::Map => return Ok(Value::List(answers)),
            Self::Sum => return self.sum(&answers),
            _ => {}
        }
        let yes: Option<Vec<bool>> = answers
            .iter()
            .map(|answer| match answer {
                Value::Bool(yes) => Some(*yes),
                Value::Absent => Some(false),
                _ => None,
            })
            .collect();
        let yes = yes.ok_or_else(|| self.wants())?;
        let count = yes.iter().filter(|yes| **yes).count();
        let first = yes.iter().position(|yes| *yes);
        Ok(match self {
            Self::All => Value::Bool(count == yes.len()),
            Self::Any => Value::Bool(count > 0),
            Self::One => Value::Bool(count == 1),
            Self::None => Value::Bool(count == 0),
            Self::Count => Value::Int(count as i128),
            Self::FindIndex => first.map_or(Value::Absent, |at| Value::Int(at as i128)),
            Self::Find => first
                .and_then(|at| list.into_iter().nth(at))
                .unwrap_or(Value::Absent),
            _ => Value::List(
                list.into_iter()
                    .zip(yes)
                    .filter_map(|(element, yes)| yes.then_some(element))
                    .collect(),
            ),
        })
    }

    fn sum(self, values: &[Value]) -> Answer {
        let whole = values.iter().try_fold(0_i128, |sum, value| match value {
            Value::Int(n) => sum.checked_add(*n),
            Value::Absent => Some(sum),
            _ => None,
        });
        if let Some(whole) = whole {
            return Ok(Value::Int(whole));
        }
        let broken: Option<f64> = values.iter().map(Value::number).sum();
        broken.map(Value::Float).ok_or_else(|| self.wants())
    }
}
