//! Measuring: what the `bench` commands share.
//!
//! A benchmark is several clients, each of which yields a [`Sample`]; [`Report`] turns the samples into the lines, CSV and
//! JSON that users compare. [`Latencies`] is a histogram, so that a run of a billion messages costs no more memory than
//! a short one. [`Pace`] says when each message of an open-loop run is due, and from which moment its latency counts.
//!
//! Nothing here knows the client library, a subject or the terminal: the commands do. Start reading in [`Report`].

mod latency;
mod pace;
mod report;

pub use latency::Latencies;
pub use pace::Pace;
pub use report::{Kind, Report, Sample};

/// Divides messages over clients; the first ones take the remainder.
pub fn share(messages: u64, clients: u32) -> Vec<u64> {
    let clients = u64::from(clients.max(1));
    let (each, extra) = (messages / clients, messages % clients);
    (0..clients)
        .map(|client| each + u64::from(client < extra))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_exactly_one_client() {
        assert_eq!(share(10, 3), [4, 3, 3]);
        assert_eq!(share(2, 4), [1, 1, 0, 0]);
        assert_eq!(share(5, 0), [5]);
    }
}
