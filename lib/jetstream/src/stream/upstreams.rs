//! What comes from a mirror's origin or from sources is stored.

use nats_store::{StoreError, Timestamp};

use super::places::Search;
use super::{Outcome, Stream};
use crate::context::Context;
use crate::effects::Effects;
use crate::publish::{Candidate, Inbound, Origin, PublishHeaders, Refusal};
use crate::source::{Here, Owner, Role, Taken, Upstream, Verdict};

/// The conversations of one stream.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    pub(super) all: Vec<Upstream>,
    /// For the places of some of them.
    pub(super) search: Option<Search>,
    /// Counts changes of what is to be listened on.
    version: u64,
}

impl Upstreams {
    pub fn deadline(&self) -> Option<Timestamp> {
        let asked = self.all.iter().map(Upstream::deadline);
        let sought = self.search.as_ref().map(Search::deadline);
        asked.chain(sought).min()
    }
}

impl Stream {
    /// Begins to talk to the upstreams of the configuration; only the leader of a stream does. Goes on where the stored messages end.
    /// Upstreams that are not wanted any more are told so.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn start_upstreams(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Effects,
    ) -> Result<(), StoreError> {
        let owner = self.owner();
        let mirror = self.config.mirror.iter().map(|s| (Role::Mirror, s));
        let sources = self.config.sources.iter().map(|s| (Role::Source, s));
        let wanted = mirror.chain(sources);
        let mut fresh: Vec<Upstream> = wanted
            .map(|(role, source)| Upstream::new(role, source.clone(), &owner, cx))
            .collect();
        // Those that were there already go on talking.
        let mut old = std::mem::take(&mut self.upstreams.all);
        let mut is_any_new = false;
        for upstream in &mut fresh {
            let known = old.iter().position(|o| o.source() == upstream.source());
            match known {
                Some(known) => *upstream = old.swap_remove(known),
                None if self.config.mirror.is_none() && self.may_have_of(upstream) => {
                    upstream.seek();
                    is_any_new = true;
                }
                None => {}
            }
        }
        for gone in &old {
            if !fresh.iter().any(|upstream| upstream.shares_consumer(gone)) {
                gone.dismiss(cx, out);
            }
        }
        self.upstreams.all = fresh;
        self.upstreams.version = self.upstreams.version.wrapping_add(1);
        // Most streams are looked through at once; long ones while everything else goes on.
        if is_any_new {
            self.begin_search();
        }
        self.search_places()
    }

    /// Stops talking to upstreams for ever: their consumers end.
    pub(super) fn dismiss_upstreams(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        for upstream in &self.upstreams.all {
            upstream.dismiss(cx, out);
        }
        self.stop_upstreams();
    }

    /// Stops talking to upstreams. Their consumers stay for the next start, or end when nobody listens to them for long enough.
    pub fn stop_upstreams(&mut self) {
        self.upstreams.all.clear();
        self.upstreams.search = None;
        self.upstreams.version = self.upstreams.version.wrapping_add(1);
    }

    /// Literal subjects on which the stream wants to listen because of its upstreams. A message there goes to [`Stream::upstream`].
    pub fn upstream_subjects(&self) -> impl Iterator<Item = &[u8]> {
        self.upstreams.all.iter().filter_map(Upstream::wanted)
    }

    /// Changes whenever [`Stream::upstream_subjects`] may have.
    pub fn upstream_version(&self) -> u64 {
        self.upstreams.version
    }

    /// Whether a mirror is close enough to its origin to answer direct gets in its place.
    pub fn is_mirror_current(&self) -> bool {
        const CLOSE: u64 = 10;
        let mut upstreams = self.upstreams.all.iter();
        self.config.mirror.is_some() && upstreams.all(|u| u.is_flowing() && u.lag() < CLOSE)
    }

    /// A message on one of [`Stream::upstream_subjects`]. `listened` is that subject; a delivery's own subject is the one it has over
    /// there.
    pub fn upstream(
        &mut self,
        cx: &mut Context<'_>,
        listened: &[u8],
        message: &Inbound<'_>,
        out: &mut Effects,
    ) {
        let found = self
            .upstreams
            .all
            .iter()
            .position(|u| u.wanted() == Some(listened));
        let Some(index) = found else {
            return;
        };
        let (config, environment) = (self.config.clone(), self.environment.clone());
        let owner = Owner {
            config: &config,
            account: &environment.account,
            domain: &environment.domain,
        };
        let here = self.here();
        let Some(upstream) = self.upstreams.all.get_mut(index) else {
            return;
        };
        if !upstream.is_flowing() {
            let begins = upstream.answered(cx, &owner, here, message, out);
            let after = upstream.begins_after();
            self.upstreams.version = self.upstreams.version.wrapping_add(1);
            if begins && config.mirror.is_some() && after > here.last_sequence {
                // What the origin does not have any more is skipped, so that sequences stay equal.
                let _ = self.store.skip(after);
            }
            return;
        }
        let verdict = upstream.delivered(cx, message, out);
        if let Verdict::Take(taken) = verdict {
            self.take(cx, index, &taken, message.payload, out);
        }
        let still = self.upstreams.all.get(index).and_then(Upstream::wanted);
        if still != Some(listened) {
            self.upstreams.version = self.upstreams.version.wrapping_add(1);
        }
    }

    fn take(
        &mut self,
        cx: &mut Context<'_>,
        index: usize,
        taken: &Taken,
        payload: &[u8],
        out: &mut Effects,
    ) {
        let outcome = if self.config.mirror.is_some() {
            self.keep_mirrored(cx, taken, payload, out)
        } else {
            self.keep_sourced(cx, taken, payload, out)
        };
        let is_kept = matches!(
            outcome,
            Outcome::Stored(_) | Outcome::NotWanted(_) | Outcome::Duplicate(_)
        );
        if !is_kept && let Some(upstream) = self.upstreams.all.get_mut(index) {
            upstream.refused(taken, cx);
        }
    }

    /// With the sequence and the time that it has over there.
    fn keep_mirrored(
        &mut self,
        cx: &mut Context<'_>,
        taken: &Taken,
        payload: &[u8],
        out: &mut Effects,
    ) -> Outcome {
        let last = self.store.state().last_sequence;
        if taken.sequence <= last {
            return Outcome::Duplicate(taken.sequence);
        }
        let mut cx = Context {
            now: taken.time,
            random: cx.random,
            interest: cx.interest,
        };
        let before = taken.sequence.saturating_sub(1);
        if before > last
            && let Err(error) = self.store.skip(before)
        {
            return Outcome::Failed(error);
        }
        self.keep_foreign(&mut cx, &taken.subject, taken, payload, out)
    }

    fn keep_sourced(
        &mut self,
        cx: &mut Context<'_>,
        taken: &Taken,
        payload: &[u8],
        out: &mut Effects,
    ) -> Outcome {
        let mut room = Vec::new();
        let subject = self.transformed(cx, &taken.subject, &mut room);
        self.keep_foreign(cx, subject, taken, payload, out)
    }

    fn keep_foreign(
        &mut self,
        cx: &mut Context<'_>,
        subject: &[u8],
        taken: &Taken,
        payload: &[u8],
        out: &mut Effects,
    ) -> Outcome {
        let found = PublishHeaders::scan(&taken.headers);
        if let Err(error) = self.know_ids(&found, cx.now) {
            return Outcome::Failed(error);
        }
        let candidate = Candidate {
            subject,
            headers: &taken.headers,
            payload,
            found: &found,
            origin: Origin::Source,
            is_wanted: self.is_wanted(subject),
        };
        let accepted = match self.check(cx, &candidate, None) {
            Ok(accepted) => accepted,
            Err(Refusal::Duplicate(sequence)) => return Outcome::Duplicate(sequence),
            Err(Refusal::Error(error)) => return Outcome::Refused(error),
        };
        match self.keep(cx, subject, &accepted, out) {
            Ok(sequence) => Outcome::Stored(sequence),
            Err(error) => Outcome::Failed(error),
        }
    }

    pub(super) fn run_upstreams(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        if self.upstreams.deadline().is_none_or(|at| at > cx.now) {
            return;
        }
        self.go_on_searching(cx.now);
        let here = self.here();
        let owner = Owner {
            config: &self.config,
            account: &self.environment.account,
            domain: &self.environment.domain,
        };
        let mut has_changed = false;
        for upstream in &mut self.upstreams.all {
            has_changed |= upstream.tick(cx, &owner, here, out);
        }
        if has_changed {
            self.upstreams.version = self.upstreams.version.wrapping_add(1);
        }
    }

    fn owner(&self) -> Owner<'_> {
        Owner {
            config: &self.config,
            account: &self.environment.account,
            domain: &self.environment.domain,
        }
    }

    fn here(&self) -> Here {
        let state = self.store.state();
        Here {
            messages: state.messages,
            first_sequence: state.first_sequence,
            last_sequence: state.last_sequence,
            last_time: state.last_time,
        }
    }

    /// What the mirror's origin, or the sources, look like from here.
    pub(super) fn upstream_infos(
        &self,
        now: Timestamp,
    ) -> Vec<nats_api::jetstream::StreamSourceInfo> {
        self.upstreams.all.iter().map(|u| u.info(now)).collect()
    }
}
