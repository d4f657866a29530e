//! The command line of the benchmark.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use nats_bench::cases::{CASES, Case, named};
use nats_bench::load::{Run, measure};
use nats_bench::paired::{self, Plan};
use nats_bench::process::Binary;
use nats_bench::report::Report;
use nats_bench::table;

/// Measures two NATS server binaries against each other
#[derive(Debug, Parser)]
#[command(name = "nats-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs A and B in turn on fresh processes and compares them
    Paired(Paired),
    /// Runs one case once against one server, for profiling
    Run(Once),
    /// Renders result files as a markdown table
    Table {
        /// Later files win where a case is in several
        #[arg(required = true)]
        results: Vec<PathBuf>,
    },
    /// Lists the cases
    Cases,
}

#[derive(Debug, Args)]
struct Paired {
    /// The reference
    #[arg(long)]
    a: PathBuf,
    /// What is compared with it
    #[arg(long, required_unless_present = "noise")]
    b: Option<PathBuf>,
    /// Runs A against itself: the noise of this machine
    #[arg(long = "self", conflicts_with = "b")]
    noise: bool,
    /// Name of a case; may be repeated; all without it
    #[arg(long = "case")]
    cases: Vec<String>,
    /// How many pairs (cases with steady figures take fewer)
    #[arg(long, default_value_t = 11)]
    pairs: usize,
    /// How long each run pushes load
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Compares the contents and the order of all messages (slower)
    #[arg(long)]
    verify: bool,
    /// Where the JSON goes, rewritten after every case; standard output without it
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Once {
    #[arg(long)]
    server: PathBuf,
    #[arg(long)]
    case: String,
    /// How long the run pushes load
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Compares the contents and the order of all messages (slower)
    #[arg(long)]
    verify: bool,
    /// Command to run the server under, in the same process: "valgrind --tool=callgrind"
    #[arg(long)]
    wrap: Option<String>,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Verb::Paired(arguments) => run_paired(&arguments),
        Verb::Run(arguments) => run_once(&arguments),
        Verb::Table { results } => {
            let reports = results
                .iter()
                .map(|path| Report::read(path))
                .collect::<Result<Vec<_>>>()?;
            print!("{}", table::render(&reports));
            Ok(())
        }
        Verb::Cases => {
            for case in CASES {
                println!("{:<20} {}", case.name, case.title);
            }
            Ok(())
        }
    }
}

fn run_paired(arguments: &Paired) -> Result<()> {
    let a = Binary::new(&arguments.a)?;
    let b = match &arguments.b {
        Some(path) => Binary::new(path)?,
        None => a.clone(),
    };
    let plan = Plan {
        a,
        b,
        noise_floor: arguments.noise,
        cases: chosen(&arguments.cases)?,
        pairs: arguments.pairs.max(1),
        seconds: checked_seconds(arguments.seconds)?,
        verify: arguments.verify,
    };
    let report = paired::run(&plan, arguments.out.as_deref(), &mut |line| {
        eprintln!("{line}");
    })?;
    if arguments.out.is_none() {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}

fn run_once(arguments: &Once) -> Result<()> {
    let mut server = Binary::new(&arguments.server)?;
    if let Some(command) = &arguments.wrap {
        server = server.wrapped(command);
    }
    let case = case_named(&arguments.case)?;
    let run = Run {
        length: Duration::from_secs_f64(checked_seconds(arguments.seconds)?),
        verify: arguments.verify,
    };
    let sample = measure(&server, &case.workload, run)?;
    println!("{}", serde_json::to_string_pretty(&sample)?);
    Ok(())
}

/// All cases if none is named.
fn chosen(names: &[String]) -> Result<Vec<&'static Case>> {
    if names.is_empty() {
        return Ok(CASES.iter().collect());
    }
    names.iter().map(|name| case_named(name)).collect()
}

fn case_named(name: &str) -> Result<&'static Case> {
    named(name).with_context(|| format!("there is no case {name:?}; `nats-bench cases` lists all"))
}

fn checked_seconds(seconds: f64) -> Result<f64> {
    // A run of an hour is a typing error; a NaN fails the comparison as well.
    if !(seconds > 0.0 && seconds <= 3600.0) {
        bail!("--seconds must be above 0 and at most 3600, not {seconds}");
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_comparison_needs_b_or_self_but_not_both() {
        let parse = |line: &str| Cli::try_parse_from(line.split_whitespace());
        assert!(parse("nats-bench paired --a x").is_err());
        assert!(parse("nats-bench paired --a x --b y --self").is_err());
        assert!(parse("nats-bench paired --a x --self").is_ok());
        let Ok(Cli {
            command: Verb::Paired(paired),
        }) = parse("nats-bench paired --a x --b y --case 1to1-1k --case connect --pairs 3")
        else {
            panic!("should parse");
        };
        assert_eq!(paired.cases, ["1to1-1k", "connect"]);
        assert_eq!((paired.pairs, paired.seconds), (3, 3.0));
    }

    #[test]
    fn unknown_cases_and_senseless_lengths_are_refused() {
        let failure = chosen(&["nonsense".to_owned()]).unwrap_err();
        assert!(failure.to_string().contains("nonsense"), "{failure}");
        assert_eq!(chosen(&[]).expect("all").len(), CASES.len());
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(checked_seconds(seconds).is_err(), "{seconds}");
        }
    }
}
