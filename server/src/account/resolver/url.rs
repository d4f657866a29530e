//! `GET <url><account>`: an account server, such as a web server with files.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use nats_jwt::claims::TOKEN_LEN_MAX;

use super::{FetchError, Resolver, StoreError};
use crate::http::{Client, HttpError};

/// How long a lookup may take when nothing is configured.
const TIMEOUT: Duration = Duration::from_millis(1900);
/// A token with blanks around it.
const BODY_LEN_MAX: usize = TOKEN_LEN_MAX + 1024;

/// An account server.
pub struct Url {
    base: String,
    timeout: Duration,
    client: Client,
    runtime: tokio::runtime::Handle,
}

impl Url {
    /// `tls` is for `https`; requests run on `runtime`, so [`Resolver::fetch`] must not be called on one of its own threads.
    pub fn new(
        base: &str,
        timeout: Option<Duration>,
        tls: Arc<rustls::ClientConfig>,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        let base = match base.ends_with('/') {
            true => base.to_owned(),
            false => format!("{base}/"),
        };
        Self {
            base,
            timeout: timeout.unwrap_or(TIMEOUT),
            client: Client::new(tls),
            runtime,
        }
    }

    async fn get(&self, url: &str) -> Result<String, HttpError> {
        let response = self.client.get(url, BODY_LEN_MAX).await?;
        if response.status() != StatusCode::OK {
            return Err(response.status().to_string().into());
        }
        let text = String::from_utf8(response.into_body().to_vec())?;
        Ok(text.trim().to_owned())
    }
}

impl Resolver for Url {
    fn fetch(&self, account: &str) -> Result<String, FetchError> {
        let url = format!("{}{account}", self.base);
        let limited = async { tokio::time::timeout(self.timeout, self.get(&url)).await };
        match self.runtime.block_on(limited) {
            Err(_) => Err(FetchError::TimedOut),
            Ok(Err(error)) => Err(FetchError::Http {
                reason: error.to_string(),
                url,
            }),
            Ok(Ok(token)) => Ok(token),
        }
    }

    fn store(&self, _: &str, _: &str) -> Result<bool, StoreError> {
        Err(StoreError::ReadOnly)
    }
}
