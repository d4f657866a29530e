//! The grammar: a document is entries, an entry is a key and a value, or an include.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::cursor::{Cursor, Mark};
use crate::digest::digest;
use crate::error::{Error, ErrorKind, Errors};
use crate::limits::{
    ERRORS_MAX, FILE_BYTES_MAX, INCLUDE_DEPTH_MAX, INCLUDES_MAX, NESTING_MAX, VALUES_MAX,
    VARIABLE_DEPTH_MAX,
};
use crate::outside::Outside;
use crate::scalar::{self, Scalar};
use crate::value::{Map, Node, Position, Value};

/// The key under which an environment variable's text is read.
const VARIABLE_KEY: &str = "pk";

/// A document that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its entries, with includes and variables in place.
    pub root: Map,
}

impl Document {
    /// `sha256:<hex>` over the values, as `nats-server -t` prints it and `config_digest` of `/varz` shows it.
    pub fn digest(&self) -> String {
        digest(&self.root)
    }
}

/// Reads a file and what it includes.
///
/// # Errors
/// Everything that is wrong, with positions; of a text that breaks the grammar the first breach.
pub fn parse_file(path: &Path, outside: &dyn Outside) -> Result<Document, Errors> {
    let bytes = outside.read(path).map_err(|error| Errors::Unreadable {
        path: path.display().to_string(),
        why: reason(&error),
    })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    parse(&bytes, &path.display().to_string(), folder, outside)
}

/// Reads a text. `name` stands in error messages; includes are relative to the current folder.
///
/// # Errors
/// As [`parse_file`].
pub fn parse_text(text: &str, name: &str, outside: &dyn Outside) -> Result<Document, Errors> {
    parse(text.as_bytes(), name, Path::new(""), outside)
}

fn parse(
    bytes: &[u8],
    name: &str,
    folder: &Path,
    outside: &dyn Outside,
) -> Result<Document, Errors> {
    let mut shared = Shared {
        outside,
        errors: Vec::new(),
        values: 0,
        includes: 0,
        variables: Vec::new(),
        files: vec![plain(
            &folder.join(Path::new(name).file_name().unwrap_or_default()),
        )],
    };
    let mut parser = Parser::new(&mut shared, bytes, name, folder.to_path_buf());
    let root = parser.document();
    match shared.errors.is_empty() {
        true => Ok(Document { root }),
        false => Err(Errors::Invalid(shared.errors)),
    }
}

/// A path without `.` and `..`, for comparing.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// What the parsers of one document and its includes share.
struct Shared<'o> {
    outside: &'o dyn Outside,
    errors: Vec<Error>,
    /// Values made so far.
    values: usize,
    /// Files included so far.
    includes: usize,
    /// Environment variables being read, to find cycles.
    variables: Vec<String>,
    /// The files being read, the first one first: each includes the next.
    files: Vec<PathBuf>,
}

/// Reads one text.
struct Parser<'s, 'o, 't> {
    shared: &'s mut Shared<'o>,
    cursor: Cursor<'t>,
    /// Folder that includes are relative to.
    folder: PathBuf,
    nesting: usize,
    /// The maps being read, outermost first: what a variable may refer to.
    scopes: Vec<Map>,
}

impl<'s, 'o, 't> Parser<'s, 'o, 't> {
    fn new(shared: &'s mut Shared<'o>, text: &'t [u8], name: &str, folder: PathBuf) -> Self {
        let cursor = Cursor::new(text, Arc::from(name));
        Self {
            shared,
            cursor,
            folder,
            nesting: 0,
            scopes: Vec::new(),
        }
    }

    /// Reads everything. Errors go to the shared list; what was understood comes back in any case.
    fn document(&mut self) -> Map {
        self.scopes.push(Map::default());
        let outcome = if self.cursor.text_len() > FILE_BYTES_MAX {
            let kind = ErrorKind::Limit {
                what: "size of the file in bytes",
                limit: FILE_BYTES_MAX,
            };
            Err(self.cursor.error_at(self.cursor.mark(), kind))
        } else {
            self.entries_of_document()
        };
        if let Err(error) = outcome {
            self.shared.errors.push(error);
        }
        self.scopes.pop().unwrap_or_default()
    }

