//! Tables: a box with a centered title, a header, rows and an optional footer with totals; or markdown, CSV, TSV when
//! `NATS_TABLE_FORMAT` asks for it. The box is rounded as in the reference's `nats`, or of plain characters as in its `nsc`.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, TableStyle,
    Width,
};

use crate::color::{self, Scheme};
use crate::markdown_wanted;

mod ascii;

/// A table in the making. Cells are text; a column whose body holds nothing but figures is aligned right.
#[derive(Debug, Clone, Default)]
pub struct Table {
    title: String,
    header: Vec<String>,
    rows: Vec<Row>,
    footer: Vec<String>,
    frame: Frame,
}

/// What the lines are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Lines(Scheme),
    Ascii,
}

impl Default for Frame {
    fn default() -> Self {
        Self::Lines(Scheme::default())
    }
}

#[derive(Debug, Clone)]
enum Row {
    Cells(Vec<String>),
    Separator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Box,
    Markdown,
    Csv,
    Tsv,
}

/// Begins the lines between rows, to tell them from the one below the header.
const ROW_MARK: char = '╟';

const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('╭', '─', '┬', '╮'))
    .header_lines(ContentLineStyle::new('│', '│', '│'))
    .header_separator(LineStyle::new('├', '─', '┼', '┤'))
    .content_lines(ContentLineStyle::new('│', '│', '│'))
    .row_separator(LineStyle::new(ROW_MARK, '─', '┼', '┤'))
    .bottom_border(LineStyle::new('╰', '─', '┴', '╯'));

impl Table {
    pub fn new(title: impl Into<String>, scheme: Scheme) -> Self {
        Self {
            title: title.into(),
            frame: Frame::Lines(scheme),
            ..Self::default()
        }
    }

