//! A service: its identity, its endpoints, its answers to discovery.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use nats_api::micro as api;
use nats_api::time::Timestamp;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::endpoint::{Endpoint, EndpointConfig, Group, Reply, ServiceError};
use crate::client::Client;
use crate::error::{FlushError, SubscribeError};
use crate::message::Message;
use crate::subscription::{HandlerSubscription, SubscribeOptions};

/// Discovery requests that may wait for the service's task.
const DISCOVERY_WAITING: usize = 1024;

/// What a service is.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// Semantic version.
    pub version: String,
    pub description: String,
    pub metadata: BTreeMap<String, String>,
    /// Of endpoints that name none. `q` by default; `None` lets every instance answer every request.
    pub queue_group: Option<String>,
}

impl ServiceConfig {
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            description: String::new(),
            metadata: BTreeMap::new(),
            queue_group: Some(api::DEFAULT_QUEUE_GROUP.to_owned()),
        }
    }

    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    pub fn queue_group(mut self, queue_group: impl Into<Option<String>>) -> Self {
        self.queue_group = queue_group.into();
        self
    }
}

/// Why a service or endpoint was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error("{what} {value:?}: only letters, digits, '-' and '_' are allowed")]
    Name { what: &'static str, value: String },
    #[error("version {0:?} is not a semantic version such as 1.0.0")]
    Version(String),
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
}

/// A running service. Dropping it without [`Service::stop`] stops it as well, but requests under way are lost.
pub struct Service {
    shared: Arc<Shared>,
    client: Client,
    /// Discovery subjects; they end when the service is dropped.
    discovery: Mutex<Vec<HandlerSubscription>>,
}

struct Shared {
    config: ServiceConfig,
    id: String,
    started: Timestamp,
    endpoints: Mutex<Vec<Endpoint>>,
}

#[derive(Clone, Copy)]
enum Verb {
    Ping,
    Info,
    Stats,
}

impl Verb {
    const ALL: [Self; 3] = [Self::Ping, Self::Info, Self::Stats];

    fn name(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Info => "INFO",
            Self::Stats => "STATS",
        }
    }
}

impl Service {
    /// Starts a service without endpoints. It can be discovered as soon as the server has its subscriptions, surely after
    /// [`Client::flush`].
    ///
    /// # Errors
    /// A bad name or version, or a client that is closed.
    pub async fn start(client: &Client, config: ServiceConfig) -> Result<Self, StartError> {
        check_name("service name", &config.name)?;
        check_version(&config.version)?;
        let shared = Arc::new(Shared {
            id: nats_proto::nuid::next().to_string(),
            started: now(),
            endpoints: Mutex::default(),
            config,
        });
        let (sender, receiver) = mpsc::channel(DISCOVERY_WAITING);
        let service = Self {
            client: client.clone(),
            discovery: Mutex::default(),
            shared,
        };
        service.listen(&sender).await?;
        // The task ends with the last sender, which lives in the subscriptions.
        tokio::spawn(answer_discovery(
            client.clone(),
            Arc::clone(&service.shared),
            receiver,
        ));
        Ok(service)
    }

    /// Listens for each verb on the subjects of all services, of this name and of this instance.
    async fn listen(&self, sender: &mpsc::Sender<(Verb, Message)>) -> Result<(), StartError> {
        let name = self.shared.config.name.as_str();
        let id = self.shared.id.as_str();
        for verb in Verb::ALL {
            for (name, id) in [(None, None), (Some(name), None), (Some(name), Some(id))] {
                let sender = sender.clone();
                let subject = api::subject(verb.name(), name, id);
                let subscription = self
                    .client
                    .subscribe_handler(&subject, SubscribeOptions::default(), move |batch| {
                        for request in batch {
                            // Over the bound the asker hears nothing, which is what an overloaded service sounds like.
                            let _ = sender.try_send((verb, request.clone()));
                        }
                    })
                    .await?;
                self.discovery.lock().push(subscription);
            }
        }
        Ok(())
    }

    /// Adds an endpoint that listens on its name. The handler's future runs on a task of the endpoint.
    ///
    /// # Errors
    /// A bad name, or a client that is closed.
    pub async fn endpoint<F>(
        &self,
        name: &str,
        handler: impl Fn(Message) -> F + Send + Sync + 'static,
    ) -> Result<Endpoint, StartError>
    where
        F: Future<Output = Result<Reply, ServiceError>> + Send + 'static,
    {
        Group::new(self, "").endpoint(name, handler).await
    }

    /// Adds an endpoint with settings of its own.
    ///
    /// # Errors
    /// As [`Service::endpoint`], and a bad subject.
    pub async fn endpoint_with<F>(
        &self,
        name: &str,
        config: EndpointConfig,
        handler: impl Fn(Message) -> F + Send + Sync + 'static,
    ) -> Result<Endpoint, StartError>
    where
        F: Future<Output = Result<Reply, ServiceError>> + Send + 'static,
    {
        Group::new(self, "")
            .endpoint_with(name, config, handler)
            .await
    }

