//! The grammar of destinations.
//!
//! A token is `$n`, or `{{name(arguments)}}` with blanks allowed around name and arguments, or itself. The heads of the
//! words in a name may be written small or large (`splitFromLeft`, `SplitfromLeft`), nothing else.

use super::{Part, Problem, Transform, TransformError};
use crate::subject::{self, Subject};

/// A function of the destination with its arguments; wildcards still by their number, counted from 1.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    Wildcard(i64),
    Partition(u32, Vec<i64>),
    Random(u32),
    SplitFromLeft(i64, usize),
    SplitFromRight(i64, usize),
    SliceFromLeft(i64, usize),
    SliceFromRight(i64, usize),
    Split(i64, String),
    Left(i64, usize),
    Right(i64, usize),
}

pub(super) fn transform(
    source: &str,
    destination: &str,
    strict: bool,
) -> Result<Transform, TransformError> {
    let source = if source.is_empty() { ">" } else { source };
    let source = Subject::new(source).map_err(|_| TransformError::BadSubject)?;
    let wildcards = wildcard_places(&source);
    let tail = source.tokens().position(|t| t == [subject::ANY_TAIL]);
    let mut parts = Vec::new();
    if !destination.is_empty() {
        check_destination(destination, tail.is_some())?;
        for token in destination.split('.') {
            parts.push(part(token, &wildcards, tail.is_some(), strict)?);
        }
        if strict && !uses_all(&parts, &wildcards) {
            return Err(problem(Problem::UnusedWildcards, destination));
        }
    }
    Ok(Transform {
        source,
        destination: destination.as_bytes().into(),
        parts,
        tail,
    })
}

/// Whether `token` is replaced by what a wildcard matched.
pub(super) fn is_placeholder(token: &str) -> bool {
    matches!(call(token), Ok(Some(Call::Wildcard(1..))))
}

/// Whether `token` in a destination is more than itself, or nothing valid.
pub(super) fn is_call(token: &str) -> bool {
    !matches!(call(token), Ok(None))
}

/// The indices of the source's `*` tokens.
fn wildcard_places(source: &Subject) -> Vec<usize> {
    let tokens = source.tokens().enumerate();
    tokens
        .filter(|(_, token)| *token == [subject::ANY_TOKEN])
        .map(|(index, _)| index)
        .collect()
}

/// The shape of the whole destination: non-empty tokens, no `*`, and `>` at its end exactly when the source has one.
fn check_destination(destination: &str, source_has_tail: bool) -> Result<(), TransformError> {
    let mut after_tail = false;
    for token in destination.split('.') {
        if token.is_empty() || after_tail {
            return Err(problem(Problem::InvalidTransform, token));
        }
        if token == "*" {
            return Err(TransformError::BadSubject);
        }
        let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n' | '\x0c');
        if !token.starts_with("{{") && token.contains(blank) {
            return Err(problem(Problem::InvalidTransform, ""));
        }
        // What stands in a call may be blank, but no line end gets into a subject or a log line.
        if token.contains(['\r', '\n']) {
            return Err(problem(Problem::InvalidTransform, ""));
        }
        after_tail = token == ">";
    }
    if after_tail != source_has_tail {
        return Err(TransformError::BadSubject);
    }
    Ok(())
}

