//! The JetStream API of the account that flags and context choose, with errors that say what to do next.

use std::ops::Deref;
use std::sync::Arc;

use nats_api::jetstream::reply::ReplyError;
use nats_api::jetstream::{ConsumerCreateResponse, ConsumerInfo, StreamInfo};
use nats_client::Client;
use nats_client::jetstream::object::ObjectError;
use nats_client::jetstream::{ConsumerList, JetStream, JetStreamError, StreamList};
use serde_json::Value;

use super::Document;
use crate::error::{CliError, Result};
use crate::globals::Globals;

/// The API. Everything that needs nothing but an answer is done with the client's own [`JetStream`], which this is.
#[derive(Debug, Clone)]
pub struct Api {
    js: JetStream,
}

impl Deref for Api {
    type Target = JetStream;

    fn deref(&self) -> &JetStream {
        &self.js
    }
}

impl Api {
    /// Connects, and finds the API where flags and context say that it is.
    pub async fn connect(globals: &Globals) -> Result<Self> {
        Self::over(globals, globals.connect().await?)
    }

    /// The same over a connection that is there already.
    pub fn over(globals: &Globals, client: Client) -> Result<Self> {
        let settings = &globals.context()?.settings;
        let js = if !settings.jetstream_api_prefix.is_empty() {
            JetStream::with_prefix(client, &settings.jetstream_api_prefix)
        } else if !settings.jetstream_domain.is_empty() {
            JetStream::with_domain(client, &settings.jetstream_domain)
        } else {
            JetStream::new(client)
        };
        let js = js.timeout(globals.timeout());
        let js = if globals.trace() {
            js.trace(Arc::new(trace))
        } else {
            js
        };
        Ok(Self { js })
    }

    /// An error when the server speaks an older API than `level`.
    pub async fn require_level(&self, level: i32, what: &str) -> Result {
        let info = self.account_info().await?;
        if info.api.level >= level {
            return Ok(());
        }
        Err(CliError::new(format!(
            "{what} needs API level {level}, this server has {}",
            info.api.level
        )))
    }

    /// `None` when there is no such stream.
    pub async fn find_stream(&self, name: &str) -> Result<Option<StreamInfo>> {
        found(self.stream_info(name).await)
    }

    pub async fn stream(&self, name: &str) -> Result<StreamInfo> {
        let found = self.find_stream(name).await?;
        found.ok_or_else(|| no_stream(name))
    }

    /// The configuration of a stream as the server sent it, with fields that this program does not know.
    pub async fn stream_document(&self, name: &str) -> Result<Document> {
        let _: StreamInfo = self.stream(name).await?;
        let answer = self.raw(self.api().stream_info(name)).await?;
        Document::from_json(&answer.to_string())
    }

    /// The same of a consumer.
    pub async fn consumer_document(&self, stream: &str, name: &str) -> Result<Document> {
        let _: ConsumerInfo = self.consumer(stream, name).await?;
        let answer = self.raw(self.api().consumer_info(stream, name)).await?;
        Document::from_json(&answer.to_string())
    }

    /// Makes or changes a consumer from a document, whatever fields it has. `action` is `create` or `update`.
    pub async fn put_consumer(
        &self,
        stream: &str,
        name: &str,
        config: &Document,
        action: &str,
    ) -> Result<ConsumerInfo> {
        let filter = config.text("filter_subject");
        let api = self.api();
        let subject = match (name, filter) {
            ("", _) => api.consumer_create_unnamed(stream),
            (name, "") => api.consumer_create(stream, name),
            (name, filter) => api.consumer_create_filtered(stream, name, filter),
        };
        let request = serde_json::json!({
            "stream_name": stream,
            "config": config,
            "action": action,
        });
        let answer: ConsumerCreateResponse = self.request_json(subject, &request).await?;
        Ok(answer.info)
    }

