//! Configurations of consumers: what a create or update request comes to.
//!
//! Start with [`admit`], through which every request goes once [`request::read`] has compared its subject with its body. `defaults` fills
//! in, `check` are the rules about one configuration, `change` is what an update may do, `metadata` the level that a consumer needs.

mod change;
mod check;
mod defaults;
pub mod metadata;
pub mod request;

pub use check::is_valid_group;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use nats_api::errors::ApiError;
use nats_api::jetstream::{
    AccountLimits, AckPolicy, ConsumerAction, ConsumerConfig, ConsumerCreateRequest, DeliverPolicy,
    Retention, StreamConfig,
};
use nats_api::time::Nanos;
use nats_proto::subject;

use crate::context::{Random, base62};
use crate::limits;

/// The server's bounds for consumers, from its options. Zero and less is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerLimits {
    pub max_ack_pending: i64,
    pub max_request_batch: i64,
    /// Consumers of a stream when neither it nor the account says how many.
    pub default_max_consumers: i64,
}

/// What stands around a consumer that is to be made.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub stream: &'a StreamConfig,
    pub server: ServerLimits,
    /// Limits of the account for the consumer's number of replicas; `None` when it has none.
    pub account: Option<&'a AccountLimits>,
}

/// The stream's consumers, as far as a new one has to get along with them.
pub trait Siblings {
    /// The configuration of the consumer with this name.
    fn get(&self, name: &str) -> Option<&ConsumerConfig>;

    /// How many there are that count for limits: all that are neither direct nor for sourcing.
    fn limitable(&self) -> usize;

    /// Shows the configurations of all of them, by name.
    fn each(&self, visit: &mut dyn FnMut(&str, &ConsumerConfig) -> ControlFlow<()>);

    /// Somebody listens on this subject in the account.
    fn listens(&self, subject: &str) -> bool;
}

/// What a request comes to. The configuration is complete and has the consumer's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    Create(Box<ConsumerConfig>),
    /// The consumer is there; it takes this configuration, which may be the one that it has.
    Update(Box<ConsumerConfig>),
}

/// Checks a request whose subject fits its body.
///
/// # Errors
/// The first rule that is broken, in the reference server's order.
pub fn admit(
    request: ConsumerCreateRequest,
    rules: &Rules<'_>,
    siblings: &dyn Siblings,
    random: &mut dyn Random,
) -> Result<Admission, ApiError> {
    let ConsumerCreateRequest {
        mut config,
        action,
        pedantic,
        ..
    } = request;
    if config.num_replicas > 1 && rules.stream.num_replicas <= 1 {
        return Err(ApiError::STREAM_REPLICAS_NOT_SUPPORTED.error());
    }
    adapt_sourcing(&mut config, rules.stream, random);
    let name = name_of(&config).to_owned();
    let existing = siblings.get(&name).filter(|_| !name.is_empty());
    if let Some(existing) = existing {
        keep_what_requests_do_not_change(&mut config, existing);
    }
    metadata::set_static(&mut config);
    let account = rules.account.ok_or(ApiError::NO_LIMITS.error())?;
    defaults::complete(&mut config, rules, account, pedantic)?;
    check::check(&config, rules, account)?;
    match existing {
        Some(existing) => update(config, action, existing, &name, rules, siblings),
        None => create(config, action, rules, account, siblings, random),
    }
}

/// Checks a configuration that a consumer is to be given otherwise than by a request, a pause for one.
///
/// # Errors
/// What may not be changed (10012).
pub fn replace(
    old: &ConsumerConfig,
    new: &mut ConsumerConfig,
    siblings: &dyn Siblings,
) -> Result<(), ApiError> {
    metadata::set_static(new);
    change::check(old, new, siblings)
}

fn update(
    mut config: ConsumerConfig,
    action: ConsumerAction,
    existing: &ConsumerConfig,
    name: &str,
    rules: &Rules<'_>,
    siblings: &dyn Siblings,
) -> Result<Admission, ApiError> {
    if action == ConsumerAction::Create {
        metadata::copy_static(&mut config, existing);
        if config != *existing {
            return Err(ApiError::CONSUMER_ALREADY_EXISTS.error());
        }
    }
    if rules.stream.retention == Retention::WorkQueue && !is_unique(&config, name, siblings) {
        return Err(ApiError::CONSUMER_WQ_CONSUMER_NOT_UNIQUE.error());
    }
    change::check(existing, &config, siblings)?;
    stamp_inactive_threshold(&mut config);
    Ok(Admission::Update(Box::new(config)))
}

