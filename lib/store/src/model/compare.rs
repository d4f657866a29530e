//! The comparison: every operation on both stores, every answer and the whole state side by side.

use std::fmt;
use std::ops::ControlFlow;

use super::naive::NaiveStore;
use super::operation::{Operation, TtlChoice, filter, subject};
use crate::error::StoreError;
use crate::message::{NewMessage, Timestamp, Ttl};
use crate::state::{Removals, RemovedWhy};
use crate::store::{Erase, Filter, Purge, StreamStore};

/// Where a store and the model parted.
#[derive(Debug, Clone, thiserror::Error)]
#[error("step {step}, {what}: {difference}")]
pub struct Difference {
    pub step: usize,
    pub what: String,
    pub difference: String,
}

/// Runs `operations` on `store`, which is empty, and on a naive one; after each step all that can be seen must be the same. `restart`
/// closes and opens a store; a memory store is handed back as it is.
///
/// # Errors
/// The first difference, or the first error that the store gives where the model gives none.
pub fn compare<S: StreamStore>(
    store: S,
    mut restart: impl FnMut(S) -> S,
    operations: &[Operation],
) -> Result<(), Difference> {
    let mut pair = Pair {
        model: NaiveStore::new(store.storage(), store.limits()),
        now: Timestamp(1_000_000),
        store,
    };
    for (step, operation) in operations.iter().enumerate() {
        let compared = if *operation == Operation::Restart {
            pair.store = restart(pair.store);
            Ok(())
        } else {
            pair.step(operation)
        };
        compared
            .and_then(|()| pair.whole_state())
            .map_err(|difference| Difference {
                step,
                what: format!("{operation:?}"),
                difference,
            })?;
    }
    Ok(())
}

struct Pair<S> {
    store: S,
    model: NaiveStore,
    now: Timestamp,
}

type Compared = Result<(), String>;

fn same<T: PartialEq + fmt::Debug>(name: &str, have: &T, want: &T) -> Compared {
    if have == want {
        return Ok(());
    }
    Err(format!("{name} is {have:?}, the model says {want:?}"))
}

fn text(error: StoreError) -> String {
    error.to_string()
}

fn pass(now: &mut Timestamp, elapsed: i64) {
    now.0 = now.0.saturating_add(elapsed).max(1);
}

impl<S: StreamStore> Pair<S> {
    fn step(&mut self, operation: &Operation) -> Compared {
        let state = self.model.state();
        let (first, last) = (state.first_sequence, state.last_sequence);
        match *operation {
            Operation::Append { elapsed, .. } => {
                pass(&mut self.now, elapsed);
                self.append(operation, last)
            }
            Operation::Skip { by } => {
                let last = last.saturating_add(by);
                self.both("skip", |store, _| store.skip(last))
            }
            Operation::Remove { at, secure } => {
                let erase = if secure { Erase::Secure } else { Erase::No };
                let sequence = at.sequence(first, last);
                self.both("remove", |store, removed| {
                    store.remove(sequence, erase, removed)
                })
            }
            Operation::Purge {
                filter: index,
                below,
                keep,
            } => {
                let purge = Purge {
                    filter: filter(index),
                    below: below.map(|pick| pick.sequence(first, last)),
                    keep,
                };
                self.both("purge", |store, removed| store.purge(&purge, removed))
            }
            Operation::SetLimits(limits) => self.both("set_limits", |store, removed| {
                store.set_limits(limits, removed)
            }),
            Operation::Expire { elapsed, most } => {
                pass(&mut self.now, elapsed);
                let now = self.now;
                self.both("expire", |store, removed| store.expire(now, most, removed))
            }
            Operation::Query {
                filter: index,
                at,
                most,
                ago,
            } => {
                let time = self.now.minus(ago);
                same(
                    "sequence_at",
                    &self.store.sequence_at(time).map_err(text)?,
                    &self.model.sequence_at(time).map_err(text)?,
                )?;
                self.queries(&filter(index), at.sequence(first, last), most)
            }
            Operation::Restart => Ok(()),
        }
    }

