//! The pages of what this build does not have: routes, gateways, leaf nodes. They answer as a server on which
//! these are switched off.

use nats_api::monitor::{Gatewayz, Ipqueuesz, Leafz, Routez};

use super::view::View;

pub fn routez(view: &dyn View) -> Routez {
    let facts = view.facts();
    Routez {
        server_id: facts.id.clone(),
        server_name: facts.name.clone(),
        now: view.now(),
        ..Routez::default()
    }
}

pub fn gatewayz(view: &dyn View) -> Gatewayz {
    Gatewayz {
        server_id: view.facts().id.clone(),
        now: view.now(),
        ..Gatewayz::default()
    }
}

pub fn leafz(view: &dyn View) -> Leafz {
    Leafz {
        server_id: view.facts().id.clone(),
        now: view.now(),
        ..Leafz::default()
    }
}

/// Queues between the server's own tasks. This build has none that wait: what a connection publishes is delivered at once.
pub fn ipqueuesz() -> Ipqueuesz {
    Ipqueuesz::new()
}
