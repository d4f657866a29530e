//! Line graphs drawn with characters, for rates over time.

/// Draws `values`, oldest first, `height` lines high, with a scale at the left and a caption below. The lower bound is 0.
pub fn plot(values: &[f64], height: usize, caption: &str, scale: impl Fn(f64) -> String) -> String {
    let height = height.max(1);
    let highest = values
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .fold(0.0, f64::max);
    // All zero: the line lies at the bottom of a scale of 0 to 1.
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let row_of = |value: f64| {
        let value = if value.is_finite() {
            value.clamp(0.0, highest)
        } else {
            0.0
        };
        (value / highest * height as f64).round() as usize
    };
    let mut grid = vec![vec![' '; values.len()]; height + 1];
    for (x, pair) in values.windows(2).enumerate() {
        let [from, to] = [row_of(pair[0]), row_of(pair[1])];
        let column = x + 1;
        if from == to {
            set(&mut grid, from, column, '─');
            continue;
        }
        let (corner_from, corner_to) = if to > from {
            ('╯', '╭')
        } else {
            ('╮', '╰')
        };
        set(&mut grid, from, column, corner_from);
        set(&mut grid, to, column, corner_to);
        for row in from.min(to) + 1..from.max(to) {
            set(&mut grid, row, column, '│');
        }
    }
    if let Some(first) = values.first() {
        set(&mut grid, row_of(*first), 0, '─');
    }
    let labels: Vec<_> = (0..=height)
        .map(|row| scale(highest * row as f64 / height as f64))
        .collect();
    let width = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (row, label) in labels.iter().enumerate().rev() {
        let line: String = grid
            .get(row)
            .map(|line| line.iter().collect())
            .unwrap_or_default();
        text.push_str(format!(" {label:>width$} ┤{line}").trim_end());
        text.push('\n');
    }
    let indent = (width + 3 + values.len().saturating_sub(caption.chars().count()) / 2).max(1);
    text.push_str(&format!("{}{caption}\n", " ".repeat(indent)));
    text
}

fn set(grid: &mut [Vec<char>], row: usize, column: usize, c: char) {
    if let Some(cell) = grid.get_mut(row).and_then(|line| line.get_mut(column)) {
        *cell = c;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(value: f64) -> String {
        format!("{value:.0}")
    }

    #[test]
    fn a_rate_goes_up_and_down() {
        let values = [0.0, 0.0, 10.0, 50.0, 100.0, 100.0, 20.0, 0.0];
        insta::assert_snapshot!(plot(&values, 5, "orders / second", whole));
    }

    #[test]
    fn silence_is_a_line_at_the_bottom_and_nonsense_does_not_panic() {
        insta::assert_snapshot!(plot(&[0.0; 12], 2, "quiet", whole));
        plot(&[], 0, "", whole);
        plot(&[f64::NAN, -1.0, f64::INFINITY], 3, "x", whole);
    }
}