    /// A table whose frame is of `+`, `-` and `|`.
    pub fn ascii(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            frame: Frame::Ascii,
            ..Self::default()
        }
    }

    #[must_use]
    pub fn header<I: IntoIterator<Item: Into<String>>>(mut self, cells: I) -> Self {
        self.header = cells.into_iter().map(Into::into).collect();
        self
    }

    pub fn row<I: IntoIterator<Item: Into<String>>>(&mut self, cells: I) {
        self.rows
            .push(Row::Cells(cells.into_iter().map(Into::into).collect()));
    }

    /// A label and a value.
    pub fn pair(&mut self, label: &str, value: impl Into<String>) {
        self.row([label.to_owned(), value.into()]);
    }

    /// A label and several values below each other; nothing for none.
    pub fn pairs<I: IntoIterator<Item: Into<String>>>(&mut self, label: &str, values: I) {
        for (at, value) in values.into_iter().enumerate() {
            self.pair(if at == 0 { label } else { "" }, value);
        }
    }

    /// A line between the rows before and after; never two in a row.
    pub fn separator(&mut self) {
        if matches!(self.rows.last(), Some(Row::Cells(_))) {
            self.rows.push(Row::Separator);
        }
    }

    pub fn footer<I: IntoIterator<Item: Into<String>>>(&mut self, cells: I) {
        self.footer = cells.into_iter().map(Into::into).collect();
    }

    pub fn is_empty(&self) -> bool {
        self.body().next().is_none()
    }

    /// The table in the form that the environment asks for, with a line break at its end.
    pub fn render(&self) -> String {
        match Form::from_environment() {
            Form::Box if self.frame == Frame::Ascii => ascii::render(self),
            Form::Box => self.render_box(crate::width()),
            Form::Markdown => self.render_markdown(),
            Form::Csv => self.render_separated(','),
            Form::Tsv => self.render_separated('\t'),
        }
    }

    fn body(&self) -> impl Iterator<Item = &Vec<String>> {
        self.rows.iter().filter_map(|row| match row {
            Row::Cells(cells) => Some(cells),
            Row::Separator => None,
        })
    }

    fn columns(&self) -> usize {
        let body = self.body().map(Vec::len).max().unwrap_or(0);
        body.max(self.header.len()).max(self.footer.len())
    }

    /// Draws the box. `comfy-table` lays the cells out (widths, wrapping, wide characters) with a line between all rows;
    /// the lines that nobody asked for are dropped again, and the title is put on top.
    fn render_box(&self, width: Option<u16>) -> String {
        let columns = self.columns();
        if columns == 0 {
            return String::new();
        }
        let mut layout = comfy_table::Table::new();
        layout.load_style(STYLE).force_no_tty();
        match width {
            Some(width) => layout
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width.max(20)),
            None => layout.set_content_arrangement(ContentArrangement::Disabled),
        };
        if !self.header.is_empty() {
            layout.set_header(padded(&self.header, columns));
        }
        let mut wanted = Vec::new();
        let mut count = 0;
        for row in &self.rows {
            match row {
                Row::Cells(cells) => {
                    layout.add_row(padded(cells, columns));
                    count += 1;
                }
                Row::Separator => wanted.push(count),
            }
        }
        if !self.footer.is_empty() {
            wanted.push(count);
            layout.add_row(padded(&self.footer, columns));
        }
        for index in 0..columns {
            if self.is_numeric(index)
                && let Some(column) = layout.column_mut(index)
            {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.make_room_for_title(&mut layout);
        self.colored(self.decorated(layout.lines(), &wanted))
    }

    /// Widens the last column when the title is longer than all columns together.
    fn make_room_for_title(&self, layout: &mut comfy_table::Table) {
        let widths = layout.column_max_content_widths();
        let inner = widths
            .iter()
            .map(|width| usize::from(*width) + 3)
            .sum::<usize>()
            .saturating_sub(1);
        let wanted = self.title.chars().count() + 2;
        if wanted > inner
            && let Some(last) = widths.last()
            && let Some(column) = layout.column_mut(widths.len() - 1)
        {
            let width = usize::from(*last) + 2 + wanted - inner;
            let width = Width::Fixed(u16::try_from(width).unwrap_or(u16::MAX));
            column.set_constraint(ColumnConstraint::LowerBoundary(width));
        }
    }

    /// Adds the title and keeps the row separators in `wanted`: the n-th stands above row n.
    fn decorated(&self, lines: impl Iterator<Item = String>, wanted: &[usize]) -> Vec<String> {
        let mut text = Vec::new();
        let mut separator = 0;
        for line in lines {
            if line.starts_with('╭') && !self.title.is_empty() {
                let inner = line.chars().count().saturating_sub(2);
                text.push(format!("╭{}╮", "─".repeat(inner)));
                text.push(format!("│{:^inner$}│", self.title));
                text.push(line.replace('╭', "├").replace('╮', "┤"));
            } else if line.starts_with(ROW_MARK) {
                separator += 1;
                if wanted.contains(&separator) {
                    text.push(line.replace(ROW_MARK, "├"));
                }
            } else {
                text.push(line);
            }
        }
        text
    }

    fn colored(&self, lines: Vec<String>) -> String {
        let Frame::Lines(scheme) = self.frame else {
            return lines.join("\n");
        };
        let double = scheme == Scheme::Double;
        let mut text = String::new();
        for line in lines {
            if double {
                text.extend(line.chars().map(doubled));
            } else if scheme.ansi().is_some() && color::enabled() {
                paint_borders(scheme, &line, &mut text);
            } else {
                text.push_str(&line);
            }
            text.push('\n');
        }
        text
    }

    fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self
            .body()
            .filter_map(|row| row.get(column))
            .filter(|cell| !cell.is_empty())
            .peekable();
        cells.peek().is_some() && cells.all(|cell| looks_numeric(cell))
    }

    fn render_markdown(&self) -> String {
        let columns = self.columns();
        let line = |cells: &[String]| {
            let cells = padded(cells, columns);
            let cells: Vec<_> = cells
                .iter()
                .map(|cell| cell.replace('|', "\\|").replace('\n', "<br/>"))
                .collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut text = String::new();
        if !self.title.is_empty() {
            text.push_str(&format!("# {}\n", self.title));
        }
        text.push_str(&line(&self.header));
        let rule: Vec<_> = (0..columns)
            .map(|c| if self.is_numeric(c) { "---:" } else { "---" })
            .collect();
        text.push_str(&format!("| {} |\n", rule.join(" | ")));
        for row in self.body() {
            text.push_str(&line(row));
        }
        if !self.footer.is_empty() {
            text.push_str(&line(&self.footer));
        }
        text
    }

    fn render_separated(&self, separator: char) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<_> = cells.iter().map(|cell| quoted(cell, separator)).collect();
            cells.join(&separator.to_string()) + "\n"
        };
        let mut text = String::new();
        if !self.title.is_empty() {
            text.push_str(&line(std::slice::from_ref(&self.title)));
        }
        if !self.header.is_empty() {
            text.push_str(&line(&self.header));
        }
        for row in self.body() {
            text.push_str(&line(row));
        }
        if !self.footer.is_empty() {
            text.push_str(&line(&self.footer));
        }
        text
    }
}

