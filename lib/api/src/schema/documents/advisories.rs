//! Advisories and metrics of JetStream.

use super::*;

const PEERS: Kind = Kind::List(&Kind::Object(&PEER));

shapes! {
    /// Servers of a domain say so in every advisory; the published schemas know that of some only.
    DOMAIN CLOSED "Where it happened" {
        may "domain": WORD, "The domain of the server";
    }

    OF_STREAM OPEN "What it is about" {
        must "stream": TEXT, "The stream";
    }

    OF_CONSUMER OPEN "What it is about" {
        must "stream": TEXT, "The stream";
        must "consumer": TEXT, "The consumer";
    }

    BY_CLIENT OPEN "Who did it" {
        must "client": Kind::Object(&CLIENT), "The connection";
    }

    DURING OPEN "How long it took" {
        must "start": TIME, "When it began";
        must "end": TIME, "When it ended";
    }

    AUDIT OPEN "A request to the API" {
        must "server": WORD, "The server that answered";
        must "subject": WORD, "Where the request was sent";
        must "response": TEXT, "The answer";
        may "request": TEXT, "The request";
        must "client": Kind::Object(&CLIENT), "Who sent it";
    }

    TOO_MANY OPEN "Requests that nobody answers" {
        must "server": WORD, "The server";
        must "dropped": COUNT, "How many";
    }

    CONSUMER_ACTION OPEN "What was done to a consumer" {
        must "action": Kind::OneOf(&["create", "delete"]), "What";
        must "stream": TEXT, "Its stream";
        may "consumer": TEXT, "The consumer";
    }

    STREAM_ACTION OPEN "What was done to a stream" {
        must "action": Kind::OneOf(&["create", "delete", "modify"]), "What";
        must "stream": TEXT, "The stream";
        may "template": TEXT, "The template that it came from, in servers of old";
    }

    ACCOUNT_OF OPEN "Whose it is" {
        may "account": TEXT, "The account";
    }

    PINNED OPEN "Which client" {
        must "group": TEXT, "The group of clients";
        must "pinned_id": TEXT, "Its id";
    }

    UNPINNED OPEN "Why no longer" {
        must "group": TEXT, "The group of clients";
        must "reason": Kind::OneOf(&["admin", "timeout"]), "Somebody asked for it, or the client was silent";
    }

    PAUSE OPEN "Whether something is delivered" {
        must "paused": BOOL, "Whether it is paused";
        may "pause_until": TIME, "Until when";
    }

    LEADER OPEN "Who leads" {
        must "leader": TEXT, "The server";
        must "replicas": PEERS, "The other members of the group";
    }

    NO_QUORUM OPEN "Who is left" {
        must "replicas": PEERS, "The members of the group";
    }

    CLUSTER_OF OPEN "Where" {
        must "cluster": TEXT, "The cluster";
    }

    MAX_DELIVER OPEN "The message" {
        must "stream_seq": ORDINAL, "Its sequence";
        must "deliveries": ORDINAL, "How often it was delivered";
    }

    REFUSED OPEN "The message" {
        must "consumer_seq": ORDINAL, "The delivery";
        must "stream_seq": ORDINAL, "Its sequence";
        must "deliveries": ORDINAL, "How often it was delivered";
    }

    REASON OPEN "Why" {
        may "reason": TEXT, "In words";
    }

    RESTORED OPEN "What was restored" {
        must "bytes": LENGTH, "Its size";
    }

    SNAPSHOT OPEN "What is sent" {
        must "state": Kind::Object(&super::streams::STATE), "What the stream holds";
    }

    NO_SPACE OPEN "Which server" {
        may "stream": TEXT, "The stream that wanted to write";
        must "server": TEXT, "Its name";
        must "server_id": TEXT, "Its id";
        may "cluster": TEXT, "Its cluster";
    }

    REMOVED OPEN "Which server" {
        must "server": TEXT, "Its name";
        must "server_id": TEXT, "Its id";
        must "cluster": TEXT, "Its cluster";
    }

    ABANDONED OPEN "Which batch" {
        must "reason": Kind::OneOf(&["timeout", "large", "incomplete", "unsupported"]), "It did not end, was too large, lost a message, or asked for what the stream does not do";
        must "batch": TEXT, "Its id";
    }

    SERVER_FAULT OPEN "What is wrong with a server" {
        must "server": WORD, "The server";
        must "server_id": WORD, "Its identity";
        must "fault": WORD, "In words";
    }

    FAULT OPEN "What is wrong" {
        must "fault": TEXT, "In words; nothing when all is well again";
    }

    RESCUE OPEN "What became of the quorum" {
        must "server": TEXT, "The server that was told to";
        must "server_id": TEXT, "Its id";
        must "prev_quorum": LENGTH, "How many servers were needed";
        must "new_quorum": LENGTH, "How many are";
        must "cluster": TEXT, "Its cluster";
    }

    ACK OPEN "An acknowledgement" {
        must "stream_seq": ORDINAL, "The sequence of the message";
        must "consumer_seq": ORDINAL, "The delivery";
        must "ack_time": ORDINAL, "Nanoseconds from the delivery to the acknowledgement";
        must "deliveries": ORDINAL, "How often it was delivered";
    }
}