fn create(
    mut config: ConsumerConfig,
    action: ConsumerAction,
    rules: &Rules<'_>,
    account: &AccountLimits,
    siblings: &dyn Siblings,
    random: &mut dyn Random,
) -> Result<Admission, ApiError> {
    if action == ConsumerAction::Update {
        return Err(ApiError::CONSUMER_DOES_NOT_EXIST.error());
    }
    let most = match max_consumers(rules.stream, account) {
        most if most > 0 => most,
        _ => rules.server.default_max_consumers,
    };
    if usize::try_from(most).is_ok_and(|most| most > 0 && siblings.limitable() >= most) {
        return Err(ApiError::MAXIMUM_CONSUMERS_LIMIT.error());
    }
    if rules.stream.retention == Retention::WorkQueue && !config.direct && !config.sourcing {
        check_work_queue(&config, siblings)?;
    }
    if config.durable_name.len() > limits::NAME_LEN_MAX {
        let max = limits::NAME_LEN_MAX;
        return Err(ApiError::CONSUMER_NAME_TOO_LONG.error_with(&[("max", &max)]));
    }
    if config.name.is_empty() {
        config.name = if config.durable_name.is_empty() {
            unused_name(siblings, random)
        } else {
            config.durable_name.clone()
        };
    }
    stamp_inactive_threshold(&mut config);
    Ok(Admission::Create(Box::new(config)))
}

/// The name of the consumer that a configuration is about, empty when the server chooses one.
fn name_of(config: &ConsumerConfig) -> &str {
    if config.durable_name.is_empty() {
        &config.name
    } else {
        &config.durable_name
    }
}

/// A consumer that feeds a mirror or source: durable where messages wait for it, and with a name of its own where not.
fn adapt_sourcing(config: &mut ConsumerConfig, stream: &StreamConfig, random: &mut dyn Random) {
    if !config.direct || !config.sourcing || config.name.is_empty() {
        return;
    }
    if stream.retention == Retention::Limits {
        config.name = format!("{}-{}", config.name, base62(random, RANDOM_NAME_LEN));
        return;
    }
    config.direct = false;
    config.durable_name.clone_from(&config.name);
    config.ack_policy = AckPolicy::FlowControl;
    config.ack_wait = Nanos(0);
    config.max_deliver = 0;
    config.inactive_threshold = Nanos(0);
}

/// A pause is changed by its own request; where a durable source began is no longer of interest.
fn keep_what_requests_do_not_change(config: &mut ConsumerConfig, existing: &ConsumerConfig) {
    config.pause_until = existing.pause_until;
    if config.sourcing && !config.durable_name.is_empty() {
        config.deliver_policy = existing.deliver_policy;
        config.opt_start_seq = existing.opt_start_seq;
        config.opt_start_time = existing.opt_start_time;
    }
}

/// Consumers without a durable name always go some time after their clients.
fn stamp_inactive_threshold(config: &mut ConsumerConfig) {
    if config.durable_name.is_empty() && config.inactive_threshold.0 <= 0 {
        config.inactive_threshold = Nanos(limits::EPHEMERAL_INACTIVE_THRESHOLD);
    }
}

/// The most consumers: what the stream says, or the account if that is less.
fn max_consumers(stream: &StreamConfig, account: &AccountLimits) -> i64 {
    let (own, account) = (stream.max_consumers, account.max_consumers);
    if own <= 0 || (account > 0 && account < own) {
        account
    } else {
        own
    }
}

fn check_work_queue(config: &ConsumerConfig, siblings: &dyn Siblings) -> Result<(), ApiError> {
    let acks = matches!(
        config.ack_policy,
        AckPolicy::Explicit | AckPolicy::FlowControl
    );
    if !acks {
        return Err(ApiError::CONSUMER_WQ_REQUIRES_EXPLICIT_ACK.error());
    }
    if config.deliver_policy != DeliverPolicy::All {
        return Err(ApiError::CONSUMER_WQ_CONSUMER_NOT_DELIVER_ALL.error());
    }
    if siblings.limitable() == 0 {
        return Ok(());
    }
    if config.filters().is_empty() {
        return Err(ApiError::CONSUMER_WQ_MULTIPLE_UNFILTERED.error());
    }
    if !is_unique(config, name_of(config), siblings) {
        return Err(ApiError::CONSUMER_WQ_CONSUMER_NOT_UNIQUE.error());
    }
    Ok(())
}

/// No other consumer of a work queue may get what this one gets.
fn is_unique(config: &ConsumerConfig, name: &str, siblings: &dyn Siblings) -> bool {
    let mine = config.filters();
    if mine.is_empty() {
        return true;
    }
    let mut unique = true;
    siblings.each(&mut |other_name, other| {
        if other_name == name || other.direct || other.sourcing {
            return ControlFlow::Continue(());
        }
        let theirs = other.filters();
        let collides = theirs.is_empty()
            || theirs.iter().any(|theirs| {
                mine.iter()
                    .any(|mine| subject::collides(mine.as_bytes(), theirs.as_bytes()))
            });
        if collides {
            unique = false;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    unique
}

/// Characters of a name that the server chooses.
const RANDOM_NAME_LEN: usize = 8;

fn unused_name(siblings: &dyn Siblings, random: &mut dyn Random) -> String {
    loop {
        let name = base62(random, RANDOM_NAME_LEN);
        if siblings.get(&name).is_none() {
            return name;
        }
    }
}
