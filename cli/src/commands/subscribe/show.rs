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

/// Replies that may come before their request.
const EARLY_MAX: usize = 1_000;

pub(super) async fn run(args: &Args, mut feed: Feed, display: &Display) -> Result {
    // Not line by line: a subscription may bring a million messages per second.
    let mut out = BufWriter::with_capacity(64 << 10, std::io::stdout());
    let mut matcher = args.match_replies.then(Matcher::default);
    let mut number = 0;
    loop {
        match feed.next(None).await? {
            Next::End => break,
            Next::Tick => {}
            Next::Messages(Origin::Subject(_), messages) => {
                for message in messages {
                    number += 1;
                    let message = incoming(&message);
                    let shown = match &mut matcher {
                        Some(matcher) if message.reply.is_some() => {
                            matcher.request(message, number)
                        }
                        _ => Some(Shown {
                            message,
                            number,
                            reply: None,
                        }),
                    };
                    if let Some(shown) = shown {
                        shown.by(display, &mut out).await?;
                    }
                }
            }
            Next::Messages(Origin::Replies, messages) => {
                for reply in messages {
                    let shown = matcher
                        .as_mut()
                        .and_then(|matcher| matcher.reply(incoming(&reply)));
                    if let Some(shown) = shown {
                        shown.by(display, &mut out).await?;
                    }
                }
            }
        }
        if feed.is_idle() {
            out.flush()?;
        }
        if feed.is_complete() && matcher.as_ref().is_none_or(Matcher::is_empty) {
            break;
        }
    }
    for shown in matcher.into_iter().flat_map(Matcher::rest) {
        shown.by(display, &mut out).await?;
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
        stored: None,
    }
}

/// A message to be printed, with its reply when the two were matched.
struct Shown {
    message: Incoming,
    number: u64,
    reply: Option<Incoming>,
}

impl Shown {
    async fn by(self, display: &Display, out: &mut impl Write) -> Result {
        display
            .show(out, &self.message, self.reply.as_ref(), self.number)
            .await?;
        progress(&display.form, self.number)
    }
}

/// Pairs requests with their replies. The two come over different subscriptions, so that either may be seen first.
#[derive(Default)]
struct Matcher {
    /// By the subject on which the reply will come.
    requests: HashMap<String, (Incoming, u64)>,
    order: VecDeque<String>,
    /// Replies whose request has not been seen yet; most of them never will be.
    early: HashMap<String, Incoming>,
    early_order: VecDeque<String>,
}

impl Matcher {
    /// Takes a request. It comes back with its reply when that is there; without, when too many wait and it is the
    /// oldest one.
    fn request(&mut self, request: Incoming, number: u64) -> Option<Shown> {
        let subject = request.reply.clone()?;
        if let Some(reply) = self.early.remove(&subject) {
            return Some(Shown {
                message: request,
                number,
                reply: Some(reply),
            });
        }
        self.order.push_back(subject.clone());
        self.requests.insert(subject, (request, number));
        while self.requests.len() > UNANSWERED_MAX || self.order.len() > 2 * UNANSWERED_MAX {
            let oldest = self.order.pop_front()?;
            if let Some((message, number)) = self.requests.remove(&oldest) {
                return Some(Shown {
                    message,
                    number,
                    reply: None,
                });
            }
        }
        None
    }

    /// Takes a reply; the request comes back with it when that is there.
    fn reply(&mut self, reply: Incoming) -> Option<Shown> {
        if let Some((message, number)) = self.requests.remove(&reply.subject) {
            return Some(Shown {
                message,
                number,
                reply: Some(reply),
            });
        }
        self.early_order.push_back(reply.subject.clone());
        self.early.insert(reply.subject.clone(), reply);
        if self.early_order.len() > EARLY_MAX {
            let oldest = self.early_order.pop_front()?;
            self.early.remove(&oldest);
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Those that never got a reply, in the order in which they came.
    fn rest(self) -> Vec<Shown> {
        let waiting = self.requests.into_values();
        let mut rest: Vec<_> = waiting
            .map(|(message, number)| Shown {
                message,
                number,
                reply: None,
            })
            .collect();
        rest.sort_by_key(|shown| shown.number);
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

    fn reply(subject: &str) -> Incoming {
        Incoming {
            subject: subject.into(),
            ..Incoming::default()
        }
    }

    #[test]
    fn a_reply_finds_its_request_once_whichever_came_first() {
        let mut matcher = Matcher::default();
        assert!(matcher.request(request("r1"), 1).is_none());
        assert!(matcher.request(request("r2"), 2).is_none());
        let pair = matcher.reply(reply("r2")).unwrap();
        assert_eq!((pair.number, pair.reply.is_some()), (2, true));
        assert!(matcher.reply(reply("r3")).is_none());
        let pair = matcher.request(request("r3"), 3).unwrap();
        assert_eq!((pair.number, pair.reply.is_some()), (3, true));
        assert_eq!(
            matcher
                .rest()
                .into_iter()
                .map(|shown| shown.number)
                .collect::<Vec<_>>(),
            [1]
        );
    }

    #[test]
    fn requests_without_replies_do_not_pile_up() {
        let mut matcher = Matcher::default();
        let mut returned = Vec::new();
        for number in 0..(UNANSWERED_MAX as u64 + 5) {
            let shown = matcher.request(request(&format!("r{number}")), number);
            returned.extend(shown.map(|shown| shown.number));
        }
        assert_eq!(returned, [0, 1, 2, 3, 4]);
        for number in 0..3 * UNANSWERED_MAX as u64 {
            let subject = format!("again{number}");
            matcher.request(request(&subject), number);
            matcher.reply(reply(&subject));
        }
        assert!(matcher.order.len() <= 2 * UNANSWERED_MAX);
    }

    #[test]
    fn replies_without_requests_do_not_pile_up() {
        let mut matcher = Matcher::default();
        for number in 0..3 * EARLY_MAX {
            matcher.reply(reply(&format!("r{number}")));
        }
        assert_eq!(
            (matcher.early.len(), matcher.early_order.len()),
            (EARLY_MAX, EARLY_MAX)
        );
        assert!(matcher.request(request("r0"), 1).is_none());
    }
}