    /// The whole document may stand in braces, so that JSON is a configuration too. A missing closing brace at the end and a
    /// surplus one behind a value are forgiven, as the reference forgives them.
    fn entries_of_document(&mut self) -> Result<(), Error> {
        let mut braces = 0_usize;
        loop {
            self.skip_space_and_comments();
            match self.cursor.peek() {
                None => return Ok(()),
                Some('{') => {
                    self.cursor.next();
                    braces = braces.saturating_add(1);
                }
                Some('}') => {
                    let surplus = self.cursor.mark();
                    self.cursor.next();
                    if braces == 0 {
                        self.cursor.skip_while(char::is_whitespace);
                        if self.cursor.peek().is_some() {
                            let kind = ErrorKind::Unexpected {
                                expected: "a key",
                                found: "'}' that closes nothing".to_owned(),
                            };
                            return Err(self.cursor.error_at(surplus, kind));
                        }
                    }
                    braces = braces.saturating_sub(1);
                }
                // After a closing brace.
                Some(',' | ';') if braces > 0 => {
                    self.cursor.next();
                }
                Some(_) => {
                    self.entry(Level::Document)?;
                    self.end_of_entry(Level::Document)?;
                    if braces == 0 && self.cursor.peek() == Some('}') {
                        self.cursor.next();
                    }
                }
            }
        }
    }

    /// The entries of a map; the opening brace is taken already.
    fn entries_of_map(&mut self, open: Mark) -> Result<(), Error> {
        loop {
            self.skip_space_and_comments();
            match self.cursor.peek() {
                None | Some('\0') => {
                    return Err(self
                        .cursor
                        .error_at(open, ErrorKind::NotClosed { what: "map" }));
                }
                Some('}') => {
                    self.cursor.next();
                    return Ok(());
                }
                Some(']') => return Err(self.cursor.unexpected("a key or '}'")),
                Some(_) => {
                    self.entry(Level::Map)?;
                    self.end_of_entry(Level::Map)?;
                }
            }
        }
    }

    /// One key with its value, or one include.
    fn entry(&mut self, level: Level) -> Result<(), Error> {
        let (key, key_mark, quoted) = self.key()?;
        let spaced = self.cursor.peek().is_some_and(char::is_whitespace);
        if !quoted && spaced && key.eq_ignore_ascii_case("include") {
            return self.include(key_mark);
        }
        self.cursor.skip_while(char::is_whitespace);
        let separated = self.cursor.peek().is_some_and(is_separator);
        if separated {
            self.cursor.next();
        }
        // In a map the value may begin on a later line. Outside of maps it may do so only when no separator says that it
        // should have come already.
        match level {
            Level::Map => self.cursor.skip_while(char::is_whitespace),
            Level::Document => self.cursor.skip_while(is_blank),
        }
        let no_value = match self.cursor.peek() {
            None => !separated || level == Level::Map,
            Some('\n' | '\r') => true,
            Some('}' | ',') => level == Level::Map,
            _ => false,
        };
        if no_value {
            return Err(self.cursor.error_at(key_mark, ErrorKind::NoValue { key }));
        }
        if let Some(value) = self.value()? {
            let node = Node {
                value,
                at: self.cursor.position(key_mark),
                used_as_variable: false,
            };
            self.define(key, node);
        }
        Ok(())
    }

