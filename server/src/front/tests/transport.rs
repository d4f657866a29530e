//! A TLS stream as the shell uses it.

use std::future::poll_fn;
use std::io::IoSlice;
use std::task::Poll;

use tokio::io::{AsyncReadExt as _, duplex};

use super::super::transport::{Stream, Transport as _};
use super::*;

#[tokio::test]
async fn what_a_full_socket_left_inside_the_tls_stream_leaves_with_a_flush() {
    const ALL: usize = 20_000;
    let ca = Authority::new();
    let tls = policy(&block(&ca.issue("localhost")));
    let (near, far) = duplex(4096);
    let acceptor = tokio_rustls::TlsAcceptor::from(tls.config());
    let tls_client = TlsClient::new(&ca);
    let (server, client) =
        tokio::join!(acceptor.accept(far), tls_client.connect("localhost", near));
    let (mut server, mut client) = (
        Stream::new(server.expect("shaken")),
        client.expect("shaken"),
    );

    // Everything is taken at once, and most of it cannot have left.
    let bytes = [b'x'; ALL];
    let mut taken = 0;
    poll_fn(|cx| {
        while taken < ALL {
            match server.poll_write(cx, &[IoSlice::new(&bytes[taken..])]) {
                Poll::Ready(n) => taken += n.expect("written"),
                Poll::Pending => break,
            }
        }
        Poll::Ready(())
    })
    .await;
    assert_eq!(taken, ALL);
    let blocked = poll_fn(|cx| Poll::Ready(server.poll_flush(cx).is_pending())).await;
    assert!(blocked, "most of it cannot have left");

    let mut got = vec![0; ALL];
    let flush = poll_fn(|cx| server.poll_flush(cx));
    let (flushed, read) = tokio::join!(flush, client.read_exact(&mut got));
    flushed.expect("flushed");
    read.expect("read");
    assert!(got.iter().all(|b| *b == b'x'));
    let idle = poll_fn(|cx| Poll::Ready(server.poll_flush(cx).is_ready())).await;
    assert!(idle, "nothing is held back any more");
}
