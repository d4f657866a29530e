//! Who gets how much: counts per subject for `sub --report-subjects`.

use std::collections::HashMap;

use crate::output::color::Scheme;
use crate::output::{Table, format};

/// Subjects counted one by one; the others are counted together, so that a flood of unique subjects cannot exhaust
/// memory.
const SUBJECTS_MAX: usize = 1_000_000;

/// Messages and bytes per subject.
#[derive(Debug, Default)]
pub struct SubjectRates {
    subjects: HashMap<String, Count>,
    others: Count,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    messages: u64,
    bytes: u64,
}

impl SubjectRates {
    pub fn add(&mut self, subject: &str, bytes: usize) {
        let full = self.subjects.len() >= SUBJECTS_MAX;
        let count = match self.subjects.get_mut(subject) {
            Some(count) => count,
            None if full => &mut self.others,
            None => self.subjects.entry(subject.to_owned()).or_default(),
        };
        count.messages += 1;
        count.bytes += bytes as u64;
    }

    /// The busiest subjects, with totals of what is shown.
    pub fn table(&self, top: usize, scheme: Scheme) -> Table {
        let title = match top {
            1 => "Top Subject Report".to_owned(),
            _ => format!("Top {top} Active Subjects Report"),
        };
        let mut table = Table::new(title, scheme).header(["Subject", "Message Count", "Bytes"]);
        let mut rows: Vec<_> = self.subjects.iter().collect();
        rows.sort_by(|(a, x), (b, y)| y.messages.cmp(&x.messages).then_with(|| a.cmp(b)));
        let mut total = Count::default();
        for (subject, count) in rows.into_iter().take(top) {
            table.row([
                subject.clone(),
                format::count(count.messages),
                format::bytes(count.bytes),
            ]);
            total.messages += count.messages;
            total.bytes += count.bytes;
        }
        if self.others.messages > 0 {
            let others = self.others;
            table.row([
                "(others)".to_owned(),
                format::count(others.messages),
                format::bytes(others.bytes),
            ]);
        }
        table.footer([
            "Totals".to_owned(),
            format::count(total.messages),
            format::bytes(total.bytes),
        ]);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_subjects_come_first_and_equal_ones_by_name() {
        let mut rates = SubjectRates::default();
        for subject in ["b", "a", "c", "c", "d"] {
            rates.add(subject, 600);
        }
        insta::assert_snapshot!(rates.table(3, Scheme::Rounded).render());
    }
}