    fn append(&mut self, operation: &Operation, last: u64) -> Compared {
        let &Operation::Append {
            subject: index,
            headers,
            payload,
            gap,
            ttl,
            ..
        } = operation
        else {
            return Ok(());
        };
        let sequence = last.saturating_add(1).saturating_add(gap);
        let headers = vec![b'h'; usize::from(headers)];
        // Contents differ from message to message.
        let payload: Vec<u8> = sequence
            .to_le_bytes()
            .into_iter()
            .cycle()
            .take(usize::from(payload))
            .collect();
        let message = NewMessage {
            subject: subject(index),
            headers: &headers,
            payload: &payload,
            time: self.now,
            ttl: match ttl {
                TtlChoice::Stream => Ttl::Stream,
                TtlChoice::After(nanos) => Ttl::Until(self.now.plus(nanos)),
                TtlChoice::Never => Ttl::Never,
            },
        };
        let old = last;
        self.both("append", |store, removed| {
            store.append(sequence, &message, removed)
        })?;
        match self.store.append(old, &message, &mut Removals::default()) {
            Err(StoreError::OutOfOrder { .. }) => Ok(()),
            other => Err(format!("append of sequence {old} again gave {other:?}")),
        }
    }

    /// Runs one write on both; results and removals must agree.
    fn both<T: PartialEq + fmt::Debug>(
        &mut self,
        name: &str,
        write: impl Fn(&mut dyn StreamStore, &mut Removals) -> Result<T, StoreError>,
    ) -> Compared {
        let mut removed = (Removals::default(), Removals::default());
        let have = write(&mut self.store, &mut removed.0).map_err(text)?;
        let want = write(&mut self.model, &mut removed.1).map_err(text)?;
        same(name, &have, &want)?;
        let list = |removals: &Removals| -> Vec<(u64, Vec<u8>, u64, RemovedWhy, bool)> {
            removals
                .iter()
                .map(|r| {
                    (
                        r.sequence,
                        r.subject.to_vec(),
                        r.size,
                        r.why,
                        r.last_of_subject,
                    )
                })
                .collect()
        };
        same(
            &format!("what {name} removed"),
            &list(&removed.0),
            &list(&removed.1),
        )
    }

    /// All that is seen without an argument, and every message.
    fn whole_state(&self) -> Compared {
        let (store, model) = (&self.store, &self.model);
        same("state", &store.state(), &model.state())?;
        same("limits", &store.limits(), &model.limits())?;
        same("next_expiry", &store.next_expiry(), &model.next_expiry())?;
        let soon = model.next_expiry().unwrap_or_default().plus(50);
        let expired = |store: &dyn StreamStore| store.expired(soon, 4).ok();
        same("expired", &expired(store), &expired(model))?;
        same("gaps", &gaps(store), &gaps(model))?;
        same(
            "subjects",
            &subjects(store, &Filter::ALL, usize::MAX),
            &subjects(model, &Filter::ALL, usize::MAX),
        )?;
        let state = model.state();
        for sequence in
            state.first_sequence.saturating_sub(2)..=state.last_sequence.saturating_add(2)
        {
            same(
                &format!("load({sequence})"),
                &store.load(sequence).map_err(text)?,
                &model.load(sequence).map_err(text)?,
            )?;
        }
        same("fault", &store.fault().map(text), &None)
    }

    fn queries(&self, filter: &Filter, at: u64, most: usize) -> Compared {
        let (store, model) = (&self.store, &self.model);
        same(
            "next",
            &store.next(filter, at).map_err(text)?,
            &model.next(filter, at).map_err(text)?,
        )?;
        same(
            "previous",
            &store.previous(filter, at).map_err(text)?,
            &model.previous(filter, at).map_err(text)?,
        )?;
        same(
            "subjects, some",
            &subjects(store, filter, most),
            &subjects(model, filter, most),
        )?;
        same(
            "last_sequences",
            &store.last_sequences(filter, at, most).map_err(text)?,
            &model.last_sequences(filter, at, most).map_err(text)?,
        )?;
        for last_per_subject in [false, true] {
            same(
                &format!("pending, last per subject {last_per_subject}"),
                &store.pending(filter, at, last_per_subject).map_err(text)?,
                &model.pending(filter, at, last_per_subject).map_err(text)?,
            )?;
        }
        for index in 0..20 {
            let subject = subject(index);
            same("subject", &store.subject(subject), &model.subject(subject))?;
        }
        same("no subject", &store.subject(b"nothing"), &None)
    }
}

fn gaps(store: &impl StreamStore) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    store.gaps(&mut |first, count| {
        found.push((first, count));
        ControlFlow::Continue(())
    });
    found
}

type SubjectLine = (String, u64, u64, u64);

fn subjects(store: &impl StreamStore, filter: &Filter, most: usize) -> Vec<SubjectLine> {
    let mut found = Vec::new();
    store.subjects(filter, &mut |subject, state| {
        found.push((
            String::from_utf8_lossy(subject).into_owned(),
            state.messages,
            state.first_sequence,
            state.last_sequence,
        ));
        if found.len() >= most {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    found
}