    /// A key with or without quotes. The cursor stands behind it.
    fn key(&mut self) -> Result<(String, Mark, bool), Error> {
        let open = self.cursor.mark();
        let quote = self
            .cursor
            .peek()
            .filter(|character| matches!(character, '"' | '\''));
        if quote.is_none() && self.cursor.peek().is_some_and(is_separator) {
            return Err(self.cursor.unexpected("a key"));
        }
        // Without quotes the first character is part of the key whatever it is; with quotes it is the quote.
        let mut start = self.cursor.mark();
        self.cursor.next();
        if quote.is_some() {
            start = self.cursor.mark();
            self.cursor
                .skip_while(|character| Some(character) != quote && character != '\0');
        } else {
            self.cursor.skip_while(|character| {
                !character.is_whitespace() && !is_separator(character) && character != '\0'
            });
        }
        let key = String::from_utf8(self.cursor.since(start).to_vec())
            .map_err(|_| self.cursor.error_at(start, ErrorKind::NotUtf8))?;
        if quote.is_some() && self.cursor.next() != quote {
            return Err(self
                .cursor
                .error_at(open, ErrorKind::NotClosed { what: "key" }));
        }
        Ok((key, start, quote.is_some()))
    }

    /// One value. `None` when it is a variable that cannot be resolved, which is noted and does not end the reading.
    fn value(&mut self) -> Result<Option<Value>, Error> {
        let start = self.cursor.mark();
        self.count(1, start)?;
        match self.cursor.peek() {
            Some('{') => {
                self.deeper(start)?;
                self.cursor.next();
                self.scopes.push(Map::default());
                let outcome = self.entries_of_map(start);
                self.nesting = self.nesting.saturating_sub(1);
                let map = self.scopes.pop().unwrap_or_default();
                outcome.map(|()| Some(Value::Map(map)))
            }
            Some('[') => {
                self.deeper(start)?;
                self.cursor.next();
                let items = self.items_of_array(start);
                self.nesting = self.nesting.saturating_sub(1);
                items.map(|items| Some(Value::Array(items)))
            }
            _ => match scalar::read(&mut self.cursor)? {
                Scalar::Value(value) => Ok(Some(value)),
                Scalar::Variable(name) => self.variable(&name, start),
            },
        }
    }

    /// The items of an array, separated by commas or line ends; the opening bracket is taken already.
    fn items_of_array(&mut self, open: Mark) -> Result<Vec<Node>, Error> {
        let mut items = Vec::new();
        loop {
            self.skip_space_and_comments();
            match self.cursor.peek() {
                None | Some('\0') => {
                    return Err(self
                        .cursor
                        .error_at(open, ErrorKind::NotClosed { what: "list" }));
                }
                Some(']') => {
                    self.cursor.next();
                    return Ok(items);
                }
                Some(',') => return Err(self.cursor.unexpected("a value or ']'")),
                Some(_) => {}
            }
            let start = self.cursor.mark();
            if let Some(value) = self.value()? {
                items.push(Node {
                    value,
                    at: self.cursor.position(start),
                    used_as_variable: false,
                });
            }
            self.cursor.skip_while(is_blank);
            match self.cursor.peek() {
                Some(',' | '\n' | '\r') => {
                    self.cursor.next();
                }
                Some(']') => {}
                None => {
                    return Err(self
                        .cursor
                        .error_at(open, ErrorKind::NotClosed { what: "list" }));
                }
                Some('#') => {}
                Some('/') if self.cursor.peek_second() == Some('/') => {}
                Some(_) => {
                    return Err(self
                        .cursor
                        .unexpected("',', a new line or ']' after a list item"));
                }
            }
        }
    }

    /// What may follow an entry: line end, comma, semicolon, comment, closing brace, and outside of maps the end of the file.
    fn end_of_entry(&mut self, level: Level) -> Result<(), Error> {
        self.cursor.skip_while(is_blank);
        match self.cursor.peek() {
            Some('\n' | '\r' | ';' | ',') => {
                self.cursor.next();
                Ok(())
            }
            Some('}' | '#') => Ok(()),
            Some('/') if self.cursor.peek_second() == Some('/') => Ok(()),
            None if level == Level::Document => Ok(()),
            _ => Err(self
                .cursor
                .unexpected("a new line, ',', ';' or '}' after a value")),
        }
    }