fn part(
    token: &str,
    wildcards: &[usize],
    source_has_tail: bool,
    strict: bool,
) -> Result<Part, TransformError> {
    let Some(call) = call(token)? else {
        return Ok(match token {
            ">" => Part::Tail,
            _ => Part::Literal(token.as_bytes().into()),
        });
    };
    let literal_source = wildcards.is_empty() && !source_has_tail;
    if strict && !literal_source && !matches!(call, Call::Wildcard(_)) {
        return Err(problem(Problem::NotForImports, token));
    }
    let place = |number| match literal_source {
        // Without wildcards there is nothing that a function could take, but the whole subject and chance.
        true => Err(problem(Problem::IndexOutOfRange, token)),
        false => place_of(number, wildcards, token),
    };
    Ok(match call {
        Call::Wildcard(n) => Part::Wildcard { token: place(n)? },
        // With a literal source the subject is always the same; positions in it are not looked at.
        Call::Partition(buckets, numbers) if numbers.is_empty() || literal_source => {
            Part::PartitionSubject { buckets }
        }
        Call::Partition(buckets, numbers) => Part::PartitionTokens {
            buckets,
            tokens: numbers.into_iter().map(place).collect::<Result<_, _>>()?,
        },
        Call::Random(below) => Part::Random { below },
        Call::SplitFromLeft(n, at) => Part::SplitFromLeft {
            token: place(n)?,
            at,
        },
        Call::SplitFromRight(n, at) => Part::SplitFromRight {
            token: place(n)?,
            at,
        },
        Call::SliceFromLeft(n, size) => Part::SliceFromLeft {
            token: place(n)?,
            size,
        },
        Call::SliceFromRight(n, size) => Part::SliceFromRight {
            token: place(n)?,
            size,
        },
        Call::Split(n, delimiter) => Part::Split {
            token: place(n)?,
            delimiter: delimiter.into_bytes().into(),
        },
        Call::Left(n, len) => Part::Left {
            token: place(n)?,
            len,
        },
        Call::Right(n, len) => Part::Right {
            token: place(n)?,
            len,
        },
    })
}

/// Which token of the source the wildcard of this number stands for.
fn place_of(number: i64, wildcards: &[usize], token: &str) -> Result<usize, TransformError> {
    if number == 0 {
        // The reference takes 0 for the source's first token, wildcard or not.
        return Ok(0);
    }
    usize::try_from(number)
        .ok()
        .and_then(|number| wildcards.get(number.checked_sub(1)?).copied())
        .ok_or_else(|| problem(Problem::IndexOutOfRange, &format!("{token}: [{number}]")))
}

fn uses_all(parts: &[Part], wildcards: &[usize]) -> bool {
    wildcards.iter().all(|place| {
        parts
            .iter()
            .any(|part| matches!(part, Part::Wildcard { token } if token == place))
    })
}

/// The function that `token` calls, if it calls one.
fn call(token: &str) -> Result<Option<Call>, TransformError> {
    if let Some(number) = token.strip_prefix('$') {
        // Many subjects start with a dollar; without a number behind it, it is one of those.
        return Ok(number.parse().ok().map(Call::Wildcard));
    }
    if !token.starts_with("{{") && !token.ends_with("}}") {
        return Ok(None);
    }
    let unknown = || problem(Problem::UnknownFunction, token);
    let inside = token
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .ok_or_else(unknown)?;
    let (name, arguments) = inside
        .trim()
        .strip_suffix(')')
        .and_then(|inside| inside.split_once('('))
        .ok_or_else(unknown)?;
    let arguments = Arguments {
        token,
        list: split_arguments(arguments),
    };
    let name = name.trim();
    let is = |words: &[&str]| is_name(name, words);
    let call = if is(&["wildcard"]) {
        arguments.wildcard()?
    } else if is(&["partition"]) {
        arguments.partition()?
    } else if is(&["random"]) {
        arguments.random()?
    } else if is(&["split", "from", "left"]) {
        arguments.index_and_number(Call::SplitFromLeft)?
    } else if is(&["split", "from", "right"]) {
        arguments.index_and_number(Call::SplitFromRight)?
    } else if is(&["slice", "from", "left"]) {
        arguments.index_and_number(Call::SliceFromLeft)?
    } else if is(&["slice", "from", "right"]) {
        arguments.index_and_number(Call::SliceFromRight)?
    } else if is(&["left"]) {
        arguments.index_and_number(Call::Left)?
    } else if is(&["right"]) {
        arguments.index_and_number(Call::Right)?
    } else if is(&["split"]) {
        arguments.split()?
    } else {
        return Err(unknown());
    };
    Ok(Some(call))
}