    /// Endpoints below a common prefix.
    pub fn group(&self, prefix: impl Into<String>) -> Group<'_> {
        Group::new(self, prefix)
    }

    /// Id of this instance.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    pub fn info(&self) -> api::Info {
        self.shared.info()
    }

    pub fn stats(&self) -> api::Stats {
        self.shared.stats()
    }

    /// Sets the statistics of all endpoints to zero.
    pub fn reset(&self) {
        for endpoint in self.shared.endpoints.lock().iter() {
            endpoint.reset();
        }
    }

    /// Stops listening. Requests that have come are still answered by the tasks of the endpoints.
    ///
    /// # Errors
    /// When the server does not confirm in time.
    pub async fn stop(self) -> Result<(), FlushError> {
        self.stop_endpoints();
        self.discovery.lock().clear();
        self.client.flush().await
    }

    fn stop_endpoints(&self) {
        for endpoint in self.shared.endpoints.lock().drain(..) {
            endpoint.stop();
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn default_queue_group(&self) -> Option<String> {
        self.shared.config.queue_group.clone()
    }

    pub(super) fn add(&self, endpoint: Endpoint) {
        self.shared.endpoints.lock().push(endpoint);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop_endpoints();
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.shared.config.name)
            .field("id", &self.shared.id)
            .finish_non_exhaustive()
    }
}

async fn answer_discovery(
    client: Client,
    shared: Arc<Shared>,
    mut requests: mpsc::Receiver<(Verb, Message)>,
) {
    while let Some((verb, request)) = requests.recv().await {
        let document = match verb {
            Verb::Ping => serde_json::to_vec(&shared.ping()),
            Verb::Info => serde_json::to_vec(&shared.info()),
            Verb::Stats => serde_json::to_vec(&shared.stats()),
        };
        let answered = match document {
            Ok(document) if request.reply().is_some() => client.respond(&request, document).await,
            _ => Ok(()),
        };
        if let Err(error) = answered {
            tracing::debug!(target: "nats_client", "answer to discovery: {error}");
        }
    }
}

impl Shared {
    fn ping(&self) -> api::Ping {
        api::Ping {
            name: self.config.name.clone(),
            id: self.id.clone(),
            version: self.config.version.clone(),
            metadata: self.config.metadata.clone(),
            response_type: api::PING_TYPE.to_owned(),
        }
    }

    fn info(&self) -> api::Info {
        api::Info {
            name: self.config.name.clone(),
            id: self.id.clone(),
            version: self.config.version.clone(),
            metadata: self.config.metadata.clone(),
            response_type: api::INFO_TYPE.to_owned(),
            description: self.config.description.clone(),
            endpoints: self.endpoints.lock().iter().map(Endpoint::info).collect(),
        }
    }

    fn stats(&self) -> api::Stats {
        api::Stats {
            name: self.config.name.clone(),
            id: self.id.clone(),
            version: self.config.version.clone(),
            metadata: self.config.metadata.clone(),
            response_type: api::STATS_TYPE.to_owned(),
            started: self.started,
            endpoints: self.endpoints.lock().iter().map(Endpoint::stats).collect(),
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_nanos(i128::try_from(since.as_nanos()).unwrap_or_default())
}

pub(super) fn check_name(what: &'static str, value: &str) -> Result<(), StartError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if value.is_empty() || !value.bytes().all(allowed) {
        let value = value.to_owned();
        return Err(StartError::Name { what, value });
    }
    Ok(())
}

/// Semantic version 2: three numbers, an optional pre-release behind `-`, optional build data behind `+`.
fn check_version(version: &str) -> Result<(), StartError> {
    let wrong = || StartError::Version(version.to_owned());
    let (rest, build) = match version.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (version, None),
    };
    let (core, pre) = match rest.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (rest, None),
    };
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        digits && (part == "0" || !part.starts_with('0'))
    };
    let identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let pre_part = |part: &str| {
        identifier(part) && (!part.bytes().all(|b| b.is_ascii_digit()) || number(part))
    };
    let core_good = core.split('.').count() == 3 && core.split('.').all(number);
    let pre_good = pre.is_none_or(|pre| pre.split('.').all(pre_part));
    let build_good = build.is_none_or(|build| build.split('.').all(identifier));
    if core_good && pre_good && build_good {
        Ok(())
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_semantic() {
        for good in [
            "0.0.0",
            "1.2.3",
            "10.20.30-rc.1",
            "1.0.0-x-y.7+build.007",
            "1.0.0+a",
        ] {
            assert_eq!(check_version(good), Ok(()), "{good}");
        }
        for bad in [
            "", "1", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "v1.2.3", "1.2.3.4",
        ] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_cannot_break_a_subject() {
        assert_eq!(check_name("x", "Abc-1_2"), Ok(()));
        for bad in ["", "a.b", "a b", "a*", ">", "ä"] {
            assert!(check_name("x", bad).is_err(), "{bad}");
        }
    }
}