    /// `include path`: the entries of another file come here.
    fn include(&mut self, statement: Mark) -> Result<(), Error> {
        let path = self.include_path()?;
        let limit = |what, limit| ErrorKind::Limit { what, limit };
        let file = plain(&self.folder.join(path.trim_start_matches('/')));
        if self.shared.files.contains(&file) {
            return Err(self
                .cursor
                .error_at(statement, ErrorKind::IncludeCycle { path }));
        }
        // Links may hide a circle from the comparison of names.
        if self.shared.files.len() > INCLUDE_DEPTH_MAX {
            let kind = limit("depth of includes", INCLUDE_DEPTH_MAX);
            return Err(self.cursor.error_at(statement, kind));
        }
        // Files that include each other more than once would double the work with every level.
        self.shared.includes = self.shared.includes.saturating_add(1);
        if self.shared.includes > INCLUDES_MAX {
            let kind = limit("number of includes", INCLUDES_MAX);
            return Err(self.cursor.error_at(statement, kind));
        }
        self.shared.files.push(file);
        let read = self.read_include(&path);
        self.shared.files.pop();
        match read {
            Ok(map) => {
                for (key, node) in map.into_entries() {
                    self.define(key, node);
                }
            }
            Err(why) => {
                let error = self
                    .cursor
                    .error_at(statement, ErrorKind::Include { path, why });
                self.note(error)?;
            }
        }
        Ok(())
    }

    /// Takes the path behind `include`, with or without quotes.
    fn include_path(&mut self) -> Result<String, Error> {
        self.cursor.skip_while(is_blank);
        let start = self.cursor.mark();
        match self.cursor.peek() {
            Some(character)
                if character.is_ascii_digit()
                    || matches!(character, '[' | '{' | '(' | '-' | '\\' | '\n' | '\r') =>
            {
                return Err(self.cursor.unexpected("the path of a file to include"));
            }
            _ => {}
        }
        let quote = self
            .cursor
            .peek()
            .filter(|character| matches!(character, '"' | '\''));
        let bytes = if quote.is_some() {
            self.cursor.next();
            let inside = self.cursor.mark();
            self.cursor
                .skip_while(|character| Some(character) != quote && character != '\0');
            let bytes = self.cursor.since(inside);
            if self.cursor.next() != quote {
                return Err(self.cursor.error_at(
                    start,
                    ErrorKind::NotClosed {
                        what: "include path",
                    },
                ));
            }
            bytes
        } else {
            self.cursor.skip_while(|character| {
                !matches!(character, '\n' | '\r' | '\0' | ';' | '}' | '\'') && !is_blank(character)
            });
            self.cursor.since(start)
        };
        let path = std::str::from_utf8(bytes)
            .map_err(|_| self.cursor.error_at(start, ErrorKind::NotUtf8))?
            .to_owned();
        if quote.is_none() && self.cursor.peek() == Some('\'') {
            self.cursor.next();
        }
        Ok(path)
    }

    /// Reads an included file. It sees none of the variables of this one; its own become visible here.
    fn read_include(&mut self, path: &str) -> Result<Map, String> {
        // A path that begins with a slash is relative too.
        let full = self.folder.join(path.trim_start_matches('/'));
        let bytes = self
            .shared
            .outside
            .read(&full)
            .map_err(|error| reason(&error))?;
        let folder = full.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        let name = full.display().to_string();
        Ok(Parser::new(self.shared, &bytes, &name, folder).document())
    }

    /// What `$name` stands for: an entry of an enclosing map, the innermost first, else an environment variable.
    fn variable(&mut self, name: &str, reference: Mark) -> Result<Option<Value>, Error> {
        for scope in self.scopes.iter_mut().rev() {
            if let Some(node) = scope.get_mut(name) {
                node.used_as_variable = true;
                let value = node.value.clone();
                self.count(size(&value), reference)?;
                return Ok(Some(value));
            }
        }
        match self.environment(name, reference) {
            Ok(value) => Ok(Some(value)),
            Err(kind) => {
                let error = self.cursor.error_at(reference, kind);
                self.note(error)?;
                Ok(None)
            }
        }
    }