impl Form {
    fn from_environment() -> Self {
        if markdown_wanted() {
            return Self::Markdown;
        }
        match std::env::var("NATS_TABLE_FORMAT")
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "md" | "markdown" => Self::Markdown,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            _ => Self::Box,
        }
    }
}

fn padded(cells: &[String], columns: usize) -> Vec<String> {
    let mut cells = cells.to_vec();
    cells.resize(columns, String::new());
    cells
}

/// Figures, with their unit or sign: `1,234`, `12 KiB`, `3.4ms`, `-5`, `99%`.
fn looks_numeric(cell: &str) -> bool {
    let rest = cell.trim_start_matches('-');
    let number: usize = rest
        .bytes()
        .take_while(|b| b.is_ascii_digit() || matches!(b, b',' | b'.'))
        .count();
    let (number, unit) = rest.split_at(number);
    let unit = unit.trim_start();
    // One dot at most: versions and addresses are no figures.
    number.matches('.').count() <= 1
        && rest.starts_with(|c: char| c.is_ascii_digit())
        && matches!(
            unit,
            "" | "%" | "B" | "KiB" | "MiB" | "GiB" | "TiB" | "PiB" | "EiB" | "µs" | "ms" | "s"
        )
}

fn doubled(c: char) -> char {
    match c {
        '╭' => '╔',
        '╮' => '╗',
        '╰' => '╚',
        '╯' => '╝',
        '│' => '║',
        '─' => '═',
        '├' => '╠',
        '┤' => '╣',
        '┬' => '╦',
        '┴' => '╩',
        '┼' => '╬',
        c => c,
    }
}

/// Colours the frame of a line; the text between keeps the terminal's own colour.
fn paint_borders(scheme: Scheme, line: &str, text: &mut String) {
    let mut run = String::new();
    for c in line.chars() {
        if ('\u{2500}'..='\u{257f}').contains(&c) {
            run.push(c);
            continue;
        }
        if !run.is_empty() {
            text.push_str(&color::paint(scheme, &run));
            run.clear();
        }
        text.push(c);
    }
    if !run.is_empty() {
        text.push_str(&color::paint(scheme, &run));
    }
}

fn quoted(cell: &str, separator: char) -> String {
    if separator == '\t' {
        return cell.replace(['\t', '\n', '\r'], " ");
    }
    if cell.contains([separator, '"', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table =
            Table::new("Server Overview", Scheme::Rounded).header(["Name", "Conns", "Mem"]);
        table.row(["n1", "1,024", "14 MiB"]);
        table.row(["n2-with-a-longer-name", "7", "9.5 MiB"]);
        table.separator();
        table.row(["n3, \"quoted\" | piped", "0", "0 B"]);
        table.footer(["3", "1,031", "24 MiB"]);
        table
    }

    #[test]
    fn a_box_has_title_header_separators_and_footer() {
        insta::assert_snapshot!(sample().render_box(None));
    }

    #[test]
    fn a_box_without_title_and_footer_is_plain() {
        let mut table = Table::new("", Scheme::Double).header(["A", "B"]);
        table.row(["x", "y"]);
        insta::assert_snapshot!(table.render_box(None));
    }

    #[test]
    fn a_title_longer_than_the_columns_widens_the_box() {
        let mut table = Table::new("A rather long title", Scheme::Rounded).header(["A", "B"]);
        table.row(["x", "y"]);
        insta::assert_snapshot!(table.render_box(None));
    }

    #[test]
    fn a_narrow_terminal_wraps_cells_and_keeps_the_frame_straight() {
        let mut table = Table::new("Narrow", Scheme::Rounded).header(["Name", "Description"]);
        table.row([
            "a",
            "a description that is far too long for a narrow terminal",
        ]);
        table.separator();
        table.row(["b", "short"]);
        let text = table.render_box(Some(34));
        let widths: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|w| *w == widths[0]), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn other_formats_escape_what_would_break_them() {
        insta::assert_snapshot!("markdown", sample().render_markdown());
        insta::assert_snapshot!("csv", sample().render_separated(','));
        insta::assert_snapshot!("tsv", sample().render_separated('\t'));
    }
}
