//! `nats service stats`.

use nats_api::micro::Stats;
use nats_api::time::Nanos;

use super::discovery;
use super::info::duration;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Show what the instances of a service have done
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats service stats demo\n  \
        nats service stats demo --json")]
pub struct Args {
    /// Name of the service
    service: String,

    /// Id of an instance
    id: Option<String>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let stats = discovery::stats(globals, &client, &args.service, args.id.as_deref()).await?;
    if args.json {
        return output::json(&stats);
    }
    if stats.is_empty() {
        return outln!("No responses received");
    }
    outln!(
        "{}",
        table(&args.service, &stats, globals.scheme()).render()
    )
}

fn table(service: &str, stats: &[Stats], scheme: Scheme) -> Table {
    let mut table = Table::new(format!("{service} Service Statistics"), scheme).header([
        "ID",
        "Endpoint",
        "Requests",
        "Queue Group",
        "Errors",
        "Processing Time",
        "Average Time",
    ]);
    let time = |nanos| format::duration(duration(nanos));
    let (mut requests, mut errors, mut processing) = (0u64, 0u64, 0i64);
    for instance in stats {
        for (index, endpoint) in instance.endpoints.iter().enumerate() {
            table.row([
                if index == 0 {
                    instance.id.clone()
                } else {
                    String::new()
                },
                endpoint.name.clone(),
                format::count(endpoint.num_requests),
                endpoint.queue_group.clone(),
                format::count(endpoint.num_errors),
                time(endpoint.processing_time),
                time(endpoint.average_processing_time),
            ]);
            requests = requests.saturating_add(endpoint.num_requests);
            errors = errors.saturating_add(endpoint.num_errors);
            processing = processing.saturating_add(endpoint.processing_time.0);
        }
    }
    let handled = i64::try_from(requests.saturating_add(errors))
        .unwrap_or(i64::MAX)
        .max(1);
    table.footer([
        String::new(),
        String::new(),
        format::count(requests),
        String::new(),
        format::count(errors),
        time(Nanos(processing)),
        time(Nanos(processing / handled)),
    ]);
    table
}

#[cfg(test)]
mod tests {
    use nats_api::micro::EndpointStats;

    use super::*;

    #[test]
    fn instances_are_listed_and_summed_up() {
        let endpoint = |name: &str, num_requests, processing: i64| EndpointStats {
            name: name.into(),
            queue_group: "q".into(),
            num_requests,
            num_errors: 1,
            processing_time: Nanos(processing),
            average_processing_time: Nanos(processing / num_requests as i64),
            ..EndpointStats::default()
        };
        let instance = |id: &str, endpoints| Stats {
            id: id.into(),
            endpoints,
            ..Stats::default()
        };
        let stats = [
            instance(
                "A",
                vec![
                    endpoint("echo", 1_000, 5_000_000),
                    endpoint("ping", 10, 1_000),
                ],
            ),
            instance("B", vec![endpoint("echo", 2_000, 7_000_000)]),
        ];
        insta::assert_snapshot!(table("demo", &stats, Scheme::Rounded).render());
    }
}
