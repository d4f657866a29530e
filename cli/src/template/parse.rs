//! Text to parts: literal text and actions.

use super::TemplateError;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text(Vec<u8>),
    /// Commands divided by `|`; the value of each is the last argument of the next.
    Action(Vec<Command>),
}

/// A function name or value, and its arguments.
pub(super) type Command = Vec<Word>;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// `Count` or `.Count`.
    Name(String),
    Text(String),
    Number(i64),
    /// A pipeline in parentheses.
    Group(Vec<Command>),
}

/// Parentheses inside parentheses; deeper nesting has no use and would only grow the stack.
const DEPTH_MAX: usize = 16;

const CONTROL: [&str; 11] = [
    "if", "else", "end", "range", "with", "define", "template", "block", "break", "continue", "nil",
];

pub(super) fn parts(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut trim_start = false;
    while let Some(start) = rest.find("{{") {
        let (mut literal, action) = rest.split_at(start);
        let action = &action[2..];
        let (action, trim_end) = match action.strip_prefix('-') {
            Some(trimmed) if trimmed.starts_with(char::is_whitespace) => (trimmed, true),
            _ => (action, false),
        };
        if trim_start {
            literal = literal.trim_start();
        }
        if trim_end {
            literal = literal.trim_end();
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal.as_bytes().to_vec()));
        }
        let mut scanner = Scanner {
            rest: action,
            action,
        };
        let commands = scanner.action()?;
        if let Some(commands) = commands {
            parts.push(Part::Action(commands));
        }
        trim_start = scanner.close()?;
        rest = scanner.rest;
    }
    let literal = if trim_start { rest.trim_start() } else { rest };
    if !literal.is_empty() {
        parts.push(Part::Text(literal.as_bytes().to_vec()));
    }
    Ok(parts)
}

struct Scanner<'a> {
    rest: &'a str,
    /// The template from this action on, for messages.
    action: &'a str,
}

impl<'a> Scanner<'a> {
    /// The commands up to the closing braces; `None` for a comment.
    fn action(&mut self) -> Result<Option<Vec<Command>>, TemplateError> {
        self.skip_blanks();
        if let Some(comment) = self.rest.strip_prefix("/*") {
            let end = comment.find("*/").ok_or_else(|| self.unclosed())?;
            self.rest = &comment[end + 2..];
            self.skip_blanks();
            return Ok(None);
        }
        let commands = self.pipeline(0)?;
        Ok(Some(commands))
    }

    fn pipeline(&mut self, depth: usize) -> Result<Vec<Command>, TemplateError> {
        if depth > DEPTH_MAX {
            return Err(self.unexpected("("));
        }
        let mut commands = Vec::new();
        loop {
            let mut command = Vec::new();
            while let Some(word) = self.word(depth)? {
                command.push(word);
            }
            if command.is_empty() {
                return Err(TemplateError::Empty(self.shown()));
            }
            commands.push(command);
            match self.rest.strip_prefix('|') {
                Some(rest) => self.rest = rest,
                None => return Ok(commands),
            }
        }
    }

    /// The next word, or `None` where a command ends.
    fn word(&mut self, depth: usize) -> Result<Option<Word>, TemplateError> {
        self.skip_blanks();
        if self.at_close() {
            return Ok(None);
        }
        let Some(first) = self.rest.chars().next() else {
            return Err(self.unclosed());
        };
        let word = match first {
            '|' | ')' => return Ok(None),
            '"' => self.quoted()?,
            '`' => {
                let body = &self.rest[1..];
                let end = body.find('`').ok_or_else(|| self.unclosed())?;
                self.rest = &body[end + 1..];
                Word::Text(body[..end].to_owned())
            }
            '(' => {
                self.rest = &self.rest[1..];
                let group = self.pipeline(depth + 1)?;
                self.rest = self
                    .rest
                    .strip_prefix(')')
                    .ok_or_else(|| self.unexpected_next())?;
                Word::Group(group)
            }
            '-' | '0'..='9' => {
                let text = self.take(|c| c == '-' || c == '_' || c.is_ascii_alphanumeric());
                Word::Number(
                    text.replace('_', "")
                        .parse()
                        .map_err(|_| self.unexpected(text))?,
                )
            }
            '.' => {
                self.rest = &self.rest[1..];
                self.name()?
            }
            c if c.is_alphabetic() || c == '_' => self.name()?,
            _ => return Err(self.unexpected_next()),
        };
        Ok(Some(word))
    }

    fn name(&mut self) -> Result<Word, TemplateError> {
        let name = self.take(|c| c.is_alphanumeric() || c == '_');
        if name.is_empty() {
            return Err(self.unexpected_next());
        }
        if CONTROL.contains(&name) {
            return Err(TemplateError::Control(name.to_owned()));
        }
        Ok(Word::Name(name.to_owned()))
    }

    fn quoted(&mut self) -> Result<Word, TemplateError> {
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[index + 2..];
                    return Ok(Word::Text(text));
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, c @ ('"' | '\\' | '\''))) => text.push(c),
                    Some((_, c)) => return Err(self.unexpected(&format!("\\{c}"))),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(self.unclosed())
    }

    /// Steps over the closing braces; true when the text after them loses its leading blanks.
    fn close(&mut self) -> Result<bool, TemplateError> {
        for (mark, trims) in [("-}}", true), ("}}", false)] {
            if let Some(rest) = self.rest.strip_prefix(mark) {
                self.rest = rest;
                return Ok(trims);
            }
        }
        if self.rest.is_empty() {
            return Err(self.unclosed());
        }
        Err(self.unexpected_next())
    }

    fn at_close(&self) -> bool {
        self.rest.starts_with("}}") || self.rest.starts_with("-}}")
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// The action as it stands in the template, for messages.
    fn shown(&self) -> String {
        let end = self
            .action
            .find("}}")
            .map_or(self.action.len(), |end| end + 2);
        format!("{{{{{}", &self.action[..end])
    }

    fn unclosed(&self) -> TemplateError {
        TemplateError::Unclosed(self.shown())
    }

    fn unexpected(&self, found: &str) -> TemplateError {
        TemplateError::Unexpected {
            found: found.to_owned(),
            action: self.shown(),
        }
    }

    fn unexpected_next(&self) -> TemplateError {
        let found: String = self.rest.chars().take(1).collect();
        self.unexpected(&found)
    }
}
