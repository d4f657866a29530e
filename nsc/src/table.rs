//! Tables in the form of the reference tool: a title, a header, rows and lines between groups of rows.

/// A table in the making.
#[derive(Debug, Clone, Default)]
pub struct Table {
    title: String,
    header: Vec<String>,
    rows: Vec<Option<Vec<String>>>,
}

impl Table {
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
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
            .push(Some(cells.into_iter().map(Into::into).collect()));
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

    /// A line before the next row; never two in a row, none at the end.
    pub fn separator(&mut self) {
        if matches!(self.rows.last(), Some(Some(_))) {
            self.rows.push(None);
        }
    }

    pub fn is_empty(&self) -> bool {
        !self.rows.iter().any(Option::is_some)
    }

    /// The text, with a line break at its end.
    pub fn render(&self) -> String {
        let mut rows = self.rows.as_slice();
        while let Some((None, head)) = rows.split_last() {
            rows = head;
        }
        let cells = || rows.iter().flatten().chain(std::iter::once(&self.header));
        let columns = cells().map(Vec::len).max().unwrap_or(0).max(1);
        let mut widths = vec![0; columns];
        for row in cells() {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let inner = |widths: &[usize]| {
            widths
                .iter()
                .map(|w| w + 3)
                .sum::<usize>()
                .saturating_sub(1)
        };
        let wanted = self.title.chars().count() + 2;
        if let Some(last) = widths.last_mut().map(|w| *w) {
            let missing = wanted.saturating_sub(inner(&widths));
            widths[columns - 1] = last + missing;
        }
        let rule: String = widths
            .iter()
            .map(|w| format!("+{}", "-".repeat(w + 2)))
            .collect();
        let rule = format!("{rule}+\n");
        let mut text = String::new();
        if !self.title.is_empty() {
            let width = inner(&widths);
            text.push_str(&format!("+{}+\n", "-".repeat(width)));
            text.push_str(&centered(&self.title, width));
        }
        text.push_str(&rule);
        if !self.header.is_empty() {
            text.push_str(&line(&self.header, &widths));
            text.push_str(&rule);
        }
        for row in rows {
            match row {
                Some(cells) => text.push_str(&line(cells, &widths)),
                None => text.push_str(&rule),
            }
        }
        text.push_str(&rule);
        text
    }
}

fn centered(title: &str, width: usize) -> String {
    let free = width.saturating_sub(title.chars().count());
    let left = free / 2;
    format!("|{}{title}{}|\n", " ".repeat(left), " ".repeat(free - left))
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (at, width) in widths.iter().enumerate() {
        let cell = cells.get(at).map_or("", String::as_str);
        let free = width.saturating_sub(cell.chars().count());
        text.push_str(&format!("| {cell}{} ", " ".repeat(free)));
    }
    text.push_str("|\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_looks_like_the_reference() {
        let mut table = Table::new("Mappings").header(["From", "To", "Weight (%)"]);
        table.row(["a", "b", "50"]);
        table.row(["", "", "sum=50"]);
        table.separator();
        assert_eq!(
            table.render(),
            "+------------------------+\n\
             |        Mappings        |\n\
             +------+----+------------+\n\
             | From | To | Weight (%) |\n\
             +------+----+------------+\n\
             | a    | b  | 50         |\n\
             |      |    | sum=50     |\n\
             +------+----+------------+\n"
        );
    }

    #[test]
    fn a_long_title_widens_the_last_column() {
        let mut table = Table::new("Operator \"O\"");
        table.row(["x"]);
        let text = table.render();
        assert_eq!(
            text,
            "+--------------+\n| Operator \"O\" |\n+--------------+\n| x            |\n+--------------+\n"
        );
    }
}
