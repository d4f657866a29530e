//! What an update may change.

use nats_api::errors::ApiError;
use nats_api::jetstream::ConsumerConfig;

use super::Siblings;
use super::check::check_backoff;

/// Compares the configuration that a consumer has with the one that it is to get.
pub(super) fn check(
    old: &ConsumerConfig,
    new: &ConsumerConfig,
    siblings: &dyn Siblings,
) -> Result<(), ApiError> {
    if old == new {
        return Ok(());
    }
    let fixed = [
        (old.deliver_policy != new.deliver_policy, "deliver policy"),
        (old.mem_storage != new.mem_storage, "storage type"),
        (old.direct != new.direct, "direct"),
        (old.sourcing != new.sourcing, "sourcing"),
        (old.opt_start_seq != new.opt_start_seq, "start sequence"),
        (old.opt_start_time != new.opt_start_time, "start time"),
        (old.ack_policy != new.ack_policy, "ack policy"),
        (old.replay_policy != new.replay_policy, "replay policy"),
        (old.idle_heartbeat != new.idle_heartbeat, "heart beats"),
        (old.flow_control != new.flow_control, "flow control"),
    ];
    for (differs, what) in fixed {
        if differs {
            return Err(refused(&format!("{what} can not be updated")));
        }
    }
    if old.deliver_subject != new.deliver_subject {
        if !old.is_push() {
            return Err(refused("can not update pull consumer to push based"));
        }
        if !new.is_push() {
            return Err(refused("can not update push consumer to pull based"));
        }
        if siblings.listens(&old.deliver_subject) {
            return Err(ApiError::CONSUMER_NAME_EXIST.error());
        }
    }
    if old.max_waiting != new.max_waiting {
        return Err(refused("max waiting can not be updated"));
    }
    check_backoff(new)
}

fn refused(why: &str) -> ApiError {
    ApiError::CONSUMER_CREATE.error_with(&[("err", &why)])
}
