//! Streams: configuration, info, and what can be asked about them.

use super::*;

shapes! {
    TRANSFORM OPEN "A change of subjects" {
        must "src": TEXT, "Which subjects, as a pattern";
        must "dest": TEXT, "What becomes of them: may refer to wildcards as {{wildcard(1)}}";
    }

    DELIVERY OPEN "A consumer of the upstream that was made beforehand" {
        must "name": NAME, "Its name";
        must "deliver_subject": TEXT, "Where it delivers";
    }

    ELSEWHERE OPEN "Where an upstream in another account or domain is" {
        must "api": TEXT, "The subjects of its API begin with this instead of $JS.API";
        may "deliver": TEXT, "The subjects to which it delivers begin with this";
    }

    UPSTREAM OPEN "A stream from which another takes its messages" {
        must "name": NAME, "Its name";
        may "opt_start_seq": COUNT, "Begin at this sequence";
        may "opt_start_time": TIME, "Begin at this time";
        may "filter_subject": TEXT, "Take these subjects only";
        may "subject_transforms": Kind::Nullable(&Kind::List(&Kind::Object(&TRANSFORM))), "Take these subjects only, and change them";
        may "consumer": Kind::Object(&DELIVERY), "Read it by this consumer";
        may "external": Kind::Object(&ELSEWHERE), "It is not in this account";
    }

    REPUBLISH OPEN "Subjects to which stored messages are published again" {
        may "src": TEXT, "Which subjects; all when left out";
        must "dest": TEXT, "To which subject";
        may "headers_only": BOOL, "Without bodies";
    }

    CONSUMER_LIMITS OPEN "What consumers may ask for, and get when they ask for nothing" {
        may "inactive_threshold": LENGTH, "Nanoseconds after which a consumer that nobody uses goes away";
        may "max_ack_pending": SIGNED, "Unacknowledged messages";
    }

    pub(super) STREAM CLOSED "How a stream is configured" {
        may "name": Kind::Text(Form::NameOrNothing), "Its name";
        may "description": ABOUT, "What it is for";
        may "subjects": TEXTS, "What it takes; nothing when it is a mirror";
        may "subject_transform": Kind::Object(&TRANSFORM), "Change subjects before anything is stored";
        must "retention": Kind::OneOf(&["limits", "interest", "workqueue"]), "When messages leave, apart from limits";
        must "max_consumers": LIMIT, "Consumers; -1 is no limit";
        must "max_msgs": LIMIT, "Messages; -1 is no limit";
        may "max_msgs_per_subject": LIMIT, "Messages of one subject; -1 is no limit";
        must "max_bytes": LIMIT, "Bytes; -1 is no limit";
        must "max_age": LENGTH, "Nanoseconds that a message stays; 0 is for ever";
        may "max_msg_size": Kind::Integer(-1, i32::MAX as i128), "Bytes of one message; -1 is no limit";
        must "storage": Kind::OneOf(&["file", "memory"]), "Where messages are kept";
        may "compression": Kind::OneOf(&["none", "s2"]), "How files are packed";
        may "first_seq": COUNT, "The sequence of the first message";
        must "num_replicas": Kind::Integer(0, 5), "How many servers keep a copy";
        may "no_ack": BOOL, "Do not acknowledge what was stored";
        may "discard": Kind::OneOf(&["old", "new"]), "What gives way when it is full: the oldest messages, or new ones";
        may "duplicate_window": LENGTH, "Nanoseconds that a Nats-Msg-Id is remembered";
        may "placement": Kind::Object(&PLACEMENT), "Which servers are to keep it";
        may "mirror": Kind::Object(&UPSTREAM), "The stream of which it is a copy";
        may "sources": Kind::List(&Kind::Object(&UPSTREAM)), "Streams from which it gathers";
        may "sealed": BOOL, "Nothing changes any more";
        may "deny_delete": BOOL, "Single messages cannot be deleted";
        may "deny_purge": BOOL, "It cannot be purged";
        may "allow_rollup_hdrs": BOOL, "A message may replace all others by its Nats-Rollup";
        may "allow_direct": BOOL, "Messages can be read from every copy";
        may "allow_atomic": BOOL, "Batches that are stored together or not at all";
        may "allow_msg_counter": BOOL, "Its subjects are counters";
        may "allow_msg_schedules": BOOL, "Messages may say when they are to be published";
        may "mirror_direct": BOOL, "Messages of the upstream can be read from this mirror";
        may "republish": Kind::Object(&REPUBLISH), "Publish again what was stored";
        may "discard_new_per_subject": BOOL, "Refuse new messages of a subject that is full";
        may "metadata": LABELS, "Names and values for whoever wants them";
        may "consumer_limits": Kind::Object(&CONSUMER_LIMITS), "Limits of its consumers";
        may "allow_msg_ttl": BOOL, "Messages may say how long they stay";
        may "subject_delete_marker_ttl": LENGTH, "Nanoseconds that a marker stays where a subject's last message timed out";
        may "persist_mode": Kind::OneOf(&["", "default", "async"]), "Whether a message is written before it is acknowledged";
        may "allow_batched": BOOL, "Batches with few acknowledgements";
    }

    PEDANTIC OPEN "How strictly a request is read" {
        may "pedantic": BOOL, "Refuse what would otherwise be set right";
    }

    LOST OPEN "What a stream has lost" {
        may "msgs": Kind::Nullable(&Kind::List(&COUNT)), "Sequences of the messages";
        may "bytes": COUNT, "Their size";
    }

    pub(super) STATE CLOSED "What a stream holds" {
        must "messages": COUNT, "Messages";
        must "bytes": COUNT, "Bytes";
        must "first_seq": COUNT, "Sequence of the first";
        may "first_ts": TIME, "When that was stored";
        must "last_seq": COUNT, "Sequence of the last, also when that is gone";
        may "last_ts": TIME, "When that was stored";
        may "deleted": Kind::List(&COUNT), "Sequences between them that are gone";
        may "subjects": Kind::Map(&COUNT), "Messages by subject";
        may "num_subjects": LENGTH, "Subjects";
        may "num_deleted": LENGTH, "How many between first and last are gone";
        may "lost": Kind::Object(&LOST), "What is damaged";
        must "consumer_count": LENGTH, "Consumers";
    }

    UPSTREAM_STATE OPEN "How far a stream has followed an upstream" {
        must "name": TEXT, "The upstream";
        may "filter_subject": TEXT, "Subjects that are taken";
        may "subject_transforms": Kind::Nullable(&Kind::List(&Kind::Object(&TRANSFORM))), "Subjects that are taken and changed";
        must "lag": COUNT, "How many messages it is behind";
        must "active": LIMIT, "Nanoseconds since it heard from there; -1 is never";
        may "external": Kind::Object(&ELSEWHERE), "Where the upstream is, when not in this account";
        may "error": Kind::Object(&ERROR), "Why it does not follow";
    }

    ALTERNATE OPEN "A stream with the same messages" {
        must "name": TEXT, "Its name";
        must "cluster": TEXT, "Its cluster";
        may "domain": TEXT, "Its domain";
    }

    INFO OPEN "All about a stream" {
        must "config": Kind::Object(&STREAM), "How it is configured";
        must "state": Kind::Object(&STATE), "What it holds";
        must "created": TIME, "When it was made";
        may "ts": TIME, "When this was written";
        may "cluster": Kind::Object(&GROUP), "Who keeps it";
        may "mirror": Kind::Object(&UPSTREAM_STATE), "How far it has followed its upstream";
        may "sources": Kind::List(&Kind::Object(&UPSTREAM_STATE)), "How far it has followed its upstreams";
        may "alternates": Kind::List(&Kind::Object(&ALTERNATE)), "Where else the messages are, the nearest first";
        may "domain": TEXT, "Its domain";
    }

    CREATED OPEN "What came of a request to make it" {
        may "did_create": BOOL, "Whether it was not there before";
    }

    INFO_PAGE OPEN "Which part of the subjects it is" {
        may "total": LENGTH, "Subjects in all";
        may "offset": LENGTH, "How many were left out before the first of these";
        may "limit": LENGTH, "How many one answer holds at most";
    }

    INFO_REQUEST OPEN "What the info is to hold" {
        may "deleted_details": BOOL, "The sequences that are gone";
        may "subjects_filter": TEXT, "The subjects of this pattern, with their messages";
        may "offset": LENGTH, "How many of them to leave out before the first";
    }

    LIST_REQUEST OPEN "Which streams" {
        may "subject": TEXT, "Those that take a subject of this pattern";
        may "offset": LENGTH, "How many to leave out before the first";
    }

    LIST OPEN "Streams" {
        must "streams": Kind::List(&Kind::Object(&INFO)), "Infos";
        may "missing": TEXTS, "Names of streams that did not answer";
        may "offline": LABELS, "Names of streams that this server cannot serve, and why";
    }

    NAMES OPEN "Streams" {
        must "streams": Kind::Nullable(&TEXTS), "Names";
    }

    PURGE_REQUEST OPEN "Which messages go" {
        may "filter": TEXT, "Those of this subject or pattern";
        may "seq": COUNT, "Those before this sequence";
        may "keep": COUNT, "All but so many";
    }

    PURGE OPEN "What came of it" {
        must "success": BOOL, "Whether it was done";
        must "purged": COUNT, "How many messages went";
    }

    ERASE_REQUEST OPEN "Which message goes" {
        must "seq": COUNT, "Its sequence";
        may "no_erase": BOOL, "Do not overwrite it";
    }

    GET_REQUEST OPEN "Which message, or which messages" {
        may "seq": COUNT, "At this sequence, or the first after it";
        may "last_by_subj": TEXT, "The last of this subject";
        may "next_by_subj": TEXT, "The first of this pattern from the sequence on";
        may "batch": LENGTH, "So many at once";
        may "max_bytes": LENGTH, "At most so many bytes at once";
        may "start_time": TIME, "The first from this time on";
        may "multi_last": TEXTS, "The last of each of these subjects and patterns";
        may "up_to_seq": COUNT, "As they were at this sequence";
        may "up_to_time": TIME, "As they were at this time";
    }

    MESSAGE CLOSED "A message of a stream" {
        must "subject": WORD, "Its subject";
        must "seq": COUNT, "Its sequence";
        may "data": TEXT, "Its body, as base64";
        must "time": TIME, "When it was stored";
        may "hdrs": TEXT, "Its headers, as base64";
    }

    GET OPEN "A message" {
        must "message": Kind::Object(&MESSAGE), "The message";
    }

    REMOVE_PEER CLOSED "Who is to leave the group" {
        must "peer": WORD, "The name of the server";
    }

    ARCHIVE OPEN "A stream in an archive" {
        must "config": Kind::Object(&STREAM), "How it was configured";
        must "state": Kind::Object(&STATE), "What it held";
    }

    RESTORE OPEN "Where to send the archive" {
        must "deliver_subject": WORD, "The subject";
    }

    SNAPSHOT_REQUEST CLOSED "How the archive is wanted" {
        must "deliver_subject": WORD, "Where its chunks are sent";
        may "no_consumers": BOOL, "Without consumers";
        may "chunk_size": Kind::Integer(1024, i64::MAX as i128), "Bytes of one chunk";
        may "window_size": Kind::Integer(1024, 32 * 1024 * 1024), "Bytes that may be under way unacknowledged";
        may "jsck": BOOL, "Check all messages first";
    }
}

