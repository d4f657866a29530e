//! The load generator, one file per kind of work.
//!
//! Each function drives one running server, fails on anything lost, garbled or refused, and returns
//! the figures that it alone can know: what was done, in which time, with which latencies. CPU time and
//! memory around it are read by [`measure`]. Generator threads are few (one for all receivers, one per
//! publisher), because they share the machine's cores with the server.

mod connections;
mod jetstream;
mod operator;
mod requests;
mod stream;

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::cases::Workload;
use crate::machine;
use crate::metric::{Metric, Sample};
use crate::process::{Binary, Cpu, Server, Setup};

/// How a run is done.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub length: Duration,
    /// Compare every payload and its order.
    pub verify: bool,
}

/// What a piece of measured work amounted to.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    done: u64,
    took: Duration,
}

/// A memory figure is read this long after the last change, when allocators have settled.
const SETTLE: Duration = Duration::from_millis(1000);

/// One run of `workload` against a fresh server.
pub fn measure(binary: &Binary, workload: &Workload, run: Run) -> Result<Sample> {
    if let Workload::BinarySize = workload {
        let mut sample = Sample::default();
        sample.set(Metric::BinaryBytes, binary.stripped_bytes()? as f64);
        return Ok(sample);
    }
    if let Workload::OperatorMode(case) = workload {
        return operator::measure(binary, case, run);
    }
    let setup = match workload {
        Workload::IdleConnections(idle) => Setup {
            tls: idle.tls,
            ..Setup::default()
        },
        Workload::JetStream(case) => Setup {
            jetstream: true,
            sync_interval: case.sync_interval,
            ..Setup::default()
        },
        _ => Setup::default(),
    };
    let mut server = Server::start(binary, setup)?;
    let mut sample = Sample::default();
    let result = match workload {
        Workload::Stream(stream) => stream::run(stream, &server, run, &mut sample),
        Workload::Requests(requests) => requests::run(requests, &server, run, &mut sample),
        Workload::IdleConnections(idle) => connections::idle(idle, &server, &mut sample),
        Workload::ConnectionStorm(storm) => connections::storm(storm, &server, run, &mut sample),
        Workload::JetStream(case) => jetstream::run(case, &mut server, run, &mut sample),
        Workload::Start => start(&server, &mut sample),
        Workload::OperatorMode(_) | Workload::BinarySize => Ok(()),
    };
    // The server's own words explain most failures.
    result.map_err(|failure| failure.context(server.log()))?;
    sample.set(Metric::PeakRssBytes, server.peak_rss_bytes()? as f64);
    Ok(sample)
}

fn start(server: &Server, sample: &mut Sample) -> Result<()> {
    sample.set(Metric::StartMs, server.started_in().as_secs_f64() * 1000.0);
    thread::sleep(SETTLE);
    sample.set(Metric::IdleRssBytes, server.rss_bytes()? as f64);
    Ok(())
}

/// Runs `work` and sets rate and CPU figures.
fn clocked(
    server: &Server,
    sample: &mut Sample,
    work: impl FnOnce() -> Result<Outcome>,
) -> Result<()> {
    let machine_before = machine::Usage::now()?;
    let before = server.cpu()?;
    let outcome = work()?;
    let after = server.cpu()?;
    let machine_after = machine::Usage::now()?;
    let cpu = Cpu {
        user_seconds: after.user_seconds - before.user_seconds,
        system_seconds: after.system_seconds - before.system_seconds,
    };
    let server_seconds = cpu.user_seconds + cpu.system_seconds;
    let seconds = outcome.took.as_secs_f64();
    sample.set(Metric::Done, outcome.done as f64);
    sample.set(Metric::Seconds, seconds);
    sample.set(Metric::RatePerSecond, outcome.done as f64 / seconds);
    sample.set(
        Metric::CpuSecondsPerMillion,
        server_seconds * 1e6 / outcome.done as f64,
    );
    sample.set(Metric::UserCpuSeconds, cpu.user_seconds);
    sample.set(Metric::SystemCpuSeconds, cpu.system_seconds);
    sample.set(
        Metric::GeneratorCpuSeconds,
        machine_after.own_since(&machine_before),
    );
    sample.set(
        Metric::OtherLoad,
        machine_after.others_since(&machine_before, server_seconds),
    );
    Ok(())
}
