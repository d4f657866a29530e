//! `GET <url><account>`: an account server, such as a web server with files.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use nats_jwt::claims::TOKEN_LEN_MAX;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{FetchError, Resolver, StoreError};

/// How long a lookup may take when nothing is configured.
const TIMEOUT: Duration = Duration::from_millis(1900);
/// A token with blanks around it.
const BODY_LEN_MAX: usize = TOKEN_LEN_MAX + 1024;

/// An account server.
pub struct Url {
    base: String,
    timeout: Duration,
    tls: Arc<rustls::ClientConfig>,
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
            tls,
            runtime,
        }
    }

    async fn get(&self, url: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let uri: Uri = url.parse()?;
        let host = uri.host().ok_or("the URL names no host")?.to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let name = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let tcp = TcpStream::connect((name.as_str(), port)).await?;
        if !secure {
            return over(tcp, &uri).await;
        }
        let name = ServerName::try_from(name)?;
        let tls = TlsConnector::from(self.tls.clone())
            .connect(name, tcp)
            .await?;
        over(tls, &uri).await
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

/// One request and its answer.
async fn over<T>(stream: T, uri: &Uri) -> Result<String, Box<dyn std::error::Error + Send + Sync>>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let authority = uri.authority().map_or("", |a| a.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, host)
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await;
    let read = async {
        let response = response?;
        if response.status() != StatusCode::OK {
            return Err(response.status().to_string().into());
        }
        let body = Limited::new(response.into_body(), BODY_LEN_MAX)
            .collect()
            .await?;
        let text = String::from_utf8(body.to_bytes().to_vec())?;
        Ok(text.trim().to_owned())
    };
    let read = read.await;
    connection.abort();
    read
}
