//! One request to somebody else's HTTP server, and its bounded answer: account servers, OCSP responders.
//!
//! Who may call: `account::resolver`, `ocsp`. Never happens here: redirects, connections kept for later, an answer without a bound.
//! No timeouts of its own: who asks knows how long the answer is worth waiting for. No locks.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why there is no answer: an address that is none, a connection that failed, an answer that is too long.
pub type HttpError = Box<dyn std::error::Error + Send + Sync>;

/// Asks servers, with these TLS settings for `https`.
#[derive(Clone)]
pub struct Client {
    tls: Arc<rustls::ClientConfig>,
}

impl Client {
    pub fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls }
    }

    /// `GET url`.
    ///
    /// # Errors
    /// See [`HttpError`]. A status that says no is an answer.
    pub async fn get(&self, url: &str, body_max: usize) -> Result<Response<Bytes>, HttpError> {
        self.send(url, Request::builder(), Bytes::new(), body_max)
            .await
    }

    /// Sends `request`, which has a method and headers, and whose address and host are filled in here, and reads at most `body_max` bytes of the answer.
    ///
    /// # Errors
    /// See [`HttpError`]. A status that says no is an answer.
    pub async fn send(
        &self,
        url: &str,
        request: hyper::http::request::Builder,
        body: Bytes,
        body_max: usize,
    ) -> Result<Response<Bytes>, HttpError> {
        let uri: Uri = url.parse()?;
        let host = uri.host().ok_or("the URL names no host")?.to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let authority = uri.authority().map_or("", |a| a.as_str());
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = request
            .uri(path)
            .header(HOST, authority.rsplit('@').next().unwrap_or_default())
            .body(Full::new(body))?;
        let name = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let tcp = TcpStream::connect((name.as_str(), port)).await?;
        if !secure {
            return over(tcp, request, body_max).await;
        }
        let name = ServerName::try_from(name)?;
        let tls = TlsConnector::from(self.tls.clone())
            .connect(name, tcp)
            .await?;
        over(tls, request, body_max).await
    }
}

async fn over<T>(
    stream: T,
    request: Request<Full<Bytes>>,
    body_max: usize,
) -> Result<Response<Bytes>, HttpError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this future, whichever way that ends.
    let mut connection =
        tokio::task::JoinSet::from_iter([async { connection.await.map_err(drop) }]);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, body_max).collect().await?.to_bytes();
    connection.abort_all();
    Ok(Response::from_parts(head, body))
}