    async fn raw(&self, subject: String) -> Result<Value> {
        let timeout = self.request_timeout();
        let answer = self.client().request(&subject, None, b"", timeout).await?;
        Ok(serde_json::from_slice(answer.payload())?)
    }

    /// Names of the streams that take `subject`, sorted; of all when it is empty.
    pub async fn names(&self, subject: &str) -> Result<Vec<String>> {
        let mut names = self.stream_names(given(subject)).await?;
        names.sort();
        Ok(names)
    }

    /// The streams that take `subject`; all when it is empty.
    pub async fn list(&self, subject: &str) -> Result<StreamList> {
        let mut list = self.streams(given(subject)).await?;
        list.missing.sort();
        Ok(list)
    }

    /// `None` when there is no such consumer.
    pub async fn find_consumer(&self, stream: &str, name: &str) -> Result<Option<ConsumerInfo>> {
        found(self.consumer_info(stream, name).await)
    }

    pub async fn consumer(&self, stream: &str, name: &str) -> Result<ConsumerInfo> {
        let found = self.find_consumer(stream, name).await?;
        found.ok_or_else(|| {
            CliError::new(format!("consumer {stream} > {name} was not found"))
                .next_step(format!("see which there are: nats consumer ls {stream}"))
        })
    }

    /// The consumers of a stream, by name.
    pub async fn consumers_of(&self, stream: &str) -> Result<ConsumerList> {
        let mut list = self
            .consumers(stream)
            .await
            .map_err(|e| missing_stream(e, stream))?;
        list.consumers.sort_by(|a, b| a.name.cmp(&b.name));
        list.missing.sort();
        Ok(list)
    }

    /// The names of the consumers of a stream, sorted.
    pub async fn consumer_names_of(&self, stream: &str) -> Result<Vec<String>> {
        let names = self.consumer_names(stream).await;
        let mut names = names.map_err(|e| missing_stream(e, stream))?;
        names.sort();
        Ok(names)
    }
}

fn no_stream(name: &str) -> CliError {
    CliError::new(format!("stream {name:?} was not found"))
        .next_step("see which there are: nats stream ls --all")
}

fn missing_stream(error: JetStreamError, stream: &str) -> CliError {
    if error.is_not_found() {
        no_stream(stream)
    } else {
        error.into()
    }
}

fn given(subject: &str) -> Option<&str> {
    (!subject.is_empty()).then_some(subject)
}

fn found<T>(answer: std::result::Result<T, JetStreamError>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn trace(subject: &str, body: &[u8], answer: Option<&[u8]>) {
    log_line!(">>> {subject}: {}", String::from_utf8_lossy(body));
    match answer {
        Some(answer) => log_line!("<<< {subject}: {}", String::from_utf8_lossy(answer)),
        None => log_line!("<<< {subject}: no answer"),
    }
}

/// What JetStream refused, or why it could not be asked.
impl From<JetStreamError> for CliError {
    fn from(error: JetStreamError) -> Self {
        use crate::error::Exit;
        let text = error.to_string();
        match error {
            JetStreamError::NotEnabled { .. } => {
                CliError::new("JetStream is not enabled on this server or for this account")
                    .with_exit(Exit::NoResponders)
                    .next_step(
                        "start the server with -js, or name another --context or --js-domain",
                    )
            }
            JetStreamError::Request(error) => error.into(),
            JetStreamError::Api(error) if error.err_code != 0 => {
                let hint = format!("more about it: nats errors lookup {}", error.err_code);
                CliError::new(text).next_step(hint)
            }
            _ => CliError::new(text),
        }
    }
}

impl From<ObjectError> for CliError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::JetStream(error) => error.into(),
            ObjectError::Io(error) => error.into(),
            other => CliError::new(other.to_string()),
        }
    }
}

impl From<ReplyError> for CliError {
    fn from(error: ReplyError) -> Self {
        JetStreamError::from(error).into()
    }
}
