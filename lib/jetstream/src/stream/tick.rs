//! Time passes.

use nats_store::Timestamp;

use super::Stream;
use crate::context::Context;
use crate::effects::Effects;

impl Stream {
    /// Does what is due. What a store that fails keeps it from doing is due again with the next call.
    pub fn tick(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        self.dedupe.forget(cx.now);
        self.time_out_batches(cx, out);
        // A store that fails says so in `fault` and in the answers to publishers.
        let _ = self
            .expire(cx, out)
            .and_then(|()| self.run_schedules(cx, out))
            .and_then(|()| self.run_sweeps(cx, out));
        self.run_upstreams(cx, out);
        self.run_consumers(cx, out);
    }

    /// When [`Stream::tick`] has something to do without any input. In the past when it is not done yet.
    pub fn deadline(&self) -> Option<Timestamp> {
        if !self.sweeps.is_empty() {
            return Some(Timestamp::default());
        }
        let deadlines = [
            self.dedupe.deadline(),
            self.store.next_expiry(),
            self.schedules.deadline(),
            self.consumers.deadline(),
            self.batches.deadline(),
            self.upstreams.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }
}
