//! The frame of a benchmark: connect the clients, start them together, watch them, report.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nats_client::{Client, Event};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::CommonArgs;
use crate::bench::{Kind, Report, Sample};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, format};
use crate::progress::{Progress, ProgressGroup};
use crate::signals::interrupted;
use crate::template::random_text;

/// One client of a benchmark.
pub struct Worker {
    pub client: Client,
    /// 0 is the first.
    pub index: usize,
    /// Messages that this client shall process.
    pub messages: u64,
    /// Number of the first of them among those of all clients.
    pub first: u64,
    /// Processed so far; the progress bar reads it.
    pub done: Arc<AtomicU64>,
    start: Arc<Barrier>,
    trace: bool,
}

impl Worker {
    /// Waits until all clients are ready.
    pub async fn start(&self) {
        if self.start.wait().await.is_leader() && self.trace {
            log_line!(">>> All clients are ready");
        }
    }
}

/// A benchmark before it runs.
pub struct Bench<'a> {
    pub globals: &'a Globals,
    pub common: &'a CommonArgs,
    pub kind: Kind,
    /// `publishing`, `expecting`, `requesting`.
    pub verb: &'static str,
    pub arguments: Vec<(&'static str, String)>,
    pub open_loop: bool,
}

impl Bench<'_> {
    /// Runs `work` for each client; `shares` are their numbers of messages.
    pub async fn run<F>(mut self, shares: Vec<u64>, work: impl Fn(Worker) -> F) -> Result
    where
        F: Future<Output = Result<Sample>> + Send + 'static,
    {
        self.arguments.sort_by_key(|(name, _)| *name);
        let mut report = Report {
            run_id: random_text(22),
            kind: self.kind,
            arguments: std::mem::take(&mut self.arguments),
            open_loop: self.open_loop,
            samples: Vec::new(),
        };
        log_line!("{}", report.banner());
        let trouble = Arc::new(AtomicBool::new(false));
        let start = Arc::new(Barrier::new(shares.len()));
        let mut workers = JoinSet::new();
        let mut counters = Vec::new();
        let mut first = 0;
        for (index, messages) in shares.into_iter().enumerate() {
            let client = self.connect(index, &trouble).await?;
            log_line!(
                "[{}] Starting {}, {} {} messages",
                index + 1,
                self.kind.label(),
                self.verb,
                format::count(messages)
            );
            let done = Arc::new(AtomicU64::new(0));
            counters.push((messages, Arc::clone(&done)));
            let start = Arc::clone(&start);
            let running = work(Worker {
                client,
                index,
                messages,
                first,
                done,
                start,
                trace: self.globals.trace(),
            });
            workers.spawn(async move { (index, running.await) });
            first += messages;
        }
        // Not before the last log line, which would tear the bars apart.
        let bars = ProgressGroup::new(!self.common.no_progress);
        let watched: Vec<_> = counters
            .into_iter()
            .enumerate()
            .map(|(index, (messages, done))| {
                (bars.bar(&format!("[{}]", index + 1), messages), done)
            })
            .collect();
        let samples = tokio::select! {
            samples = collect(workers) => samples?,
            () = watch(&watched) => Vec::new(),
            () = interrupted() => {
                return Err(CliError::new("interrupted before all messages were processed: there are no figures"));
            }
        };
        settle(&watched);
        report.samples = samples;
        if trouble.load(Ordering::Relaxed) {
            log_line!(
                "WARNING: at least one of the clients disconnected or experienced an error during the benchmark. \
                 These results are not optimal!"
            );
        }
        self.print(&report)
    }

    async fn connect(&self, index: usize, trouble: &Arc<AtomicBool>) -> Result<Client> {
        let client = self.globals.connect().await;
        let client = client.map_err(|e| e.context(format!("client {}", index + 1)))?;
        let mut events = client.events();
        let trouble = Arc::clone(trouble);
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if matches!(
                    event,
                    Event::Disconnected { .. } | Event::ServerError(_) | Event::SlowConsumer { .. }
                ) {
                    trouble.store(true, Ordering::Relaxed);
                }
            }
        });
        Ok(client)
    }

    fn print(&self, report: &Report) -> Result {
        if self.common.json {
            output::json(&report.json())?;
        } else {
            outln!("\n{}", report.text())?;
        }
        if let Some(path) = &self.common.csv {
            std::fs::write(path, report.csv())
                .map_err(|e| CliError::from(e).context(path.display()))?;
            log_line!("Saved metric data in csv file {}", path.display());
        }
        Ok(())
    }
}

/// Leaves the bars as they stand at the end.
fn settle(bars: &[(Progress, Arc<AtomicU64>)]) {
    for (bar, done) in bars {
        bar.set(done.load(Ordering::Relaxed));
        bar.finish();
    }
    if bars.iter().any(|(bar, _)| bar.is_visible()) {
        eprintln!();
    }
}

/// The samples in order of their clients, or the first error.
async fn collect(mut workers: JoinSet<(usize, Result<Sample>)>) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    while let Some(finished) = workers.join_next().await {
        let (index, result) =
            finished.map_err(|e| CliError::new(format!("a client ended unexpectedly: {e}")))?;
        let sample = result.map_err(|e| e.context(format!("client {}", index + 1)))?;
        samples.push((index, sample));
    }
    samples.sort_by_key(|(index, _)| *index);
    Ok(samples.into_iter().map(|(_, sample)| sample).collect())
}

/// Moves the bars; never ends.
async fn watch(bars: &[(Progress, Arc<AtomicU64>)]) {
    let visible = bars.iter().any(|(bar, _)| bar.is_visible());
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tick.tick().await;
        if !visible {
            std::future::pending::<()>().await;
        }
        for (bar, done) in bars {
            bar.set(done.load(Ordering::Relaxed));
        }
    }
}
