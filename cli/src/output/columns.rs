//! Label and value columns: a heading, sections, labels aligned right.
//!
//! With `TESTING=true` the same content is printed as JSON, with `LLMFORMAT=1` as markdown: both are contracts of the
//! reference tool.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::color::{self, Scheme};
use super::{format, markdown_wanted};

/// The columns view in the making.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    heading: String,
    lines: Vec<Line>,
    scheme: Scheme,
}

#[derive(Debug, Clone)]
enum Line {
    Row(String, String),
    Title(String),
    Text(String),
    Indent(usize),
}

/// A value that knows how it is shown.
pub trait Shown {
    fn shown(&self) -> String;
}

impl Columns {
    pub fn new(heading: impl Into<String>, scheme: Scheme) -> Self {
        Self {
            heading: heading.into(),
            lines: Vec::new(),
            scheme,
        }
    }

    pub fn row(&mut self, label: &str, value: impl Shown) {
        self.lines.push(Line::Row(
            label.trim_end_matches(':').to_owned(),
            value.shown(),
        ));
    }

    pub fn row_if(&mut self, condition: bool, label: &str, value: impl Shown) {
        if condition {
            self.row(label, value);
        }
    }

    /// Nothing is shown for an empty text.
    pub fn row_unless_empty(&mut self, label: &str, value: &str) {
        self.row_if(!value.is_empty(), label, value);
    }

    /// `unlimited` instead of a negative limit.
    pub fn row_limit(&mut self, label: &str, limit: i64) {
        if limit < 0 {
            self.row(label, "unlimited");
        } else {
            self.row(label, limit);
        }
    }

    /// Several values under one label.
    pub fn rows<I: IntoIterator<Item: Shown>>(&mut self, label: &str, values: I) {
        for (index, value) in values.into_iter().enumerate() {
            self.row(if index == 0 { label } else { "" }, value);
        }
    }

    pub fn section(&mut self, title: impl Into<String>) {
        self.lines.push(Line::Title(title.into()));
    }

    /// A line outside the columns; an empty one makes a gap.
    pub fn text(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Text(text.into()));
    }

    /// Everything after this is indented by so many blanks.
    pub fn indent(&mut self, width: usize) {
        self.lines.push(Line::Indent(width));
    }

    /// The view in the form that the environment asks for.
    pub fn render(&self) -> String {
        if markdown_wanted() {
            self.render_markdown()
        } else if std::env::var_os("TESTING").is_some_and(|v| v == "true") {
            self.render_json()
        } else {
            self.render_text()
        }
    }

    fn render_text(&self) -> String {
        let longest = self
            .lines
            .iter()
            .map(|line| {
                if let Line::Row(label, _) = line {
                    width(label)
                } else {
                    0
                }
            })
            .max();
        let longest = longest.unwrap_or(0);
        let colon = color::paint(self.scheme, ":");
        let mut text = String::new();
        if !self.heading.is_empty() {
            text.push_str(&format!("{}\n\n", self.heading));
        }
        let mut indent = String::new();
        // What stands above decides whether a title needs a gap: none at the top, below a title, or below a gap.
        let mut gap_above = true;
        let mut title_above = false;
        for line in &self.lines {
            match line {
                Line::Indent(width) => indent = " ".repeat(*width),
                Line::Title(title) => {
                    if !gap_above {
                        text.push('\n');
                    }
                    let title = title.trim_end_matches(':');
                    text.push_str(&format!("{indent}{title}:\n\n"));
                    (gap_above, title_above) = (true, true);
                }
                Line::Row(label, value) => {
                    let padding = " ".repeat(longest.saturating_sub(width(label)) + 2);
                    let colon = if label.is_empty() { " " } else { &colon };
                    text.push_str(&format!("{indent}{padding}{label}{colon} {value}\n"));
                    (gap_above, title_above) = (false, false);
                }
                Line::Text(line) if line.is_empty() && title_above => {}
                Line::Text(line) => {
                    // One blank more than titles and rows have, as in the reference tool.
                    text.push_str(format!("{indent} {line}").trim_end());
                    text.push('\n');
                    (gap_above, title_above) = (line.is_empty(), false);
                }
            }
        }
        text
    }

    /// `{"Header": heading, "<Section>": {label: value}}`; rows above the first section stand at the top.
    fn render_json(&self) -> String {
        let mut document = Map::new();
        if !self.heading.is_empty() {
            document.insert("Header".into(), Value::from(self.heading.clone()));
        }
        let mut section = String::new();
        for line in &self.lines {
            match line {
                Line::Title(title) => section.clone_from(title),
                Line::Row(label, value) if !label.is_empty() => {
                    if let Some(target) = section_of(&mut document, &section) {
                        target.insert(label.clone(), Value::from(value.clone()));
                    }
                }
                Line::Text(text) if !text.is_empty() && !section.is_empty() => {
                    let target = section_of(&mut document, &section);
                    let header = target.map(|t| {
                        t.entry("header")
                            .or_insert_with(|| Value::Array(Vec::new()))
                    });
                    if let Some(Value::Array(header)) = header {
                        header.push(Value::from(text.clone()));
                    }
                }
                Line::Row(..) | Line::Text(_) | Line::Indent(_) => {}
            }
        }
        let text = serde_json::to_string_pretty(&Value::Object(document)).unwrap_or_default();
        text + "\n"
    }

    fn render_markdown(&self) -> String {
        let mut text = String::new();
        if !self.heading.is_empty() {
            text.push_str(&format!("# {}\n\n", self.heading));
        }
        let mut depth = 0;
        for (index, line) in self.lines.iter().enumerate() {
            match line {
                Line::Indent(0) => depth = 0,
                Line::Indent(_) => depth += 1,
                Line::Title(title) => {
                    let gap = if index == 0 { "" } else { "\n" };
                    text.push_str(&format!("{gap}{} {title}\n\n", "#".repeat(depth + 2)));
                }
                Line::Row(label, value) if label.is_empty() => {
                    text.push_str(&format!("- {value}\n"))
                }
                Line::Row(label, value) => text.push_str(&format!("- **{label}:** {value}\n")),
                Line::Text(line) => text.push_str(&format!("{line}\n")),
            }
        }
        text
    }
}