    /// The text of an environment variable, read as the value of an entry.
    fn environment(&mut self, name: &str, reference: Mark) -> Result<Value, ErrorKind> {
        let cycle = self
            .shared
            .variables
            .iter()
            .any(|variable| variable == name);
        if cycle || self.shared.variables.len() >= VARIABLE_DEPTH_MAX {
            return Err(ErrorKind::VariableCycle {
                name: name.to_owned(),
            });
        }
        let unknown = || ErrorKind::UnknownVariable {
            name: name.to_owned(),
        };
        let text = self.shared.outside.variable(name).ok_or_else(unknown)?;
        let text = format!("{VARIABLE_KEY}={text}");
        let known_errors = self.shared.errors.len();
        self.shared.variables.push(name.to_owned());
        let source = format!("${name}");
        let map = Parser::new(self.shared, text.as_bytes(), &source, PathBuf::new()).document();
        self.shared.variables.pop();
        // Positions inside of a variable's text help nobody: its errors become one error here.
        if let Some(error) = self.shared.errors.drain(known_errors..).next() {
            return Err(match error.kind {
                ErrorKind::UnknownVariable { .. }
                | ErrorKind::VariableCycle { .. }
                | ErrorKind::VariableText { .. } => error.kind,
                other => ErrorKind::VariableText {
                    name: name.to_owned(),
                    why: Box::new(other),
                },
            });
        }
        let at = self.cursor.position(reference);
        map.into_entries()
            .find(|(key, _)| key == VARIABLE_KEY)
            .map(|(_, node)| moved(node, &at).value)
            .ok_or_else(unknown)
    }

    /// Sets an entry of the innermost map.
    fn define(&mut self, key: String, node: Node) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.set(key, node);
        }
    }

    /// Notes an error that does not keep us from reading on.
    fn note(&mut self, error: Error) -> Result<(), Error> {
        if self.shared.errors.len() >= ERRORS_MAX {
            return Err(error);
        }
        self.shared.errors.push(error);
        Ok(())
    }

    fn count(&mut self, values: usize, mark: Mark) -> Result<(), Error> {
        self.shared.values = self.shared.values.saturating_add(values);
        if self.shared.values > VALUES_MAX {
            return Err(self.cursor.error_at(
                mark,
                ErrorKind::Limit {
                    what: "number of values",
                    limit: VALUES_MAX,
                },
            ));
        }
        Ok(())
    }

    fn deeper(&mut self, mark: Mark) -> Result<(), Error> {
        self.nesting = self.nesting.saturating_add(1);
        if self.nesting > NESTING_MAX {
            return Err(self.cursor.error_at(
                mark,
                ErrorKind::Limit {
                    what: "nesting of maps and lists",
                    limit: NESTING_MAX,
                },
            ));
        }
        Ok(())
    }

    /// Skips white space, line ends and whole comments.
    fn skip_space_and_comments(&mut self) {
        loop {
            self.cursor.skip_while(char::is_whitespace);
            match (self.cursor.peek(), self.cursor.peek_second()) {
                (Some('#'), _) | (Some('/'), Some('/')) => {
                    self.cursor
                        .skip_while(|character| !matches!(character, '\n' | '\r' | '\0'));
                }
                _ => return,
            }
        }
    }
}

/// Where an entry stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// In no map.
    Document,
    /// In a map.
    Map,
}

fn is_separator(character: char) -> bool {
    matches!(character, '=' | ':')
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

/// Number of values in a tree.
fn size(value: &Value) -> usize {
    let inner: usize = match value {
        Value::Array(items) => items
            .iter()
            .map(|item| size(&item.value))
            .fold(0, usize::saturating_add),
        Value::Map(map) => map
            .iter()
            .map(|(_, node)| size(&node.value))
            .fold(0, usize::saturating_add),
        _ => 0,
    };
    inner.saturating_add(1)
}

/// A tree all of whose positions are `at`.
fn moved(mut node: Node, at: &Position) -> Node {
    node.at = at.clone();
    node.value = match node.value {
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| moved(item, at)).collect())
        }
        Value::Map(map) => {
            let mut placed = Map::default();
            for (key, inner) in map.into_entries() {
                placed.set(key, moved(inner, at));
            }
            Value::Map(placed)
        }
        other => other,
    };
    node
}

/// What the system says, in the words that users know.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}
