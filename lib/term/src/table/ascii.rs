//! The plain frame: a title, a header, rows and lines between groups of rows, as the reference's `nsc` draws them.

use super::{Row, Table};

/// The text, with a line break at its end.
pub(super) fn render(table: &Table) -> String {
    let mut rows = table.rows.as_slice();
    while let Some((Row::Separator, head)) = rows.split_last() {
        rows = head;
    }
    let mut widths = vec![0; table.columns().max(1)];
    let footer = std::iter::once(&table.footer);
    for row in table.body().chain([&table.header]).chain(footer) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let inner = |widths: &[usize]| {
        let wide: usize = widths.iter().map(|width| width + 3).sum();
        wide.saturating_sub(1)
    };
    let missing = (table.title.chars().count() + 2).saturating_sub(inner(&widths));
    if let Some(last) = widths.last_mut() {
        *last += missing;
    }
    let rule: String = widths
        .iter()
        .map(|width| format!("+{}", "-".repeat(width + 2)))
        .collect();
    let rule = format!("{rule}+\n");
    let mut text = String::new();
    if !table.title.is_empty() {
        let width = inner(&widths);
        text.push_str(&format!("+{}+\n", "-".repeat(width)));
        text.push_str(&centered(&table.title, width));
    }
    text.push_str(&rule);
    if !table.header.is_empty() {
        text.push_str(&line(&table.header, &widths));
        text.push_str(&rule);
    }
    for row in rows {
        match row {
            Row::Cells(cells) => text.push_str(&line(cells, &widths)),
            Row::Separator => text.push_str(&rule),
        }
    }
    if !table.footer.is_empty() {
        text.push_str(&rule);
        text.push_str(&line(&table.footer, &widths));
    }
    text.push_str(&rule);
    text
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
        let mut table = Table::ascii("Mappings").header(["From", "To", "Weight (%)"]);
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
        let mut table = Table::ascii("Operator \"O\"");
        table.row(["x"]);
        let text = table.render();
        assert_eq!(
            text,
            "+--------------+\n| Operator \"O\" |\n+--------------+\n| x            |\n+--------------+\n"
        );
    }
}
