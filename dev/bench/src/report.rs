//! The JSON document of results: every raw figure of every pair, and the summary made of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::metric::{Metric, Sample};
use crate::statistics::Spread;

/// Raised when a reader of old files would misread new ones.
pub const FORMAT: u32 = 1;

/// One invocation of `nats-bench paired`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub format: u32,
    /// RFC 3339, UTC.
    pub taken_at: String,
    pub machine: Machine,
    /// Of this repository, with `+changes` when the tree was not clean.
    pub commit: String,
    /// The first lines of `--version`.
    pub a: String,
    pub b: String,
    /// A was measured against itself: the ratios are the noise of the machine.
    pub noise_floor: bool,
    pub verified: bool,
    /// How long each run pushed load.
    pub seconds: f64,
    pub cases: Vec<CaseReport>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseReport {
    pub name: String,
    pub summary: BTreeMap<Metric, Summary>,
    pub pairs: Vec<Pair>,
}

/// A run of A and the run of B right after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    pub a: Side,
    pub b: Side,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Figures(Sample),
    Failed(String),
}

/// Of one metric over all pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub a: Spread,
    pub b: Spread,
    /// B/A pair by pair; absent when A was zero in all.
    pub ratio: Option<Spread>,
}

impl CaseReport {
    /// Pairs with a failed side stay in the report but out of the summary.
    pub fn new(name: &str, pairs: Vec<Pair>) -> CaseReport {
        let mut figures: BTreeMap<Metric, Vec<(f64, f64)>> = BTreeMap::new();
        for pair in &pairs {
            let (Side::Figures(a), Side::Figures(b)) = (&pair.a, &pair.b) else {
                continue;
            };
            for (metric, a) in a.iter() {
                if let Some(b) = b.value(metric) {
                    figures.entry(metric).or_default().push((a, b));
                }
            }
        }
        let summary = figures
            .into_iter()
            .filter_map(|(metric, pairs)| Summary::of(&pairs).map(|summary| (metric, summary)))
            .collect();
        CaseReport {
            name: name.to_owned(),
            summary,
            pairs,
        }
    }

    /// Why runs failed: side, reason.
    pub fn failures(&self) -> Vec<(char, &str)> {
        fn failed(name: char, side: &Side) -> Option<(char, &str)> {
            match side {
                Side::Failed(reason) => Some((name, reason)),
                Side::Figures(_) => None,
            }
        }
        self.pairs
            .iter()
            .flat_map(|pair| [failed('A', &pair.a), failed('B', &pair.b)])
            .flatten()
            .collect()
    }
}

impl Summary {
    fn of(pairs: &[(f64, f64)]) -> Option<Summary> {
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        Some(Summary {
            a: Spread::of(&a)?,
            b: Spread::of(&b)?,
            ratio: Spread::of_ratios(pairs),
        })
    }
}

impl Report {
    pub fn read(path: &Path) -> Result<Report> {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let report: Report = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a report of nats-bench", path.display()))?;
        ensure!(
            report.format == FORMAT,
            "{} has format {}, this program reads {FORMAT}",
            path.display(),
            report.format
        );
        Ok(report)
    }

    /// Through a second file, so that an interrupted run leaves the last complete state.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, text)
            .and_then(|()| fs::rename(&unfinished, path))
            .with_context(|| format!("writing {}", path.display()))
    }
}

/// The commit that the working directory is at; "unknown" outside a repository.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match git(&["rev-parse", "--short=12", "HEAD"]) {
        None => "unknown".to_owned(),
        Some(commit) => match git(&["status", "--porcelain", "--untracked-files=no"]) {
            Some(changes) if changes.is_empty() => commit,
            _ => format!("{commit}+changes"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(rate: f64) -> Side {
        let mut sample = Sample::default();
        sample.set(Metric::RatePerSecond, rate);
        Side::Figures(sample)
    }

    #[test]
    fn a_failed_side_keeps_its_pair_out_of_the_summary_but_in_the_report() {
        let pairs = vec![
            Pair {
                a: figures(10.0),
                b: figures(30.0),
            },
            Pair {
                a: figures(10.0),
                b: Side::Failed("lost 3".to_owned()),
            },
        ];
        let report = CaseReport::new("x", pairs);
        let summary = report.summary[&Metric::RatePerSecond];
        assert_eq!(summary.ratio.expect("ratio").median, 3.0);
        assert_eq!(report.pairs.len(), 2);
        assert_eq!(report.failures(), [('B', "lost 3")]);
    }

    #[test]
    fn a_report_can_be_read_back_and_another_format_is_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("r.json");
        let pair = Pair {
            a: figures(1.0),
            b: figures(2.0),
        };
        let mut report = Report {
            format: FORMAT,
            taken_at: "2026-01-01T00:00:00Z".to_owned(),
            machine: Machine::this().expect("machine"),
            commit: commit(),
            a: "a".to_owned(),
            b: "b".to_owned(),
            noise_floor: false,
            verified: false,
            seconds: 1.0,
            cases: vec![CaseReport::new("x", vec![pair])],
        };
        report.write(&path).expect("write");
        assert_eq!(Report::read(&path).expect("read"), report);
        report.format = FORMAT + 1;
        report.write(&path).expect("write");
        assert!(Report::read(&path).is_err());
    }
}
