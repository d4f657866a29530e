//! Events of servers: connections, accounts, latency of services.

use super::*;

shapes! {
    SERVER CLOSED "A server" {
        must "name": WORD, "Its name";
        must "host": TEXT, "The address on which it listens";
        must "id": TEXT, "Its id";
        may "cluster": TEXT, "Its cluster";
        may "domain": TEXT, "Its JetStream domain";
        must "ver": TEXT, "Its version";
        may "tags": TEXTS, "Its tags";
        may "metadata": LABELS, "Names and values that its configuration gives";
        must "seq": COUNT, "Events that it has sent";
        must "jetstream": BOOL, "Whether it has JetStream";
        must "time": TIME, "Its time";
        may "feature_flags": Kind::Map(&BOOL), "Features that are on or off";
        may "flags": NUMBER, "What it can do, a bit each";
    }

    TRAFFIC CLOSED "Messages" {
        may "msgs": LENGTH, "How many";
        may "bytes": LENGTH, "Their size";
    }

    TRAFFIC_BY_WAY CLOSED "Messages by the way they went" {
        may "msgs": LENGTH, "How many";
        may "bytes": LENGTH, "Their size";
        may "gateways": Kind::Object(&TRAFFIC), "Between clusters";
        may "routes": Kind::Object(&TRAFFIC), "Within the cluster";
        may "leafs": Kind::Object(&TRAFFIC), "To and from leaf nodes";
    }

    BY_SERVER CLOSED "Who says so" {
        must "server": Kind::Object(&SERVER), "The server";
    }

    BY_CLIENT OPEN "Which connection" {
        must "client": Kind::Object(&CLIENT), "The connection";
    }

    END OPEN "How a connection ended" {
        must "sent": Kind::Object(&TRAFFIC_BY_WAY), "To the server";
        must "received": Kind::Object(&TRAFFIC_BY_WAY), "From the server";
        must "reason": TEXT, "Why it ended";
    }

    ACCOUNT OPEN "An account on one server" {
        must "acc": TEXT, "The account";
        may "name": TEXT, "Its name, when it is known by another";
        must "conns": LENGTH, "Connections of clients";
        must "leafnodes": LENGTH, "Connections of leaf nodes";
        must "total_conns": LENGTH, "Connections since the server began";
        may "num_subscriptions": LENGTH, "Subscriptions";
        may "sent": Kind::Object(&TRAFFIC_BY_WAY), "By the server";
        may "received": Kind::Object(&TRAFFIC_BY_WAY), "By the server";
        may "slow_consumers": LENGTH, "Connections that were cut for being slow";
    }

    LATENCY CLOSED "How long a request to a service took" {
        may "requestor": Kind::Object(&CLIENT), "Who asked";
        may "responder": Kind::Object(&CLIENT), "Who answered";
        may "header": Kind::Map(&TEXTS), "The headers of the request that asked for this";
        must "status": Kind::Code(&[200, 400, 408, 503, 504]), "How it went, in the manner of HTTP";
        may "error": TEXT, "The same in words";
        must "start": TIME, "When it was asked";
        must "service": LENGTH, "Nanoseconds at the service";
        must "system": LENGTH, "Nanoseconds between servers";
        must "total": LENGTH, "Nanoseconds in all";
    }
}

schemas! { EVENTS of "io.nats.server." {
    "advisory.v1.account_connections": Typed[EVENT, BY_SERVER, ACCOUNT], "Connections of an account, told from time to time";
    "advisory.v1.client_connect": Typed[EVENT, BY_SERVER, BY_CLIENT], "A client connected";
    "advisory.v1.client_disconnect": Typed[EVENT, BY_SERVER, BY_CLIENT, END], "A client went away";
    "metric.v1.service_latency": Typed[EVENT, LATENCY], "How long a request to a service took";
}}
