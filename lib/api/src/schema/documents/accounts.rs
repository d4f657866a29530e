//! The account, the meta group, and the acknowledgement of a publish.

use super::*;

shapes! {
    LIMITS CLOSED "What an account may use; -1 is no limit" {
        must "max_memory": LIMIT, "Bytes in memory";
        must "max_storage": LIMIT, "Bytes in files";
        must "max_streams": LIMIT, "Streams";
        must "max_consumers": LIMIT, "Consumers";
        may "max_bytes_required": BOOL, "Whether every stream must say how large it may become";
        may "max_ack_pending": LIMIT, "Unacknowledged messages of one consumer";
        may "memory_max_stream_bytes": LIMIT, "Bytes of one stream in memory";
        may "storage_max_stream_bytes": LIMIT, "Bytes of one stream in files";
    }

    USAGE OPEN "What an account uses" {
        must "memory": COUNT, "Bytes in memory";
        must "storage": COUNT, "Bytes in files";
        may "reserved_memory": COUNT, "Bytes in memory that streams have set aside";
        may "reserved_storage": COUNT, "Bytes in files that streams have set aside";
        must "streams": LENGTH, "Streams";
        must "consumers": LENGTH, "Consumers";
        must "limits": Kind::Object(&LIMITS), "What it may use";
    }

    REQUESTS OPEN "Requests to the JetStream API" {
        may "level": LENGTH, "The level of the API";
        must "total": COUNT, "How many were answered";
        must "errors": COUNT, "How many of those by an error";
        may "inflight": COUNT, "How many are being worked on";
    }

    ACCOUNT OPEN "JetStream in an account" {
        may "domain": TEXT, "The domain of the server";
        may "tiers": Kind::Map(&Kind::Object(&USAGE)), "Use and limits by the number of copies: R1, R3";
        must "api": Kind::Object(&REQUESTS), "Requests of this account";
    }

    PURGED OPEN "Whether an account is being emptied" {
        may "initiated": BOOL, "Whether that has begun";
    }

    REMOVE_SERVER OPEN "The server that does not come back" {
        may "peer": TEXT, "Its name";
        may "peer_id": TEXT, "Its id in the group; counts instead of the name";
    }

    STORED CLOSED "Where a message was stored" {
        may "error": Kind::Object(&ERROR), "Why it was not stored";
        must "stream": WORD, "The stream";
        may "seq": COUNT, "Its sequence there";
        may "duplicate": BOOL, "Whether it was there already, by its Nats-Msg-Id";
        may "domain": TEXT, "The domain of the server";
        may "batch": TEXT, "The batch that it ended";
        may "count": COUNT, "How many messages that batch had";
        may "val": TEXT, "The value of the counter that it changed";
    }
}

schemas! { ACCOUNTS of "io.nats.jetstream.api.v1." {
    "account_info_response": Answer[USAGE, ACCOUNT], "Answer of $JS.API.INFO";
    "account_purge_response": UntypedAnswer[PURGED], "Answer of $JS.API.ACCOUNT.PURGE";
    "meta_leader_stepdown_request": Plain[STEP_DOWN], "Request to $JS.API.META.LEADER.STEPDOWN";
    "meta_leader_stepdown_response": UntypedAnswer[DONE], "Answer of $JS.API.META.LEADER.STEPDOWN";
    "meta_server_remove_request": Plain[REMOVE_SERVER], "Request to $JS.API.SERVER.REMOVE";
    "meta_server_remove_response": UntypedAnswer[DONE], "Answer of $JS.API.SERVER.REMOVE";
    "pub_ack_response": Plain[STORED], "What a stream answers to whoever published a message to it";
}}
