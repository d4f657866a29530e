//! Reports as a markdown table: each figure beside its bar, and beside the noise of the machine.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::cases::{Bar, CASES, Case, Limit};
use crate::metric::Metric;
use crate::report::{CaseReport, Report, Summary};
use crate::statistics::Spread;

/// Renders the reports. Of several that hold the same case the last wins; reports of A against A fill
/// the noise column.
pub fn render(reports: &[Report]) -> String {
    let mut text = String::from(
        "| work | figure | A (reference) | B (ours) | B/A median (min - max) | A/A noise (min - max) | bar | met |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let measured = by_case(reports, false);
    let noise = by_case(reports, true);
    for case in CASES {
        for (place, bar) in case.bars.iter().enumerate() {
            let title = if place == 0 { case.title } else { "" };
            let report = measured.get(case.name).copied();
            let floor = noise.get(case.name).copied();
            row(&mut text, title, bar, report, floor);
        }
    }
    failures(&mut text, &measured);
    provenance(&mut text, reports);
    text
}

/// The later of the reports on one case.
fn by_case(reports: &[Report], noise_floor: bool) -> BTreeMap<&str, &CaseReport> {
    reports
        .iter()
        .filter(|report| report.noise_floor == noise_floor)
        .flat_map(|report| &report.cases)
        .map(|case| (case.name.as_str(), case))
        .collect()
}

fn row(
    text: &mut String,
    title: &str,
    bar: &Bar,
    report: Option<&CaseReport>,
    floor: Option<&CaseReport>,
) {
    let summary = report.and_then(|report| summary_of(report, bar.metric));
    let floor = floor.and_then(|floor| summary_of(floor, bar.metric));
    let write = |spread: Option<Spread>| {
        spread.map_or_else(String::new, |spread| bar.metric.unit().write(spread.median))
    };
    let _ = writeln!(
        text,
        "| {title} | {} | {} | {} | {} | {} | {} | {} |",
        bar.metric.title(),
        write(summary.map(|summary| summary.a)),
        write(summary.map(|summary| summary.b)),
        ratio(summary.and_then(|summary| summary.ratio)),
        ratio(floor.and_then(|floor| floor.ratio)),
        limit(bar),
        verdict(bar, report, summary),
    );
}

fn summary_of(report: &CaseReport, metric: Metric) -> Option<Summary> {
    report.summary.get(&metric).copied()
}

fn ratio(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| {
        format!(
            "{:.2} ({:.2} - {:.2})",
            spread.median, spread.min, spread.max
        )
    })
}

fn limit(bar: &Bar) -> String {
    match bar.limit {
        Limit::RatioAtLeast(ratio) => format!(">= {ratio}x"),
        Limit::RatioAtMost(ratio) => format!("<= {ratio}x"),
        Limit::AtMost(value) => format!("<= {}", bar.metric.unit().write(value)),
    }
}

/// A case of which a run of B failed has no bar met, whatever its other runs say.
fn verdict(bar: &Bar, report: Option<&CaseReport>, summary: Option<Summary>) -> &'static str {
    if report.is_some_and(|report| report.failures().iter().any(|(side, _)| *side == 'B')) {
        return "**FAILED**";
    }
    let ratio = summary.and_then(|summary| summary.ratio);
    let met = bar.limit.is_met(
        ratio.map(|ratio| ratio.median),
        summary.map(|summary| summary.b.median),
    );
    match met {
        None => "not measured",
        Some(true) => "yes",
        Some(false) => "**no**",
    }
}

fn failures(text: &mut String, measured: &BTreeMap<&str, &CaseReport>) {
    let mut lines = String::new();
    for Case { name, .. } in CASES {
        let Some(report) = measured.get(name) else {
            continue;
        };
        let failures = report.failures();
        if let Some((side, reason)) = failures.first() {
            let _ = writeln!(
                lines,
                "- {name}: {} of {} runs failed; the first, of {side}: {reason}",
                failures.len(),
                report.pairs.len() * 2
            );
        }
    }
    if !lines.is_empty() {
        let _ = write!(text, "\nFailed runs:\n\n{lines}");
    }
}

