//! One client of a priority group that gets everything, until it is gone.

use nats_api::jetstream::{PriorityGroupState, PriorityPolicy};
use nats_api::time;
use nats_store::Timestamp;

use super::{Consumer, Turn, advisory, nanos};

/// Who is pinned.
#[derive(Debug)]
pub(super) struct Pin {
    id: Box<str>,
    group: Box<str>,
    since: Timestamp,
    /// Gone when no request with the id comes until then.
    until: Timestamp,
}

impl Pin {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn until(&self) -> Timestamp {
        self.until
    }
}

/// What a pin says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PinVerdict {
    /// It may be served: there is no pinning here, or it has the pin.
    Fine,
    /// It has just been pinned.
    New,
    /// Another one has the pin; it waits.
    Other,
    /// It shows a pin that is not the one.
    Wrong,
}

impl Consumer {
    /// A request came in that shows `id`, or none.
    pub(super) fn renew_pin(&mut self, now: Timestamp, id: &str) -> PinVerdict {
        let timeout = nanos(self.config.priority_timeout);
        match &mut self.pin {
            Some(pin) if *pin.id == *id => {
                pin.until = now.plus(timeout);
                PinVerdict::Fine
            }
            Some(_) if !id.is_empty() => PinVerdict::Wrong,
            Some(_) => PinVerdict::Other,
            None => PinVerdict::Fine,
        }
    }

    /// Whether the request in front may be served; pins it when nobody is.
    pub(super) fn pin_verdict(&mut self, turn: &mut Turn<'_, '_>) -> PinVerdict {
        if self.config.priority_policy != PriorityPolicy::PinnedClient {
            return PinVerdict::Fine;
        }
        let group = self.waiting.front().and_then(|r| r.group.as_deref());
        let shown = group.map_or("", |group| &group.pin);
        match &self.pin {
            Some(pin) if *pin.id == *shown => return PinVerdict::Fine,
            Some(_) if shown.is_empty() => return PinVerdict::Other,
            None if shown.is_empty() => {}
            _ => return PinVerdict::Wrong,
        }
        let Some(name) = group
            .map(|group| group.name.clone())
            .filter(|n| !n.is_empty())
        else {
            return PinVerdict::Fine;
        };
        let now = turn.cx.now;
        let id: Box<str> = advisory::unique(turn.cx.random).into();
        if let Some(group) = self.waiting.front_mut().and_then(|r| r.group.as_mut()) {
            group.pin.clone_from(&id);
        }
        self.announce_pinned(turn, &name, &id);
        self.pin = Some(Box::new(Pin {
            id,
            group: name,
            since: now,
            until: now.plus(nanos(self.config.priority_timeout)),
        }));
        PinVerdict::New
    }

    /// The pinned client was not heard of for too long.
    pub(super) fn time_out_pin(&mut self, turn: &mut Turn<'_, '_>) {
        if let Some(pin) = self.pin.take_if(|pin| pin.until <= turn.cx.now) {
            self.announce_unpinned(turn, &pin.group, "timeout");
        }
    }

    /// Takes the pin away, so that the next one who asks gets it.
    ///
    /// # Errors
    /// The consumer has no such group (10160).
    pub fn unpin(
        &mut self,
        turn: &mut Turn<'_, '_>,
        group: &str,
    ) -> Result<super::Pumped, nats_api::errors::ApiError> {
        if !self.config.priority_groups.iter().any(|g| g == group) {
            return Err(nats_api::errors::ApiError::CONSUMER_INVALID_PRIORITY_GROUP.error());
        }
        self.pin = None;
        self.announce_unpinned(turn, group, "admin");
        Ok(self.pump(turn, super::pull::PUMP_MOST))
    }

    pub(super) fn group_states(&self) -> Vec<PriorityGroupState> {
        // All groups share one pin, so only the first is told.
        let first = self.config.priority_groups.first();
        let state = first.map(|group| PriorityGroupState {
            group: group.clone(),
            pinned_client_id: self
                .pin
                .as_ref()
                .map_or_else(String::new, |p| p.id().into()),
            pinned_ts: self.pin.as_ref().map_or(time::Timestamp::NEVER, |pin| {
                time::Timestamp::from_unix_nanos(pin.since.0.into())
            }),
        });
        state.into_iter().collect()
    }
}
