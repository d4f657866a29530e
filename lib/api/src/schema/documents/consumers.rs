//! Consumers: configuration, info, and what can be asked about them.

use super::*;

/// Needed when consumers begin at a given place.
const fn from(member: Member, policy: &'static str) -> Member {
    Member {
        need: Need::When("deliver_policy", policy),
        ..member
    }
}

const fn by_sequence(name: &'static str, kind: Kind, about: &'static str) -> Member {
    from(may(name, kind, about), "by_start_sequence")
}

const fn by_time(name: &'static str, kind: Kind, about: &'static str) -> Member {
    from(may(name, kind, about), "by_start_time")
}

shapes! {
    CONSUMER OPEN "How a consumer is configured" {
        may "durable_name": NAME, "Its name, when it stays while nobody uses it";
        may "name": NAME, "Its name";
        may "description": ABOUT, "What it is for";
        must "deliver_policy": Kind::OneOf(&["all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"]), "Where it begins";
        by_sequence "opt_start_seq": COUNT, "Begin at this sequence";
        by_time "opt_start_time": TIME, "Begin at this time";
        may "deliver_subject": WORD, "Push messages there; without it, messages are pulled";
        may "deliver_group": WORD, "Push to one member of this queue group";
        may "ack_policy": Kind::OneOf(&["none", "all", "explicit", "flow_control"]), "Which messages are acknowledged";
        may "ack_wait": Kind::Integer(1, i64::MAX as i128), "Nanoseconds after which an unacknowledged message is delivered again";
        may "max_deliver": SIGNED, "How often a message is delivered; -1 is without end";
        may "filter_subject": TEXT, "Deliver these subjects only";
        may "filter_subjects": WORDS, "Deliver these subjects only";
        may "replay_policy": Kind::OneOf(&["instant", "original"]), "At once, or at the pace at which messages were stored";
        may "sample_freq": TEXT, "Of how many acknowledgements in a hundred a metric is published";
        may "rate_limit_bps": COUNT, "Bits per second";
        may "max_ack_pending": SIGNED, "Messages that may be unacknowledged; -1 is no limit";
        may "idle_heartbeat": LENGTH, "Nanoseconds of silence after which it says that it is there";
        may "flow_control": BOOL, "Wait until the receiver has caught up";
        may "max_waiting": LENGTH, "Pull requests that may wait";
        may "direct": BOOL, "It is one of a stream that follows another";
        may "sourcing": BOOL, "It delivers to a stream that follows another";
        may "headers_only": BOOL, "Deliver no bodies";
        may "max_batch": LENGTH, "Messages of one pull request";
        may "max_expires": LENGTH, "Nanoseconds that a pull request may wait";
        may "max_bytes": LENGTH, "Bytes of one pull request";
        may "inactive_threshold": LENGTH, "Nanoseconds after which it goes away when nobody uses it";
        may "backoff": Kind::List(&LENGTH), "Nanoseconds after which a message is delivered the second, third … time";
        may "num_replicas": Kind::Integer(0, 5), "How many servers keep its state; 0 is as many as the stream has";
        may "mem_storage": BOOL, "Keep its state in memory, also when the stream is in files";
        may "metadata": LABELS, "Names and values for whoever wants them";
        may "pause_until": TIME, "Deliver nothing until then";
        may "priority_groups": WORDS, "Groups of pulling clients";
        may "priority_policy": Kind::OneOf(&["none", "overflow", "pinned_client", "prioritized"]), "Which clients of a group are served";
        may "priority_timeout": LENGTH, "Nanoseconds of silence after which a client is no longer pinned";
    }

    POSITION CLOSED "A place in the sequence of deliveries" {
        must "consumer_seq": COUNT, "Counted by the consumer";
        must "stream_seq": COUNT, "Counted by the stream";
        may "last_active": TIME, "When it last moved";
    }

    PRIORITY_GROUP OPEN "A group of pulling clients" {
        must "group": WORD, "Its name";
        may "pinned_client_id": TEXT, "The client that is served";
        may "pinned_ts": TIME, "Since when";
    }

    INFO OPEN "All about a consumer" {
        must "stream_name": TEXT, "Its stream";
        must "name": TEXT, "Its name";
        may "ts": TIME, "When this was written";
        may "config": Kind::Object(&CONSUMER), "How it is configured";
        must "created": TIME, "When it was made";
        must "delivered": Kind::Object(&POSITION), "The last message that was delivered";
        must "ack_floor": Kind::Object(&POSITION), "Everything up to there is acknowledged";
        must "num_ack_pending": LENGTH, "Messages that are delivered and not acknowledged";
        must "num_redelivered": LENGTH, "Messages that were delivered more than once";
        must "num_waiting": LENGTH, "Pull requests that wait";
        must "num_pending": COUNT, "Messages that were never delivered";
        may "cluster": Kind::Object(&GROUP), "Who keeps its state";
        may "push_bound": BOOL, "Whether somebody listens where it delivers";
        may "paused": BOOL, "Whether it is paused";
        may "pause_remaining": LENGTH, "Nanoseconds until it goes on";
        may "priority_groups": Kind::List(&Kind::Object(&PRIORITY_GROUP)), "Its groups of clients";
    }

    CREATE_REQUEST OPEN "A consumer to make or change" {
        must "stream_name": TEXT, "Its stream";
        must "config": Kind::Object(&CONSUMER), "How it is configured";
        may "action": Kind::OneOf(&["", "create", "update"]), "Only make, only change, or both";
        may "pedantic": BOOL, "Refuse what would otherwise be set right";
    }

    NEXT_REQUEST OPEN "Which messages" {
        may "expires": LENGTH, "Nanoseconds to wait for them";
        may "batch": Kind::Integer(0, 256), "How many";
        may "max_bytes": LENGTH, "Bytes in all";
        may "no_wait": BOOL, "Those that are there";
        may "idle_heartbeat": LENGTH, "Nanoseconds of silence after which the server says that it is there";
        may "group": TEXT, "The group of this client";
        may "min_pending": LENGTH, "Only if so many are undelivered";
        may "min_ack_pending": LENGTH, "Only if so many are unacknowledged";
        may "id": TEXT, "The id that this client got when it was pinned";
        may "priority": Kind::Integer(0, 9), "Clients of a lower number come first";
    }

    NOTHING OPEN "Nothing" {}

    NAMES_REQUEST OPEN "Which consumers" {
        may "subject": TEXT, "Those that want this subject";
    }

    LIST OPEN "Consumers" {
        must "consumers": Kind::List(&Kind::Object(&INFO)), "Infos";
    }

    NAMES OPEN "Consumers" {
        must "consumers": TEXTS, "Names";
    }

    PAUSE_REQUEST OPEN "How long nothing is delivered" {
        may "pause_until": TIME, "Until then; from now on it goes on when left out";
    }

    PAUSE OPEN "Whether something is delivered" {
        may "paused": BOOL, "Whether it is paused";
        may "pause_until": TIME, "Until when";
        may "pause_remaining": LENGTH, "Nanoseconds until it goes on";
    }

    RESET_REQUEST OPEN "From where to deliver again" {
        may "seq": COUNT, "From this sequence; from the acknowledged ones on when left out";
    }

    RESET OPEN "Where it delivers next" {
        must "reset_seq": COUNT, "At this sequence";
    }

    UNPIN_REQUEST OPEN "Whose client gives way to another" {
        must "group": TEXT, "The group";
    }
}

