//! The HTTP shell: accepts connections, reads requests, writes pages.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::{Page, Pages};
use crate::limits;
use crate::ocsp::PeerCheck;

/// Gives the TLS settings for the next connection, so that a reload takes effect.
pub type TlsSource = Arc<dyn Fn() -> PagesTls + Send + Sync>;

/// The TLS settings of a connection to the pages.
#[derive(Clone)]
pub struct PagesTls {
    pub config: Arc<rustls::ServerConfig>,
    /// Whether readers' certificates are still good, if they are asked for any.
    pub peers: Option<Arc<PeerCheck>>,
}

/// A listening socket of the monitoring pages.
pub struct Listener {
    pub tcp: TcpListener,
    /// With TLS, or plain.
    pub tls: Option<TlsSource>,
    /// How long a TLS handshake may take.
    pub tls_timeout: Duration,
}

/// Serves the pages until `stop` says true (or its sender is gone). Open requests are cut off then.
pub async fn serve(listener: Listener, pages: Arc<Pages>, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(limits::MONITOR_CONNECTIONS_MAX));
    let listener = Arc::new(listener);
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.tcp.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!("monitoring: accept failed: {error}");
                tokio::time::sleep(limits::MONITOR_ACCEPT_PAUSE).await;
                continue;
            }
        };
        // No slot, no service: whoever opens that many connections does not get the rest of the server, too.
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            continue;
        };
        let (listener, pages) = (listener.clone(), pages.clone());
        connections.spawn(async move {
            connection(&listener, stream, peer, pages).await;
            drop(slot);
        });
    }
}

async fn connection(listener: &Listener, stream: TcpStream, peer: SocketAddr, pages: Arc<Pages>) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = &listener.tls else {
        return requests(stream, peer, pages).await;
    };
    let tls = tls();
    let handshake = TlsAcceptor::from(tls.config).accept(stream);
    match tokio::time::timeout(listener.tls_timeout, handshake).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates();
            let shown = shown.map(<[_]>::to_vec).unwrap_or_default();
            match &tls.peers {
                Some(peers) if !peers.check(&shown).await.good => {
                    tracing::debug!("monitoring: certificate of {peer} is not OCSP valid");
                }
                _ => requests(stream, peer, pages).await,
            }
        }
        Ok(Err(error)) => tracing::debug!("monitoring: TLS handshake with {peer} failed: {error}"),
        Err(_) => tracing::debug!("monitoring: TLS handshake with {peer} took too long"),
    }
}

async fn requests<S>(stream: S, peer: SocketAddr, pages: Arc<Pages>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| respond(pages.clone(), request));
    let served = hyper::server::conn::http1::Builder::new()
        .title_case_headers(true)
        .timer(TokioTimer::new())
        .header_read_timeout(limits::MONITOR_HEADER_TIMEOUT)
        .max_buf_size(limits::MONITOR_HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!("monitoring: {peer}: {error}");
    }
}

async fn respond(
    pages: Arc<Pages>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let head = request.method() == Method::HEAD;
    let uri = request.uri().clone();
    // A page over many connections takes milliseconds to build; the tasks that carry messages must not wait for it.
    let built = tokio::task::spawn_blocking(move || {
        pages.answer(uri.path(), uri.query().unwrap_or_default())
    });
    let page = built
        .await
        .unwrap_or_else(|_| Page::refused(500, "Internal server error\n"));
    Ok(response(page, head))
}

fn response(page: Page, head: bool) -> Response<Full<Bytes>> {
    let mut builder = Response::builder()
        .status(page.status)
        .header("Content-Type", page.content_type)
        .header("Content-Length", page.body.len());
    if page.shared {
        builder = builder.header("Access-Control-Allow-Origin", "*");
    } else {
        builder = builder.header("X-Content-Type-Options", "nosniff");
    }
    let body = if head {
        Bytes::new()
    } else {
        Bytes::from(page.body)
    };
    builder.body(Full::new(body)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::fake::FakeServer;
    use crate::system::process::Process;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Sends one request on a connection of its own and returns the head and the body of the answer.
    async fn ask(addr: SocketAddr, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn pages_are_served_until_the_server_stops() {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = tcp.local_addr().unwrap();
        let listener = Listener {
            tcp,
            tls: None,
            tls_timeout: Duration::from_secs(1),
        };
        let pages = Arc::new(Pages::new(
            Arc::new(FakeServer::new()),
            Arc::new(Process::new()),
        ));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve(listener, pages, stopped));

        let (head, body) = ask(addr, "GET /connz?auth=1").await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
        assert!(body.contains("\"authorized_user\": \"alice\""), "{body}");

        let (head, body_of_head) = ask(addr, "HEAD /connz?auth=1").await;
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{head}"
        );
        assert_eq!(body_of_head, "");

        let (head, body) = ask(addr, "GET /connz?auth=x").await;
        assert!(head.starts_with("http/1.1 400"), "{head}");
        assert!(!head.contains("access-control"), "{head}");
        assert!(
            body.starts_with("Error decoding boolean for 'auth'"),
            "{body}"
        );

        stop.send(true).unwrap();
        server.await.unwrap();
    }
}
