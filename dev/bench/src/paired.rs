//! Runs the cases: A, B, A, B, …, each on a fresh process.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::cases::Case;
use crate::load::{self, Run};
use crate::machine::Machine;
use crate::metric::{Metric, Sample};
use crate::process::Binary;
use crate::report::{self, CaseReport, FORMAT, Pair, Report, Side};

/// What to run and how often.
#[derive(Debug)]
pub struct Plan {
    pub a: Binary,
    pub b: Binary,
    /// Both are the same binary.
    pub noise_floor: bool,
    pub cases: Vec<&'static Case>,
    pub pairs: usize,
    pub seconds: f64,
    pub verify: bool,
}

/// Runs the plan. `out` is rewritten after every case, so that a run that is cut short keeps what it has;
/// `say` gets one line per pair and case.
pub fn run(plan: &Plan, out: Option<&Path>, say: &mut dyn FnMut(&str)) -> Result<Report> {
    let mut report = Report {
        format: FORMAT,
        taken_at: jiff::Timestamp::now().to_string(),
        machine: Machine::this()?,
        commit: report::commit(),
        a: plan.a.version()?,
        b: plan.b.version()?,
        noise_floor: plan.noise_floor,
        verified: plan.verify,
        seconds: plan.seconds,
        cases: Vec::new(),
    };
    for case in &plan.cases {
        say(&format!("{}: {}", case.name, case.title));
        let mut pairs = Vec::new();
        for number in 1..=plan.pairs.min(case.pairs_max) {
            let pair = Pair {
                a: side(&plan.a, case, plan),
                b: side(&plan.b, case, plan),
            };
            say(&format!("  pair {number}: {}", describe(case, &pair)));
            pairs.push(pair);
        }
        let case_report = CaseReport::new(case.name, pairs);
        for (metric, summary) in &case_report.summary {
            if let (true, Some(ratio)) = (is_shown(case, *metric), summary.ratio) {
                say(&format!(
                    "  {}: A {} B {} ratio {:.2} ({:.2}-{:.2})",
                    metric.title(),
                    metric.unit().write(summary.a.median),
                    metric.unit().write(summary.b.median),
                    ratio.median,
                    ratio.min,
                    ratio.max
                ));
            }
        }
        report.cases.push(case_report);
        if let Some(path) = out {
            report.write(path)?;
        }
    }
    Ok(report)
}

fn side(binary: &Binary, case: &Case, plan: &Plan) -> Side {
    let run = Run {
        length: Duration::from_secs_f64(plan.seconds),
        verify: plan.verify,
    };
    match load::measure(binary, &case.workload, run) {
        Ok(sample) => Side::Figures(sample),
        Err(failure) => Side::Failed(format!("{failure:#}")),
    }
}

fn is_shown(case: &Case, metric: Metric) -> bool {
    case.bars.iter().any(|bar| bar.metric == metric)
        || matches!(metric, Metric::OtherLoad | Metric::PeakRssBytes)
}

fn describe(case: &Case, pair: &Pair) -> String {
    let one = |side: &Side| match side {
        Side::Failed(reason) => format!("FAILED: {reason}"),
        Side::Figures(sample) => case
            .bars
            .iter()
            .filter_map(|bar| written(sample, bar.metric))
            .chain(written(sample, Metric::OtherLoad))
            .collect::<Vec<_>>()
            .join(", "),
    };
    format!("A {} | B {}", one(&pair.a), one(&pair.b))
}

fn written(sample: &Sample, metric: Metric) -> Option<String> {
    let value = sample.value(metric)?;
    Some(format!("{} {}", metric.title(), metric.unit().write(value)))
}
