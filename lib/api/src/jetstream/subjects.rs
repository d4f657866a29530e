//! The subjects of JetStream, written in one place.
//!
//! Requests go to `<prefix>.<request>`, where the prefix is [`API_PREFIX`] or, for another domain, [`domain_prefix`]. The
//! [`ApiSubjects`] of a prefix writes them all.

/// The prefix of requests to the own domain.
pub const API_PREFIX: &str = "$JS.API";
pub const ACK_PREFIX: &str = "$JS.ACK";
pub const FLOW_CONTROL_PREFIX: &str = "$JS.FC";
pub const ADVISORY_PREFIX: &str = "$JS.EVENT.ADVISORY";
pub const METRIC_PREFIX: &str = "$JS.EVENT.METRIC";
pub const SNAPSHOT_ACK_PREFIX: &str = "$JS.SNAPSHOT.ACK";
pub const SNAPSHOT_RESTORE_PREFIX: &str = "$JS.SNAPSHOT.RESTORE";

/// The prefix of requests to a domain.
pub fn domain_prefix(domain: &str) -> String {
    format!("$JS.{domain}.API")
}

/// Writes the subjects of requests below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSubjects {
    prefix: String,
}

impl Default for ApiSubjects {
    fn default() -> Self {
        Self::new(API_PREFIX)
    }
}

macro_rules! plain {
    ($($name:ident $text:literal;)*) => {$(
        pub fn $name(&self) -> String {
            format!(concat!("{}.", $text), self.prefix)
        }
    )*};
}

macro_rules! of_one {
    ($($name:ident $text:literal;)*) => {$(
        pub fn $name(&self, name: &str) -> String {
            format!(concat!("{}.", $text, ".{}"), self.prefix, name)
        }
    )*};
}

macro_rules! of_two {
    ($($name:ident $text:literal;)*) => {$(
        pub fn $name(&self, first: &str, second: &str) -> String {
            format!(concat!("{}.", $text, ".{}.{}"), self.prefix, first, second)
        }
    )*};
}

impl ApiSubjects {
    /// `prefix` without a dot at the end.
    pub fn new(prefix: impl Into<String>) -> Self {
        let mut prefix = prefix.into();
        while prefix.ends_with('.') {
            prefix.pop();
        }
        Self { prefix }
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    plain! {
        info "INFO";
        stream_names "STREAM.NAMES";
        stream_list "STREAM.LIST";
        meta_leader_stepdown "META.LEADER.STEPDOWN";
        meta_rescue "META.RESCUE";
        server_remove "SERVER.REMOVE";
        server_evacuate "SERVER.EVACUATE";
    }

    of_one! {
        stream_create "STREAM.CREATE";
        stream_update "STREAM.UPDATE";
        stream_info "STREAM.INFO";
        stream_delete "STREAM.DELETE";
        stream_purge "STREAM.PURGE";
        stream_snapshot "STREAM.SNAPSHOT";
        stream_restore "STREAM.RESTORE";
        msg_get "STREAM.MSG.GET";
        msg_delete "STREAM.MSG.DELETE";
        stream_peer_remove "STREAM.PEER.REMOVE";
        stream_peer_evacuate "STREAM.PEER.EVACUATE";
        stream_cancel_move "STREAM.CANCEL_MOVE";
        stream_leader_stepdown "STREAM.LEADER.STEPDOWN";
        direct_get "DIRECT.GET";
        consumer_names "CONSUMER.NAMES";
        consumer_list "CONSUMER.LIST";
        consumer_create_unnamed "CONSUMER.CREATE";
        account_purge "ACCOUNT.PURGE";
    }

    of_two! {
        direct_get_last "DIRECT.GET";
        consumer_create "CONSUMER.CREATE";
        consumer_durable_create "CONSUMER.DURABLE.CREATE";
        consumer_info "CONSUMER.INFO";
        consumer_delete "CONSUMER.DELETE";
        consumer_pause "CONSUMER.PAUSE";
        consumer_unpin "CONSUMER.UNPIN";
        consumer_reset "CONSUMER.RESET";
        consumer_leader_stepdown "CONSUMER.LEADER.STEPDOWN";
        consumer_msg_next "CONSUMER.MSG.NEXT";
        account_stream_move "ACCOUNT.STREAM.MOVE";
        account_stream_cancel_move "ACCOUNT.STREAM.CANCEL_MOVE";
    }

    /// Creates a consumer with one filter, which permissions can see.
    pub fn consumer_create_filtered(&self, stream: &str, consumer: &str, filter: &str) -> String {
        format!(
            "{}.CONSUMER.CREATE.{stream}.{consumer}.{filter}",
            self.prefix
        )
    }
}
