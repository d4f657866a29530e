//! Micro services (ADR-32): finding those that are there, and being one.
//!
//! What lives here: discovery ([`ping`], [`info`], [`stats`]) and the service framework ([`Service`]). Who may call:
//! programs. What never happens here: a request without an answer, unless its handler says so. Locks: one per endpoint
//! for its statistics, held for a few additions.
//!
//! ```no_run
//! # async fn example(client: nats_client::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use nats_client::micro::{Reply, Service, ServiceConfig};
//! let service = Service::start(&client, ServiceConfig::new("adder", "1.0.0")).await?;
//! service
//!     .endpoint("echo", |request| async move { Ok(Reply::new(request.payload_bytes())) })
//!     .await?;
//! // … later
//! service.stop().await?;
//! # Ok(()) }
//! ```
//!
//! Source: ADR-32; documents in `nats_api::micro`. Where to start reading: [`Service`].

mod endpoint;
mod service;

use std::time::Duration;

use nats_api::micro as api;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::system::{self, Answer, Gather, SystemError};

pub use endpoint::{Endpoint, EndpointConfig, Group, Reply, ServiceError};
pub use service::{Service, ServiceConfig, StartError};

/// Which services are asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target<'a> {
    /// All services when there is no name.
    pub name: Option<&'a str>,
    /// One instance; needs the name.
    pub id: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Every instance of a service.
    pub fn named(name: &'a str) -> Self {
        Self {
            name: Some(name),
            id: None,
        }
    }
}

/// Which instances are there. Nobody is an empty list.
///
/// # Errors
/// As [`system::gather`], except that nobody listening is no error.
pub async fn ping(
    client: &Client,
    target: Target<'_>,
    gather: Gather,
) -> Result<Vec<Answer<api::Ping>>, SystemError> {
    ask(client, "PING", target, gather).await
}

/// What the instances say about themselves.
///
/// # Errors
/// As [`ping`].
pub async fn info(
    client: &Client,
    target: Target<'_>,
    gather: Gather,
) -> Result<Vec<Answer<api::Info>>, SystemError> {
    ask(client, "INFO", target, gather).await
}

/// What the instances have done.
///
/// # Errors
/// As [`ping`].
pub async fn stats(
    client: &Client,
    target: Target<'_>,
    gather: Gather,
) -> Result<Vec<Answer<api::Stats>>, SystemError> {
    ask(client, "STATS", target, gather).await
}

async fn ask<T: DeserializeOwned>(
    client: &Client,
    verb: &str,
    target: Target<'_>,
    gather: Gather,
) -> Result<Vec<Answer<T>>, SystemError> {
    let subject = api::subject(verb, target.name, target.id);
    match system::gather(client, &subject, &(), gather).await {
        Err(SystemError::NoResponders { .. }) => Ok(Vec::new()),
        other => other,
    }
}

/// A [`Gather`] for services that may be far away: they have `timeout` for the first answer and 500 ms after each.
pub fn patient(timeout: Duration) -> Gather {
    Gather {
        silence: Duration::from_millis(500),
        timeout,
        ..Gather::default()
    }
}