fn provenance(text: &mut String, reports: &[Report]) {
    text.push_str("\nMeasured:\n\n");
    for report in reports {
        let pairs = report.cases.iter().map(|case| case.pairs.len()).max();
        let _ = writeln!(
            text,
            "- {} at commit {}, {}: A = `{}`, B = `{}`; {} pairs of {} s each (fewer where the case says so), \
             other processes used {} of the machine; {} cores, {}, {}",
            if report.noise_floor {
                "noise (A against A)"
            } else {
                "A against B"
            },
            report.commit,
            report.taken_at.split('.').next().unwrap_or_default(),
            report.a,
            report.b,
            pairs.unwrap_or(0),
            report.seconds,
            other_load(report),
            report.machine.cores,
            report.machine.cpu_model,
            report.machine.kernel,
        );
    }
}

/// Median and worst case of the medians.
fn other_load(report: &Report) -> String {
    let loads: Vec<f64> = report
        .cases
        .iter()
        .filter_map(|case| summary_of(case, Metric::OtherLoad))
        .flat_map(|summary| [summary.a.median, summary.b.median])
        .collect();
    Spread::of(&loads).map_or_else(
        || "an unknown share".to_owned(),
        |spread| {
            let unit = Metric::OtherLoad.unit();
            format!(
                "{} (at worst {})",
                unit.write(spread.median),
                unit.write(spread.max)
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::metric::Sample;
    use crate::report::{FORMAT, Pair, Side};

    fn side(rate: f64, cpu: f64) -> Side {
        let mut sample = Sample::default();
        sample.set(Metric::RatePerSecond, rate);
        sample.set(Metric::CpuSecondsPerMillion, cpu);
        sample.set(Metric::OtherLoad, 0.5);
        Side::Figures(sample)
    }

    fn report(noise_floor: bool, pairs: Vec<Pair>) -> Report {
        Report {
            format: FORMAT,
            taken_at: "2026-01-01T00:00:00.5Z".to_owned(),
            machine: Machine {
                cores: 2,
                cpu_model: "Test".to_owned(),
                kernel: "Linux 6".to_owned(),
                memory_bytes: 1,
            },
            commit: "abc".to_owned(),
            a: "ref".to_owned(),
            b: "ours".to_owned(),
            noise_floor,
            verified: false,
            seconds: 2.0,
            cases: vec![CaseReport::new("1to1-128", pairs)],
        }
    }

    fn line<'a>(text: &'a str, beginning: &str) -> &'a str {
        text.lines()
            .find(|line| line.starts_with(beginning))
            .expect("such a line")
    }

    #[test]
    fn each_figure_stands_beside_its_noise_and_its_bar() {
        let pair = Pair {
            a: side(1_700_000.0, 0.64),
            b: side(5_100_000.0, 0.32),
        };
        let same = Pair {
            a: side(10.0, 1.0),
            b: side(11.0, 1.0),
        };
        let text = render(&[report(true, vec![same]), report(false, vec![pair])]);
        assert_eq!(
            line(&text, "| 1 publisher -> 1 subscriber, 128 B"),
            "| 1 publisher -> 1 subscriber, 128 B | rate | 1.70M/s | 5.10M/s | 3.00 (3.00 - 3.00) | 1.10 (1.10 - 1.10) | >= 2.5x | yes |"
        );
        assert_eq!(
            line(&text, "|  | server CPU s per million | 0.640"),
            "|  | server CPU s per million | 0.640 | 0.320 | 0.50 (0.50 - 0.50) | 1.00 (1.00 - 1.00) | <= 0.35x | **no** |"
        );
        assert!(line(&text, "| publish, nobody listens").ends_with("| not measured |"));
        assert!(
            text.contains("other processes used 50 % (at worst 50 %)"),
            "{text}"
        );
    }

    #[test]
    fn a_lossy_server_meets_no_bar() {
        let pairs = vec![
            Pair {
                a: side(1.0, 1.0),
                b: side(9.0, 0.1),
            },
            Pair {
                a: side(1.0, 1.0),
                b: Side::Failed("lost 3 messages".to_owned()),
            },
        ];
        let text = render(&[report(false, pairs)]);
        assert!(line(&text, "| 1 publisher -> 1 subscriber, 128 B").ends_with("| **FAILED** |"));
        assert!(text.contains("1 of 4 runs failed; the first, of B: lost 3 messages"));
    }
}