schemas! { CONSUMERS of "io.nats.jetstream.api.v1." {
    "consumer_configuration": Plain[CONSUMER], "How a consumer is configured";
    "consumer_create_request": Plain[CREATE_REQUEST], "Request to $JS.API.CONSUMER.CREATE";
    "consumer_create_response": Answer[INFO], "Answer of $JS.API.CONSUMER.CREATE";
    "consumer_delete_response": Answer[DONE], "Answer of $JS.API.CONSUMER.DELETE";
    "consumer_getnext_request": Plain[NEXT_REQUEST], "Request to $JS.API.CONSUMER.MSG.NEXT";
    "consumer_info_request": Plain[NOTHING], "Request to $JS.API.CONSUMER.INFO";
    "consumer_info_response": Answer[INFO], "Answer of $JS.API.CONSUMER.INFO";
    "consumer_leader_stepdown_request": Plain[STEP_DOWN], "Request to $JS.API.CONSUMER.LEADER.STEPDOWN";
    "consumer_leader_stepdown_response": UntypedAnswer[DONE], "Answer of $JS.API.CONSUMER.LEADER.STEPDOWN";
    "consumer_list_request": Plain[FROM], "Request to $JS.API.CONSUMER.LIST";
    "consumer_list_response": Answer[PAGE, LIST], "Answer of $JS.API.CONSUMER.LIST";
    "consumer_names_request": Plain[FROM, NAMES_REQUEST], "Request to $JS.API.CONSUMER.NAMES";
    "consumer_names_response": Answer[PAGE, NAMES], "Answer of $JS.API.CONSUMER.NAMES";
    "consumer_pause_request": Plain[PAUSE_REQUEST], "Request to $JS.API.CONSUMER.PAUSE";
    "consumer_pause_response": UntypedAnswer[PAUSE], "Answer of $JS.API.CONSUMER.PAUSE";
    "consumer_reset_request": Plain[RESET_REQUEST], "Request to $JS.API.CONSUMER.RESET";
    "consumer_reset_response": Answer[INFO, RESET], "Answer of $JS.API.CONSUMER.RESET";
    "consumer_unpin_request": Plain[UNPIN_REQUEST], "Request to $JS.API.CONSUMER.UNPIN";
    "consumer_unpin_response": Answer[], "Answer of $JS.API.CONSUMER.UNPIN";
}}
