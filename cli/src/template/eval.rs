//! Parts to bytes: the functions.

use super::parse::{Command, Word};
use super::{Scope, TemplateError};

/// The longest text that `Random` makes; a message cannot be longer than 64 MiB anyway.
const RANDOM_LENGTH_MAX: u64 = 64 << 20;

/// What an expression yields.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(i64),
    Bytes(Vec<u8>),
}

impl Value {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Number(number) => number.to_string().into_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    fn number(&self, function: &str) -> Result<i64, TemplateError> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Bytes(bytes) => Err(TemplateError::NotANumber {
                function: function.to_owned(),
                given: String::from_utf8_lossy(bytes).into_owned(),
            }),
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

pub(super) fn pipeline(commands: &[Command], scope: &Scope<'_>) -> Result<Value, TemplateError> {
    let mut piped = None;
    for command in commands {
        piped = Some(call(command, piped, scope)?);
    }
    Ok(piped.unwrap_or_else(|| Value::Bytes(Vec::new())))
}

fn call(
    command: &Command,
    piped: Option<Value>,
    scope: &Scope<'_>,
) -> Result<Value, TemplateError> {
    let (first, rest) = match command.split_first() {
        Some((first, rest)) => (first, rest),
        None => return Ok(Value::Bytes(Vec::new())),
    };
    let mut arguments = rest
        .iter()
        .map(|word| value(word, scope))
        .collect::<Result<Vec<_>, _>>()?;
    arguments.extend(piped);
    match first {
        Word::Name(name) => function(name, &arguments, scope),
        other if arguments.is_empty() => value(other, scope),
        other => Err(TemplateError::UnknownFunction(
            String::from_utf8_lossy(&value(other, scope)?.into_bytes()).into_owned(),
        )),
    }
}

fn value(word: &Word, scope: &Scope<'_>) -> Result<Value, TemplateError> {
    match word {
        Word::Name(name) => function(name, &[], scope),
        Word::Text(text) => Ok(Value::from(text.clone())),
        Word::Number(number) => Ok(Value::Number(*number)),
        Word::Group(commands) => pipeline(commands, scope),
    }
}

fn function(name: &str, arguments: &[Value], scope: &Scope<'_>) -> Result<Value, TemplateError> {
    if let Some(value) = with_arguments(name, arguments)? {
        return Ok(value);
    }
    let value = without_arguments(name, scope)
        .ok_or_else(|| TemplateError::UnknownFunction(name.to_owned()))?;
    if !arguments.is_empty() {
        return Err(TemplateError::Arguments {
            function: name.to_owned(),
            wanted: "no",
            given: arguments.len(),
        });
    }
    Ok(value)
}

fn with_arguments(name: &str, arguments: &[Value]) -> Result<Option<Value>, TemplateError> {
    let wrong = |wanted| TemplateError::Arguments {
        function: name.to_owned(),
        wanted,
        given: arguments.len(),
    };
    let value = match name {
        "Random" => {
            let [a, b] = arguments else {
                return Err(wrong("2"));
            };
            random(name, a.number(name)?, b.number(name)?)?
        }
        "len" => {
            let [of] = arguments else {
                return Err(wrong("1"));
            };
            Value::Number(i64::try_from(of.clone().into_bytes().len()).unwrap_or(i64::MAX))
        }
        "print" => Value::Bytes(joined(arguments)),
        "println" => {
            let mut bytes = arguments
                .iter()
                .map(|a| a.clone().into_bytes())
                .collect::<Vec<_>>()
                .join(&b' ');
            bytes.push(b'\n');
            Value::Bytes(bytes)
        }
        "printf" => {
            let (format, rest) = arguments.split_first().ok_or_else(|| wrong("at least 1"))?;
            Value::Bytes(printf(&format.clone().into_bytes(), rest)?)
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn without_arguments(name: &str, scope: &Scope<'_>) -> Option<Value> {
    let since_epoch = scope.since_epoch();
    let number = |n: u128| Value::Number(i64::try_from(n).unwrap_or(i64::MAX));
    Some(match name {
        "Count" | "Cnt" => number(u128::from(scope.count)),
        "Unix" => number(u128::from(since_epoch.as_secs())),
        "UnixNano" => number(since_epoch.as_nanos()),
        "TimeStamp" => Value::from(rfc3339(&scope.now)),
        "Time" => Value::from(scope.now.strftime("%-I:%M%p").to_string()),
        "ID" => Value::from(unique_id()),
        "Request" => Value::Bytes(scope.request?.to_vec()),
        _ => {
            let (_, text) = scope.extra.iter().find(|(known, _)| *known == name)?;
            Value::from((*text).to_owned())
        }
    })
}

fn rfc3339(now: &jiff::Zoned) -> String {
    let text = now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    match text.strip_suffix("+00:00") {
        Some(utc) => format!("{utc}Z"),
        None => text,
    }
}

fn random(name: &str, a: i64, b: i64) -> Result<Value, TemplateError> {
    let not_a_length = |n: i64| TemplateError::NotANumber {
        function: name.to_owned(),
        given: n.to_string(),
    };
    let shortest = u64::try_from(a.min(b)).map_err(not_a_length_of(a.min(b), not_a_length))?;
    let longest = u64::try_from(a.max(b)).map_err(not_a_length_of(a.max(b), not_a_length))?;
    if longest > RANDOM_LENGTH_MAX {
        return Err(TemplateError::TooLong {
            function: name.to_owned(),
            length: longest,
            limit: RANDOM_LENGTH_MAX,
        });
    }
    let length = shortest + fastrand::u64(..=longest - shortest);
    Ok(Value::from(random_text(length as usize)))
}

fn not_a_length_of<E>(
    n: i64,
    error: impl Fn(i64) -> TemplateError,
) -> impl FnOnce(E) -> TemplateError {
    move |_| error(n)
}

/// Letters and digits, for bodies that shall not compress.
pub fn random_text(length: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(length)
        .collect()
}

/// 22 letters and digits, as the reference's NUID: unique enough to tell messages apart.
fn unique_id() -> String {
    random_text(22)
}

/// Arguments one after the other, with a blank between two that are both figures.
fn joined(arguments: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut figure_before = false;
    for argument in arguments {
        let figure = matches!(argument, Value::Number(_));
        if figure && figure_before {
            bytes.push(b' ');
        }
        figure_before = figure;
        bytes.extend(argument.clone().into_bytes());
    }
    bytes
}

/// `%d %s %v %q %x %%` with a width, `0` and `-`.
fn printf(format: &[u8], arguments: &[Value]) -> Result<Vec<u8>, TemplateError> {
    let unknown = |what: &[u8]| {
        TemplateError::UnknownFunction(format!("printf {}", String::from_utf8_lossy(what)))
    };
    let mut output = Vec::new();
    let mut next = arguments.iter();
    let mut rest = format;
    while let Some(position) = rest.iter().position(|b| *b == b'%') {
        output.extend_from_slice(&rest[..position]);
        let directive = &rest[position + 1..];
        let verb_at = directive
            .iter()
            .position(|b| !matches!(b, b'0'..=b'9' | b'-'));
        let verb_at = verb_at.ok_or_else(|| unknown(&rest[position..]))?;
        let (flags, verb) = (&directive[..verb_at], directive[verb_at]);
        rest = &directive[verb_at + 1..];
        if verb == b'%' {
            output.push(b'%');
            continue;
        }
        let argument = next.next().ok_or(TemplateError::Arguments {
            function: "printf".to_owned(),
            wanted: "more",
            given: arguments.len(),
        })?;
        let text = match verb {
            b'd' => argument.number("printf %d")?.to_string().into_bytes(),
            b's' | b'v' => argument.clone().into_bytes(),
            b'q' => format!(
                "{:?}",
                String::from_utf8_lossy(&argument.clone().into_bytes())
            )
            .into_bytes(),
            b'x' => match argument {
                Value::Number(n) => format!("{n:x}").into_bytes(),
                Value::Bytes(bytes) => bytes
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect::<String>()
                    .into_bytes(),
            },
            _ => return Err(unknown(&[b'%', verb])),
        };
        pad(&mut output, &text, flags);
    }
    output.extend_from_slice(rest);
    Ok(output)
}

fn pad(output: &mut Vec<u8>, text: &[u8], flags: &[u8]) {
    let left = flags.starts_with(b"-");
    let zero = flags.starts_with(b"0");
    let width = std::str::from_utf8(flags)
        .unwrap_or_default()
        .trim_start_matches('-');
    // A width beyond this has no use and could exhaust memory.
    let width = width.parse::<usize>().unwrap_or(0).min(4_096);
    let fill = vec![if zero { b'0' } else { b' ' }; width.saturating_sub(text.len())];
    if left {
        output.extend_from_slice(text);
        output.extend(fill.iter().map(|_| b' '));
    } else {
        output.extend(fill);
        output.extend_from_slice(text);
    }
}