/// Whether `name` is these words in a row, each with a small or large first letter.
fn is_name(name: &str, words: &[&str]) -> bool {
    let mut rest = name;
    for word in words {
        let Some((head, tail)) = rest.split_at_checked(word.len()) else {
            return false;
        };
        let (Some(first), Some(expected)) = (head.get(..1), word.get(..1)) else {
            return false;
        };
        if !first.eq_ignore_ascii_case(expected) || head.get(1..) != word.get(1..) {
            return false;
        }
        rest = tail;
    }
    rest.is_empty()
}

/// Arguments are separated by a comma and the blanks behind it.
fn split_arguments(arguments: &str) -> Vec<&str> {
    let mut list: Vec<&str> = arguments.split(',').collect();
    for argument in list.iter_mut().skip(1) {
        *argument = argument.trim_start();
    }
    list
}

/// The arguments of one call, with the token for error messages.
struct Arguments<'a> {
    token: &'a str,
    list: Vec<&'a str>,
}

impl Arguments<'_> {
    fn wildcard(&self) -> Result<Call, TransformError> {
        match self.list[..] {
            [""] => Err(self.wrong(Problem::NotEnoughArgs)),
            [number] => Ok(Call::Wildcard(self.integer(number)?)),
            _ => Err(self.wrong(Problem::TooManyArgs)),
        }
    }

    fn partition(&self) -> Result<Call, TransformError> {
        let [buckets, tokens @ ..] = &self.list[..] else {
            return Err(self.wrong(Problem::NotEnoughArgs));
        };
        let buckets = self.count(buckets)?;
        let tokens = tokens.iter().map(|t| self.integer(t));
        Ok(Call::Partition(buckets, tokens.collect::<Result<_, _>>()?))
    }

    fn random(&self) -> Result<Call, TransformError> {
        match self.list[..] {
            [below] => Ok(Call::Random(self.count(below)?)),
            _ => Err(self.wrong(Problem::TooManyArgs)),
        }
    }

    fn index_and_number(&self, make: fn(i64, usize) -> Call) -> Result<Call, TransformError> {
        let [index, number] = self.two()?;
        let index = self.integer(index)?;
        // A negative position means "leave the token as it is", like 0.
        let number = self.integer(number)?;
        let number = i32::try_from(number).map_err(|_| self.wrong(Problem::InvalidArg))?;
        Ok(make(index, usize::try_from(number).unwrap_or(0)))
    }

    fn split(&self) -> Result<Call, TransformError> {
        let [index, delimiter] = self.two()?;
        let index = self.integer(index)?;
        if delimiter.contains([' ', '.']) {
            return Err(self.wrong(Problem::InvalidArg));
        }
        Ok(Call::Split(index, delimiter.to_owned()))
    }

    fn two(&self) -> Result<[&str; 2], TransformError> {
        match self.list[..] {
            [a, b] => Ok([a, b]),
            [] | [_] => Err(self.wrong(Problem::NotEnoughArgs)),
            _ => Err(self.wrong(Problem::TooManyArgs)),
        }
    }

    fn integer(&self, text: &str) -> Result<i64, TransformError> {
        text.trim_matches(' ')
            .parse()
            .map_err(|_| self.wrong(Problem::InvalidArg))
    }

    /// A number of buckets: 0 to the largest 32-bit signed integer.
    fn count(&self, text: &str) -> Result<u32, TransformError> {
        let number = i32::try_from(self.integer(text)?).ok();
        number
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| self.wrong(Problem::InvalidArg))
    }

    fn wrong(&self, kind: Problem) -> TransformError {
        problem(kind, self.token)
    }
}

fn problem(kind: Problem, token: &str) -> TransformError {
    TransformError::Destination {
        kind,
        token: token.to_owned(),
    }
}
