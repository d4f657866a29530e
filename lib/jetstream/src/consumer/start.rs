//! Where a consumer begins.

use std::collections::VecDeque;

use nats_api::jetstream::DeliverPolicy;
use nats_store::{StoreError, Timestamp};

use super::{Consumer, Turn};

/// The last message of each subject, as of when the consumer was made: delivered first.
#[derive(Debug)]
pub(super) struct SkipList {
    /// Ascending.
    pub(super) sequences: VecDeque<u64>,
    /// The last sequence of the stream at that time; behind it everything is delivered.
    pub(super) resume: u64,
}

impl Consumer {
    /// Chooses the sequence of the first message, by the deliver policy.
    pub(super) fn choose_start(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), StoreError> {
        let state = turn.store.state();
        let config = &*self.config;
        let after_last = state.last_sequence.saturating_add(1);
        let first = state.first_sequence.max(1);
        if config.opt_start_seq > 0 {
            // A start in the future is kept.
            self.next = config.opt_start_seq.max(first);
            return Ok(());
        }
        let chosen = match config.deliver_policy {
            DeliverPolicy::All => first,
            DeliverPolicy::New | DeliverPolicy::ByStartSequence => after_last,
            DeliverPolicy::Last if self.filter.is_all() => state.last_sequence,
            DeliverPolicy::Last => turn
                .store
                .previous(&self.filter, state.last_sequence)?
                .map_or(first, |message| message.sequence),
            DeliverPolicy::ByStartTime => self.start_at_time(turn, first)?,
            // With one message per subject, the last one of each is simply every one.
            DeliverPolicy::LastPerSubject if turn.stream.config.max_msgs_per_subject == 1 => first,
            DeliverPolicy::LastPerSubject => {
                self.make_skip_list(turn, first)?;
                let listed = self.skip.as_ref().and_then(|s| s.sequences.front());
                listed.copied().unwrap_or(state.last_sequence)
            }
        };
        self.next = chosen.clamp(first, after_last.max(first));
        Ok(())
    }

    fn start_at_time(&self, turn: &Turn<'_, '_>, first: u64) -> Result<u64, StoreError> {
        let time = self.config.opt_start_time.map_or(0, |t| t.unix_nanos());
        let time = i64::try_from(time).unwrap_or(i64::MAX);
        let chosen = turn.store.sequence_at(Timestamp(time))?;
        // Where all that matches comes later, the place before that is as good and looks better.
        let last = turn.store.state().last_sequence;
        let first_match = turn.store.next(&self.filter, first)?;
        Ok(match first_match {
            Some(message)
                if !self.filter.is_all()
                    && message.sequence > chosen
                    && message.sequence < last =>
            {
                message.sequence
            }
            _ => chosen,
        })
    }

    /// Lists the last messages of the subjects that match, from `from` on.
    pub(super) fn make_skip_list(
        &mut self,
        turn: &mut Turn<'_, '_>,
        from: u64,
    ) -> Result<(), StoreError> {
        let resume = match &self.skip {
            Some(skip) => skip.resume,
            None => turn.store.state().last_sequence,
        };
        let sequences = turn
            .store
            .last_sequences(&self.filter, resume, usize::MAX)?
            .unwrap_or_default();
        let sequences: VecDeque<u64> = sequences.into_iter().filter(|s| *s >= from).collect();
        self.skip = (!sequences.is_empty()).then(|| Box::new(SkipList { sequences, resume }));
        Ok(())
    }
}
