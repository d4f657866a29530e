//! Prints messages one by one, and pairs requests with their replies.

use std::collections::{HashMap, VecDeque};
use std::io::{BufWriter, Write};

use nats_client::Message;

use super::Args;
use super::feed::{Feed, Next, Origin};
use crate::error::Result;
use crate::messaging::{Display, Form, Incoming};

/// Requests whose reply has not come yet; when there are more the oldest ones are shown without.
const UNANSWERED_MAX: usize = 10_000;

pub(super) async fn run(args: &Args, mut feed: Feed, display: &Display) -> Result {
    // Not line by line: a subscription may bring a million messages per second.
    let mut out = BufWriter::with_capacity(64 << 10, std::io::stdout());
    let mut unanswered = args.match_replies.then(Unanswered::default);
    let mut number = 0;
    loop {
        match feed.next(None).await? {
            Next::End => break,
            Next::Tick => {}
            Next::Messages(Origin::Subject(_), messages) => {
                for message in messages {
                    number += 1;
                    let message = incoming(&message);
                    let shown = match &mut unanswered {
                        Some(requests) if message.reply.is_some() => requests.keep(message, number),
                        _ => Some((message, number)),
                    };
                    if let Some((message, number)) = shown {
                        display.show(&mut out, &message, None, number).await?;
                        progress(&display.form, number)?;
                    }
                }
            }
            Next::Messages(Origin::Replies, messages) => {
                for reply in messages {
                    let request = unanswered
                        .as_mut()
                        .and_then(|requests| requests.answered_by(reply.subject()));
                    if let Some((request, number)) = request {
                        display
                            .show(&mut out, &request, Some(&incoming(&reply)), number)
                            .await?;
                    }
                }
            }
        }
        if feed.is_idle() {
            out.flush()?;
        }
        if feed.is_complete() && unanswered.as_ref().is_none_or(Unanswered::is_empty) {
            break;
        }
    }
    for (request, number) in unanswered.into_iter().flat_map(Unanswered::rest) {
        display.show(&mut out, &request, None, number).await?;
    }
    out.flush()?;
    Ok(())
}

/// A dot per hundred files, for somebody who waits.
fn progress(form: &Form, number: u64) -> Result {
    if matches!(form, Form::DumpTo(_)) && number.is_multiple_of(100) {
        out!(".")?;
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn incoming(message: &Message) -> Incoming {
    Incoming {
        subject: String::from_utf8_lossy(message.subject_bytes()).into_owned(),
        reply: message.reply().map(str::to_owned),
        headers: message.headers().unwrap_or_default(),
        payload: message.payload().to_vec(),
    }
}

/// Requests by the subject on which their reply will come.
#[derive(Default)]
struct Unanswered {
    requests: HashMap<String, (Incoming, u64)>,
    order: VecDeque<String>,
}

impl Unanswered {
    /// Keeps a request; when there are too many, the oldest one comes back to be shown without its reply.
    fn keep(&mut self, request: Incoming, number: u64) -> Option<(Incoming, u64)> {
        let reply = request.reply.clone()?;
        self.order.push_back(reply.clone());
        self.requests.insert(reply, (request, number));
        while self.requests.len() > UNANSWERED_MAX || self.order.len() > 2 * UNANSWERED_MAX {
            let oldest = self.order.pop_front()?;
            if let Some(request) = self.requests.remove(&oldest) {
                return Some(request);
            }
        }
        None
    }

    fn answered_by(&mut self, subject: &str) -> Option<(Incoming, u64)> {
        self.requests.remove(subject)
    }

    fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Those that never got a reply, in the order in which they came.
    fn rest(self) -> Vec<(Incoming, u64)> {
        let mut rest: Vec<_> = self.requests.into_values().collect();
        rest.sort_by_key(|(_, number)| *number);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(reply: &str) -> Incoming {
        Incoming {
            reply: Some(reply.into()),
            ..Incoming::default()
        }
    }

    #[test]
    fn a_reply_finds_its_request_once() {
        let mut unanswered = Unanswered::default();
        assert!(unanswered.keep(request("r1"), 1).is_none());
        assert!(unanswered.keep(request("r2"), 2).is_none());
        assert_eq!(
            unanswered.answered_by("r2").map(|(_, number)| number),
            Some(2)
        );
        assert!(unanswered.answered_by("r2").is_none());
        assert_eq!(
            unanswered
                .rest()
                .into_iter()
                .map(|(_, number)| number)
                .collect::<Vec<_>>(),
            [1]
        );
    }

    #[test]
    fn requests_without_replies_do_not_pile_up() {
        let mut unanswered = Unanswered::default();
        let mut returned = Vec::new();
        for number in 0..(UNANSWERED_MAX as u64 + 5) {
            returned.extend(
                unanswered
                    .keep(request(&format!("r{number}")), number)
                    .map(|(_, number)| number),
            );
        }
        assert_eq!(returned, [0, 1, 2, 3, 4]);
        for number in 0..3 * UNANSWERED_MAX as u64 {
            let reply = format!("again{number}");
            unanswered.keep(request(&reply), number);
            unanswered.answered_by(&reply);
        }
        assert!(unanswered.order.len() <= 2 * UNANSWERED_MAX);
    }
}