schemas! { STREAMS of "io.nats.jetstream.api.v1." {
    "stream_configuration": Plain[STREAM], "How a stream is configured";
    "stream_create_request": Plain[STREAM, PEDANTIC], "Request to $JS.API.STREAM.CREATE";
    "stream_create_response": Answer[INFO, CREATED], "Answer of $JS.API.STREAM.CREATE";
    "stream_delete_response": Answer[DONE], "Answer of $JS.API.STREAM.DELETE";
    "stream_info_request": Plain[INFO_REQUEST], "Request to $JS.API.STREAM.INFO";
    "stream_info_response": Answer[INFO, INFO_PAGE], "Answer of $JS.API.STREAM.INFO";
    "stream_leader_stepdown_request": Plain[STEP_DOWN], "Request to $JS.API.STREAM.LEADER.STEPDOWN";
    "stream_leader_stepdown_response": UntypedAnswer[DONE], "Answer of $JS.API.STREAM.LEADER.STEPDOWN";
    "stream_list_request": Plain[LIST_REQUEST], "Request to $JS.API.STREAM.LIST";
    "stream_list_response": Answer[PAGE, LIST], "Answer of $JS.API.STREAM.LIST";
    "stream_msg_delete_request": Plain[ERASE_REQUEST], "Request to $JS.API.STREAM.MSG.DELETE";
    "stream_msg_delete_response": Answer[DONE], "Answer of $JS.API.STREAM.MSG.DELETE";
    "stream_msg_get_request": Plain[GET_REQUEST], "Request to $JS.API.STREAM.MSG.GET and $JS.API.DIRECT.GET";
    "stream_msg_get_response": Answer[GET], "Answer of $JS.API.STREAM.MSG.GET";
    "stream_names_request": Plain[LIST_REQUEST], "Request to $JS.API.STREAM.NAMES";
    "stream_names_response": Answer[PAGE, NAMES], "Answer of $JS.API.STREAM.NAMES";
    "stream_purge_request": Plain[PURGE_REQUEST], "Request to $JS.API.STREAM.PURGE";
    "stream_purge_response": Answer[PURGE], "Answer of $JS.API.STREAM.PURGE";
    "stream_remove_peer_request": Plain[REMOVE_PEER], "Request to $JS.API.STREAM.PEER.REMOVE";
    "stream_remove_peer_response": UntypedAnswer[DONE], "Answer of $JS.API.STREAM.PEER.REMOVE";
    "stream_restore_request": Plain[ARCHIVE], "Request to $JS.API.STREAM.RESTORE";
    "stream_restore_response": UntypedAnswer[RESTORE], "Answer of $JS.API.STREAM.RESTORE";
    "stream_snapshot_request": Plain[SNAPSHOT_REQUEST], "Request to $JS.API.STREAM.SNAPSHOT";
    "stream_snapshot_response": UntypedAnswer[ARCHIVE], "Answer of $JS.API.STREAM.SNAPSHOT";
    "stream_update_request": Plain[STREAM, PEDANTIC], "Request to $JS.API.STREAM.UPDATE";
    "stream_update_response": Answer[INFO], "Answer of $JS.API.STREAM.UPDATE";
}}