fn section_of<'a>(
    document: &'a mut Map<String, Value>,
    section: &str,
) -> Option<&'a mut Map<String, Value>> {
    if section.is_empty() {
        return Some(document);
    }
    let entry = document
        .entry(section)
        .or_insert_with(|| Value::Object(Map::new()));
    entry.as_object_mut()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

impl<T: Shown + ?Sized> Shown for &T {
    fn shown(&self) -> String {
        (**self).shown()
    }
}

impl Shown for str {
    fn shown(&self) -> String {
        self.to_owned()
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        self.clone()
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for f64 {
    fn shown(&self) -> String {
        format::decimal(*self)
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        format::duration(*self)
    }
}

impl Shown for Timestamp {
    fn shown(&self) -> String {
        format::time(*self)
    }
}

impl<T: Shown> Shown for [T] {
    fn shown(&self) -> String {
        self.iter().map(Shown::shown).collect::<Vec<_>>().join(", ")
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn shown(&self) -> String {
        self.as_slice().shown()
    }
}

macro_rules! shown_as_number {
    ($($form:path: $wide:ty: $($type:ty)*;)*) => {
        $($(impl Shown for $type {
            fn shown(&self) -> String {
                $form(*self as $wide)
            }
        })*)*
    };
}

shown_as_number! {
    format::count: u64: u8 u16 u32 u64 usize;
    format::signed: i64: i8 i16 i32 i64 isize;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Columns {
        let mut columns = Columns::new("Account Information", Scheme::Rounded);
        columns.row("User", "derek");
        columns.row("RTT", Duration::from_micros(321));
        columns.section("Limits");
        columns.row("Maximum Payload", 1_048_576u64);
        columns.row_limit("Connections", -1);
        columns.rows("Subjects", ["a.>", "b.*"]);
        columns.section("Nothing here");
        columns.text("");
        columns.text("a line of prose");
        columns
    }

    #[test]
    fn labels_are_aligned_right_and_sections_are_set_apart() {
        insta::assert_snapshot!(sample().render_text());
    }

    #[test]
    fn tests_and_language_models_get_their_forms() {
        insta::assert_snapshot!("json", sample().render_json());
        insta::assert_snapshot!("columns_markdown", sample().render_markdown());
    }
}
