//! The nats-py client from its package registry against the server under test.

use nats_interop::peer::Peer;
use nats_interop::scenario;

#[test]
fn logs_in_with_every_form_of_credentials() {
    if let Some(peer) = Peer::python("nats-py: logins") {
        scenario::log_in_with_every_form(&peer);
    }
}

#[test]
fn exchanges_messages() {
    if let Some(peer) = Peer::python("nats-py: messages") {
        scenario::exchange_messages(&peer);
    }
}

#[test]
fn survives_a_restart_of_the_server() {
    if let Some(peer) = Peer::python("nats-py: restart") {
        scenario::survive_a_restart(&peer);
    }
}

#[test]
fn stores_things() {
    if let Some(peer) = Peer::python("nats-py: streams, buckets and objects") {
        scenario::store_things(&peer);
    }
}

#[test]
fn finds_stored_things_after_a_kill() {
    if let Some(peer) = Peer::python("nats-py: streams after a kill") {
        scenario::find_stored_things_after_a_kill(&peer);
    }
}
