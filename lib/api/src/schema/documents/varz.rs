//! The monitoring page of a server as a whole.

use super::*;

const RETRY: Kind = Kind::OneOf(&["default", "close", "retry"]);

shapes! {
    /// What every kind of listener has.
    CLUSTER OPEN "Routes to other servers of the cluster" {
        may "name": TEXT, "The cluster";
        may "addr": TEXT, "The address on which it listens";
        may "cluster_port": LENGTH, "The port on which it listens";
        may "auth_timeout": NUMBER, "Seconds to authenticate";
        may "urls": TEXTS, "Servers that it was told of";
        may "tls_timeout": NUMBER, "Seconds for the TLS handshake";
        may "tls_required": BOOL, "Whether TLS is a must";
        may "tls_verify": BOOL, "Whether the other side needs a certificate";
        may "pool_size": LENGTH, "Connections to each server";
        may "write_deadline": SIGNED, "Nanoseconds that a write may take";
        may "write_timeout": RETRY, "What happens when it takes longer";
        may "tls_cert_not_after": TIME, "When the certificate ends";
    }

    REMOTE_GATEWAY OPEN "Another cluster" {
        must "name": TEXT, "Its name";
        may "tls_timeout": NUMBER, "Seconds for the TLS handshake";
        may "urls": TEXTS, "Where it is";
    }

    GATEWAY OPEN "Gateways to other clusters" {
        may "name": TEXT, "The name of this cluster";
        may "host": TEXT, "The address on which it listens";
        may "port": LENGTH, "The port on which it listens";
        may "auth_timeout": NUMBER, "Seconds to authenticate";
        may "tls_timeout": NUMBER, "Seconds for the TLS handshake";
        may "tls_required": BOOL, "Whether TLS is a must";
        may "tls_verify": BOOL, "Whether the other side needs a certificate";
        may "advertise": TEXT, "The address that others are told";
        may "connect_retries": LENGTH, "How often it tries to connect";
        may "gateways": Kind::List(&Kind::Object(&REMOTE_GATEWAY)), "The other clusters";
        may "reject_unknown": BOOL, "Whether clusters that are not named here are refused";
        may "write_deadline": SIGNED, "Nanoseconds that a write may take";
        may "write_timeout": RETRY, "What happens when it takes longer";
        may "tls_cert_not_after": TIME, "When the certificate ends";
    }

    DENIED OPEN "What does not pass a leaf node" {
        may "exports": TEXTS, "Subjects that do not leave";
        may "imports": TEXTS, "Subjects that do not enter";
    }

    REMOTE_LEAF OPEN "A server to which this one is a leaf node" {
        may "local_account": TEXT, "The account that is linked";
        may "tls_timeout": NUMBER, "Seconds for the TLS handshake";
        may "urls": TEXTS, "Where it is";
        may "deny": Kind::Object(&DENIED), "What does not pass";
        may "tls_ocsp_peer_verify": BOOL, "Whether the state of its certificate is asked for";
    }

    LEAF OPEN "Leaf nodes" {
        may "host": TEXT, "The address on which it listens";
        may "port": LENGTH, "The port on which it listens";
        may "auth_timeout": NUMBER, "Seconds to authenticate";
        may "tls_timeout": NUMBER, "Seconds for the TLS handshake";
        may "tls_required": BOOL, "Whether TLS is a must";
        may "tls_verify": BOOL, "Whether the other side needs a certificate";
        may "remotes": Kind::List(&Kind::Object(&REMOTE_LEAF)), "Servers to which this one is a leaf node";
        may "tls_ocsp_peer_verify": BOOL, "Whether the state of certificates is asked for";
        may "write_deadline": SIGNED, "Nanoseconds that a write may take";
        may "write_timeout": RETRY, "What happens when it takes longer";
        may "tls_cert_not_after": TIME, "When the certificate ends";
    }

    MQTT OPEN "Clients that talk MQTT" {
        may "host": TEXT, "The address on which it listens";
        may "port": LENGTH, "The port on which it listens";
        may "no_auth_user": TEXT, "Who they are without credentials";
        may "auth_timeout": NUMBER, "Seconds to authenticate";
        may "tls_map": BOOL, "Whether their certificate says who they are";
        may "tls_timeout": NUMBER, "Seconds for the TLS handshake";
        may "tls_pinned_certs": TEXTS, "Digests of the certificates that are let in";
        may "js_domain": TEXT, "The JetStream domain that keeps their sessions";
        may "ack_wait": SIGNED, "Nanoseconds after which a message is sent again";
        may "max_ack_pending": LENGTH, "Messages that may be unacknowledged";
        may "tls_ocsp_peer_verify": BOOL, "Whether the state of certificates is asked for";
        may "tls_cert_not_after": TIME, "When the certificate ends";
    }

    WEBSOCKET OPEN "Clients that come by WebSocket" {
        may "host": TEXT, "The address on which it listens";
        may "port": LENGTH, "The port on which it listens";
        may "advertise": TEXT, "The address that clients are told";
        may "no_auth_user": TEXT, "Who they are without credentials";
        may "jwt_cookie": TEXT, "The cookie with their token";
        may "handshake_timeout": NUMBER, "Nanoseconds for the handshake";
        may "auth_timeout": NUMBER, "Seconds to authenticate";
        may "no_tls": BOOL, "Whether there is no TLS";
        may "tls_map": BOOL, "Whether their certificate says who they are";
        may "tls_pinned_certs": TEXTS, "Digests of the certificates that are let in";
        may "same_origin": BOOL, "Whether pages of other servers are refused";
        may "allowed_origins": TEXTS, "Pages of these are let in";
        may "compression": BOOL, "Whether messages are packed";
        may "tls_ocsp_peer_verify": BOOL, "Whether the state of certificates is asked for";
        may "tls_cert_not_after": TIME, "When the certificate ends";
    }

    JETSTREAM_CONFIG OPEN "How JetStream is configured" {
        may "max_memory": SIGNED, "Bytes in memory";
        may "max_storage": SIGNED, "Bytes in files";
        may "store_dir": TEXT, "The folder";
        may "sync_interval": SIGNED, "Nanoseconds after which files are synced";
        may "sync_always": BOOL, "Whether every write is synced";
        may "domain": TEXT, "Its domain";
        may "compress_ok": BOOL, "Whether streams may be packed";
        may "unique_tag": TEXT, "The tag by which copies are kept apart";
        may "strict": BOOL, "Whether requests with unknown fields are refused";
    }

    REQUESTS OPEN "Requests to the JetStream API" {
        may "level": LENGTH, "The level of the API";
        may "total": COUNT, "How many were answered";
        may "errors": COUNT, "How many of those by an error";
        may "inflight": COUNT, "How many are being worked on";
    }

    JETSTREAM_STATS OPEN "What JetStream uses" {
        may "memory": COUNT, "Bytes in memory";
        may "storage": COUNT, "Bytes in files";
        may "reserved_memory": COUNT, "Bytes in memory that streams have set aside";
        may "reserved_storage": COUNT, "Bytes in files that streams have set aside";
        may "accounts": LENGTH, "Accounts";
        may "ha_assets": LENGTH, "Groups of which this server is a member";
        may "api": Kind::Object(&REQUESTS), "Requests";
    }

    META_PEER OPEN "A member of the meta group" {
        must "name": TEXT, "The name of the server";
        must "current": BOOL, "Whether it has everything that the leader has";
        may "offline": BOOL, "Whether it is thought to be away";
        must "active": SIGNED, "Nanoseconds since it was last heard of";
        may "lag": COUNT, "How many operations it is behind";
        must "peer": TEXT, "Its id in the group";
    }

    META_SNAPSHOT OPEN "Snapshots of the meta group" {
        may "pending_entries": SIGNED, "Entries since the last";
        may "pending_size": SIGNED, "Their size";
        may "last_time": TIME, "When the last was taken";
        may "last_duration": SIGNED, "Nanoseconds that it took";
    }

    META OPEN "The meta group" {
        may "name": TEXT, "The cluster";
        may "leader": TEXT, "The server that leads";
        may "peer": TEXT, "Its id in the group";
        may "replicas": Kind::List(&Kind::Object(&META_PEER)), "The other members";
        must "cluster_size": LENGTH, "How many members there are";
        must "pending": LENGTH, "Entries that wait";
        may "pending_requests": LENGTH, "Requests that wait";
        may "pending_infos": LENGTH, "Requests for infos that wait";
        may "snapshot": Kind::Object(&META_SNAPSHOT), "Its snapshots";
    }

    JETSTREAM_LIMITS OPEN "Limits of JetStream" {
        may "max_request_batch": SIGNED, "Messages of one pull request";
        may "max_ack_pending": SIGNED, "Unacknowledged messages of one consumer";
        may "max_ha_assets": SIGNED, "Groups of which this server is a member";
        may "max_duplicate_window": SIGNED, "Nanoseconds that a Nats-Msg-Id is remembered";
        may "max_batch_inflight_per_stream": SIGNED, "Batches that one stream takes at once";
        may "max_batch_inflight_total": SIGNED, "Batches that all streams take at once";
        may "max_batch_size": SIGNED, "Messages of a batch";
        may "max_batch_timeout": SIGNED, "Nanoseconds that a batch may be silent";
    }

    JETSTREAM OPEN "JetStream" {
        may "config": Kind::Object(&JETSTREAM_CONFIG), "How it is configured";
        may "stats": Kind::Object(&JETSTREAM_STATS), "What it uses";
        may "meta": Kind::Object(&META), "The meta group";
        may "limits": Kind::Object(&JETSTREAM_LIMITS), "Its limits";
    }

    OCSP_CACHE OPEN "Known states of certificates" {
        may "cache_type": TEXT, "Where they are kept";
        may "cache_hits": LENGTH, "Questions that were answered by them";
        may "cache_misses": LENGTH, "Questions that were not";
        may "cached_responses": LENGTH, "How many there are";
        may "cached_revoked_responses": LENGTH, "Of revoked certificates";
        may "cached_good_responses": LENGTH, "Of good certificates";
        may "cached_unknown_responses": LENGTH, "Of unknown certificates";
    }

    BY_KIND OPEN "Connections by kind" {
        may "clients": COUNT, "Clients";
        may "routes": COUNT, "Routes";
        may "gateways": COUNT, "Gateways";
        may "leafs": COUNT, "Leaf nodes";
    }

    DISK_WAITS OPEN "Waiting for a turn at the disk" {
        may "waiters": LENGTH, "Who waits";
        may "waits": LENGTH, "How often it was waited";
        may "wait_time": LENGTH, "Nanoseconds in all";
        may "max_wait_time": LENGTH, "The longest of them";
    }

    PROXY OPEN "A proxy" {
        may "key": TEXT, "Its public key";
    }

    PROXIES OPEN "Proxies" {
        may "trusted": Kind::List(&Kind::Object(&PROXY)), "Those that are trusted";
    }

    VARZ OPEN "A server" {
        may "server_id": TEXT, "Its id";
        may "server_name": TEXT, "Its name";
        may "version": TEXT, "Its version";
        may "proto": LENGTH, "The level of the client protocol";
        may "git_commit": TEXT, "The commit it was built from";
        may "go": TEXT, "What it was built with";
        may "host": TEXT, "The address on which it listens";
        may "port": LENGTH, "The port on which it listens";
        may "auth_required": BOOL, "Whether clients authenticate";
        may "tls_required": BOOL, "Whether TLS is a must";
        may "tls_verify": BOOL, "Whether clients need a certificate";
        may "tls_ocsp_peer_verify": BOOL, "Whether the state of certificates is asked for";
        may "ip": TEXT, "Its address";
        may "connect_urls": TEXTS, "Where clients find the servers of the cluster";
        may "ws_connect_urls": TEXTS, "Where they find them by WebSocket";
        may "max_connections": SIGNED, "Connections at once";
        may "max_subscriptions": SIGNED, "Subscriptions of one connection";
        may "ping_interval": NUMBER, "Nanoseconds between pings";
        may "ping_max": LENGTH, "Pings that may stay without an answer";
        may "http_host": TEXT, "The address of these pages";
        may "http_port": SIGNED, "The port of these pages";
        may "http_base_path": TEXT, "What stands before their names";
        may "https_port": SIGNED, "The port of these pages by TLS";
        may "auth_timeout": NUMBER, "Seconds to authenticate";
        may "max_control_line": LENGTH, "Bytes of one line of the protocol";
        may "max_payload": LENGTH, "Bytes of one message";
        may "max_pending": LENGTH, "Bytes that may wait for one connection";
        may "cluster": Kind::Object(&CLUSTER), "Routes";
        may "gateway": Kind::Object(&GATEWAY), "Gateways";
        may "leaf": Kind::Object(&LEAF), "Leaf nodes";
        may "mqtt": Kind::Object(&MQTT), "MQTT";
        may "websocket": Kind::Object(&WEBSOCKET), "WebSocket";
        may "jetstream": Kind::Object(&JETSTREAM), "JetStream";
        may "tls_timeout": NUMBER, "Seconds for the TLS handshake";
        may "write_deadline": SIGNED, "Nanoseconds that a write may take";
        may "write_timeout": RETRY, "What happens when it takes longer";
        may "start": TIME, "When it started";
        may "now": TIME, "Its time";
        may "uptime": TEXT, "How long it has been running";
        may "mem": COUNT, "Bytes of memory that it uses";
        may "cores": LENGTH, "Processors of the machine";
        may "gomaxprocs": LENGTH, "Processors that it uses";
        may "gomemlimit": SIGNED, "Bytes of memory that it tries not to exceed";
        may "cpu": NUMBER, "Processors that it keeps busy, in percent of one";
        may "connections": LENGTH, "Clients";
        may "total_connections": COUNT, "Clients since it started";
        may "routes": LENGTH, "Routes";
        may "remotes": LENGTH, "Servers at their other ends";
        may "leafnodes": LENGTH, "Leaf nodes";
        may "in_msgs": LENGTH, "Messages that came";
        may "in_bytes": LENGTH, "Their size";
        may "in_client_msgs": LENGTH, "Messages that came from clients";
        may "in_client_bytes": LENGTH, "Their size";
        may "out_msgs": LENGTH, "Messages that went";
        may "out_bytes": LENGTH, "Their size";
        may "out_client_msgs": LENGTH, "Messages that went to clients";
        may "out_client_bytes": LENGTH, "Their size";
        may "slow_consumers": LENGTH, "Connections that were cut for being slow";
        may "stale_connections": LENGTH, "Connections that were cut for not answering";
        may "stalled_clients": LENGTH, "How often a publisher had to wait for receivers";
        may "subscriptions": LENGTH, "Subscriptions";
        may "http_req_stats": Kind::Map(&COUNT), "How often each of these pages was asked for";
        may "config_load_time": TIME, "When the configuration was read";
        may "config_digest": TEXT, "The digest of the configuration";
        may "tags": TEXTS, "Its tags";
        may "metadata": LABELS, "Names and values that its configuration gives";
        may "feature_flags": Kind::Map(&BOOL), "Features that are on or off";
        may "trusted_operators_jwt": TEXTS, "Tokens of its operators";
        may "trusted_operators_claim": Kind::List(&Kind::Map(&Kind::Anything)), "What those say";
        may "system_account": TEXT, "The system account";
        may "pinned_account_fails": COUNT, "Clients of accounts that are not let in";
        may "ocsp_peer_cache": Kind::Object(&OCSP_CACHE), "Known states of certificates";
        may "slow_consumer_stats": Kind::Object(&BY_KIND), "Connections that were cut for being slow";
        may "stale_connection_stats": Kind::Object(&BY_KIND), "Connections that were cut for not answering";
        may "disk_io_wait_stats": Kind::Object(&DISK_WAITS), "Waiting for a turn at the disk";
        may "proxies": Kind::Object(&PROXIES), "Proxies";
        may "tls_cert_not_after": TIME, "When the certificate ends";
    }
}

schemas! { MONITOR of "io.nats.server." {
    "monitor.v1.varz": Plain[VARZ], "What a server says about itself on /varz";
}}