schemas! { ADVISORIES of "io.nats.jetstream." {
    "advisory.v1.api_audit": Typed[EVENT, AUDIT, DOMAIN], "Somebody used the JetStream API";
    "advisory.v1.api_limit_reached": Typed[EVENT, TOO_MANY, DOMAIN], "So many requests to the JetStream API wait that some were dropped";
    "advisory.v1.consumer_action": Typed[EVENT, CONSUMER_ACTION, DOMAIN], "A consumer was made or deleted";
    "advisory.v1.consumer_group_pinned": Typed[EVENT, ACCOUNT_OF, OF_CONSUMER, PINNED, DOMAIN], "A client of a priority group was pinned";
    "advisory.v1.consumer_group_unpinned": Typed[EVENT, ACCOUNT_OF, OF_CONSUMER, UNPINNED, DOMAIN], "A client of a priority group is pinned no longer";
    "advisory.v1.consumer_leader_elected": Typed[EVENT, ACCOUNT_OF, OF_CONSUMER, LEADER, DOMAIN], "A consumer has a new leader";
    "advisory.v1.consumer_pause": Typed[EVENT, OF_CONSUMER, PAUSE, DOMAIN], "A consumer was paused, or goes on";
    "advisory.v1.consumer_quorum_lost": Typed[EVENT, ACCOUNT_OF, OF_CONSUMER, NO_QUORUM, DOMAIN], "Too few servers of a consumer are left";
    "advisory.v1.domain_leader_elected": Typed[EVENT, LEADER, CLUSTER_OF, DOMAIN], "The meta group has a new leader";
    "advisory.v1.max_deliver": Typed[EVENT, OF_CONSUMER, MAX_DELIVER, DOMAIN], "A message was delivered as often as allowed";
    "advisory.v1.meta_rescue": Typed[EVENT, RESCUE, DOMAIN], "The quorum of the meta group was lowered by force";
    "advisory.v1.nak": Typed[EVENT, OF_CONSUMER, REFUSED, DOMAIN], "A client wants a message again";
    "advisory.v1.restore_complete": Typed[EVENT, OF_STREAM, DURING, RESTORED, BY_CLIENT, DOMAIN], "A stream was restored";
    "advisory.v1.restore_create": Typed[EVENT, OF_STREAM, BY_CLIENT, DOMAIN], "The restore of a stream begins";
    "advisory.v1.server_fault": Typed[EVENT, SERVER_FAULT, DOMAIN], "The store of a server is damaged where no stream can say so";
    "advisory.v1.server_out_of_space": Typed[EVENT, NO_SPACE, DOMAIN], "A server has no room left";
    "advisory.v1.server_removed": Typed[EVENT, REMOVED, DOMAIN], "A server was taken out of the meta group";
    "advisory.v1.snapshot_complete": Typed[EVENT, OF_STREAM, DURING, BY_CLIENT, DOMAIN], "An archive of a stream is complete";
    "advisory.v1.snapshot_create": Typed[EVENT, OF_STREAM, SNAPSHOT, BY_CLIENT, DOMAIN], "An archive of a stream begins";
    "advisory.v1.stream_action": Typed[EVENT, STREAM_ACTION, DOMAIN], "A stream was made, changed or deleted";
    "advisory.v1.stream_batch_abandoned": Typed[EVENT, ACCOUNT_OF, OF_STREAM, ABANDONED, DOMAIN], "A batch was given up";
    "advisory.v1.stream_fault": Typed[EVENT, OF_STREAM, FAULT, DOMAIN], "Something is wrong with the storage of a stream, or no longer";
    "advisory.v1.stream_leader_elected": Typed[EVENT, ACCOUNT_OF, OF_STREAM, LEADER, DOMAIN], "A stream has a new leader";
    "advisory.v1.stream_quorum_lost": Typed[EVENT, ACCOUNT_OF, OF_STREAM, NO_QUORUM, DOMAIN], "Too few servers of a stream are left";
    "advisory.v1.terminated": Typed[EVENT, OF_CONSUMER, REFUSED, REASON, DOMAIN], "A client wants a message never again";
    "metric.v1.consumer_ack": Typed[EVENT, OF_CONSUMER, ACK, DOMAIN], "A message was acknowledged by a consumer of which samples are taken";
}}
