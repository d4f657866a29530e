//! The tables, one file per family of documents.
//!
//! What lives here: shapes and schemas, and nothing that does something. Who may call: the rest of `schema`.

mod accounts;
mod advisories;
mod consumers;
mod events;
mod micro;
mod streams;
mod varz;

use super::shape::*;

/// All families.
pub(super) static FAMILIES: [&[Schema]; 7] = [
    accounts::ACCOUNTS,
    advisories::ADVISORIES,
    consumers::CONSUMERS,
    events::EVENTS,
    micro::MICRO,
    streams::STREAMS,
    varz::MONITOR,
];

shapes! {
    /// What stands in the place of an answer.
    pub(super) ERROR OPEN "Why a request was refused" {
        must "code": Kind::Integer(300, 699), "What kind of error it is, in the manner of HTTP";
        may "description": TEXT, "The error in words";
        may "err_code": Kind::Integer(0, 65535), "Which error it is: nats errors lookup CODE";
    }

    pub(super) FAILURE OPEN "An answer that is an error" {
        must "error": Kind::Object(&ERROR), "The error";
    }

    DONE OPEN "An answer that says no more than that it was done" {
        must "success": BOOL, "Whether it was done";
    }

    PAGE OPEN "A part of a long list" {
        must "total": LENGTH, "How many there are in all";
        must "offset": LENGTH, "How many were left out before the first of these";
        must "limit": LENGTH, "How many one answer holds at most";
    }

    FROM CLOSED "Where in a long list to begin" {
        must "offset": LENGTH, "How many to leave out before the first";
    }

    PLACEMENT OPEN "Which servers are to keep it" {
        may "cluster": TEXT, "The cluster";
        may "tags": TEXTS, "Tags that a server must have; those that begin with ! it must not have";
        may "preferred": TEXT, "The server that should lead";
    }

    STEP_DOWN OPEN "Who is to lead next" {
        may "placement": Kind::Object(&PLACEMENT), "Which servers may lead; any when left out";
    }

    PEER OPEN "A member of a group that does not lead it" {
        must "name": WORD, "The name of the server";
        must "current": BOOL, "Whether it has everything that the leader has";
        must "active": LENGTH, "Nanoseconds since it was last heard of";
        may "offline": BOOL, "Whether it is thought to be away";
        may "lag": COUNT, "How many operations it is behind";
        may "peer": TEXT, "Its id in the group";
    }

    GROUP OPEN "The group of servers that keeps something" {
        may "name": TEXT, "The cluster";
        may "leader": TEXT, "The server that leads; none while one is elected";
        may "replicas": Kind::List(&Kind::Object(&PEER)), "The other members";
        may "leader_since": TIME, "Since when it leads";
        may "raft_group": TEXT, "The group's own name";
        may "system_account": BOOL, "Whether the group talks in the system account";
        may "traffic_account": TEXT, "The account in which the group talks";
    }

    /// What every event has beside its type.
    EVENT OPEN "An event" {
        must "id": TEXT, "A name that no other event has";
        must "timestamp": TIME, "When it happened";
    }

    CLIENT CLOSED "A connection, as its server knows it" {
        may "start": TIME, "When it connected";
        may "stop": TIME, "When it went away";
        may "host": TEXT, "The address it came from";
        may "id": NUMBER, "Its number at its server";
        must "acc": TEXT, "Its account";
        may "svc": TEXT, "The account that does the work for it, when that is another";
        may "user": TEXT, "Its user: a name or a public key";
        may "name": TEXT, "What it calls itself";
        may "lang": TEXT, "The language of its library";
        may "ver": TEXT, "The version of its library";
        may "rtt": NUMBER, "Nanoseconds to it and back";
        may "server": TEXT, "Its server";
        may "cluster": TEXT, "The cluster of its server";
        may "alts": TEXTS, "Other clusters by their distance from it";
        may "jwt": TEXT, "The token it came with";
        may "issuer_key": TEXT, "Who signed that";
        may "name_tag": TEXT, "The name in that";
        may "kind": TEXT, "Whether it is a client, a leaf node or something else";
        may "client_type": TEXT, "By what protocol it talks";
        may "tags": TEXTS, "Tags of its user";
        may "client_id": TEXT, "Its id as a client of MQTT";
        may "nonce": TEXT, "What it had to sign";
    }
}
