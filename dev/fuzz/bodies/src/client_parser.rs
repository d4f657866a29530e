//! What clients send: the same operations come out however the bytes arrive.

use nats_proto::client_op::{ClientOp, Limits, ParseError, Step, parse};

/// Small, so that the fuzzer reaches them.
const LIMITS: Limits = Limits {
    max_control_line: 128,
    max_payload: Some(64),
    headers: true,
};

/// What was read, written down one after the other so that it outlives the buffer.
type Outcome = (Vec<u8>, Option<ParseError>);

pub fn check(data: &[u8]) {
    check_stream(data);
    let mut connected = b"CONNECT {}\r\n".to_vec();
    connected.extend_from_slice(data);
    check_stream(&connected);
}

fn check_stream(data: &[u8]) {
    let whole = read(data, data.len().max(1));
    for chunk in [1, 2, 5] {
        assert_eq!(read(data, chunk), whole, "in pieces of {chunk} bytes");
    }
    // Pieces of one byte look at every prefix already; two parts look at every prefix with all the rest behind it.
    if data.len() <= 24 {
        for at in 0..data.len() {
            assert_eq!(read_two(data, at), whole, "split at {at}");
        }
    }
}

/// Reads as a connection does: append what arrived, take operations off the front, keep the rest.
fn read(data: &[u8], chunk: usize) -> Outcome {
    read_parts(data.chunks(chunk))
}

fn read_two(data: &[u8], at: usize) -> Outcome {
    let (left, right) = data.split_at(at);
    read_parts([left, right].into_iter())
}

fn read_parts<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut buffer = Vec::new();
    let mut ops = Vec::new();
    // An operation whose length is known need not be looked at before it is there.
    let mut awaited = 0;
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        buffer.extend_from_slice(part);
        // At the end everything is looked at, or an error in the last bytes would be seen or not by chance.
        if buffer.len() < awaited && parts.peek().is_some() {
            continue;
        }
        let mut start = 0;
        loop {
            let rest = &buffer[start..];
            match parse(rest, &LIMITS) {
                Ok(Step::Op(op, used)) => {
                    assert!(used > 0 && used <= rest.len());
                    judge(&op, &rest[..used]);
                    write_down(&op, &mut ops);
                    start += used;
                    awaited = 0;
                }
                Ok(Step::Incomplete { known_len }) => {
                    if let Some(len) = known_len {
                        assert!(len > rest.len(), "{len} bytes are there already");
                        awaited = len;
                    }
                    break;
                }
                Err(error) => return (ops, Some(error)),
            }
        }
        buffer.drain(..start);
    }
    (ops, None)
}

fn write_down(op: &ClientOp<'_>, out: &mut Vec<u8>) {
    let mut fields = |name: &[u8], fields: &[&[u8]]| {
        out.extend_from_slice(name);
        for field in fields {
            out.extend_from_slice(&field.len().to_le_bytes());
            out.extend_from_slice(field);
        }
    };
    let present = |field: Option<&[u8]>| if field.is_some() { b"y" } else { b"n" };
    match op {
        ClientOp::Publish(p) => {
            let len = p.header_len.map_or([0xff; 8], usize::to_le_bytes);
            let (reply, verbatim) = (p.reply.unwrap_or_default(), p.verbatim.unwrap_or_default());
            let flags = [present(p.reply), present(p.verbatim)];
            let (reply_flag, verbatim_flag) = (&flags[0][..], &flags[1][..]);
            fields(b"PUB", &[p.subject, reply, p.payload, verbatim, p.args]);
            fields(b"", &[&len, reply_flag, verbatim_flag]);
        }
        ClientOp::Subscribe {
            subject,
            queue,
            sid,
        } => {
            fields(
                b"SUB",
                &[subject, present(*queue), queue.unwrap_or_default(), sid],
            );
        }
        ClientOp::Unsubscribe { sid, max } => {
            fields(b"UNSUB", &[sid, &max.unwrap_or(0).to_le_bytes()]);
        }
        ClientOp::Connect(text) => fields(b"CONNECT", &[text]),
        ClientOp::Info(text) => fields(b"INFO", &[text]),
        ClientOp::Err(text) => fields(b"ERR", &[text]),
        ClientOp::Ping => fields(b"PING", &[]),
        ClientOp::Pong => fields(b"PONG", &[]),
        ClientOp::Ok => fields(b"OK", &[]),
    }
}

/// What holds for every single operation.
fn judge(op: &ClientOp<'_>, frame: &[u8]) {
    let word = |text: &[u8]| {
        assert!(!text.is_empty() && !text.iter().any(|b| b" \t\r\n".contains(b)));
    };
    match op {
        ClientOp::Publish(publish) => {
            word(publish.subject);
            publish.reply.into_iter().for_each(word);
            assert!(publish.payload.len() <= 64 && publish.args.len() <= 128);
            assert_eq!(publish.header().len(), publish.header_len.unwrap_or(0));
            assert_eq!([publish.header(), publish.body()].concat(), publish.payload);
            let end = [publish.payload, b"\r\n"].concat();
            assert!(frame.ends_with(&end));
            if let Some(verbatim) = publish.verbatim {
                check_verbatim(verbatim, publish);
            }
        }
        ClientOp::Subscribe {
            subject,
            queue,
            sid,
        } => {
            word(subject);
            queue.iter().for_each(|queue| word(queue));
            word(sid);
        }
        ClientOp::Unsubscribe { sid, max } => {
            word(sid);
            assert_ne!(*max, Some(0));
        }
        ClientOp::Connect(text) | ClientOp::Info(text) | ClientOp::Err(text) => {
            assert!(!text.contains(&b'\n') && text.len() <= 128);
        }
        ClientOp::Ping | ClientOp::Pong | ClientOp::Ok => {}
    }
}

/// What a delivery repeats: the reply and the sizes with one space in front of each, CRLF, the payload, CRLF. Sizes stand
/// as the publisher wrote them, leading zeros included.
fn check_verbatim(verbatim: &[u8], publish: &nats_proto::client_op::Publish<'_>) {
    let end = [b"\r\n", publish.payload, b"\r\n"].concat();
    let line = verbatim
        .strip_suffix(&end[..])
        .expect("ends in the payload");
    let mut words = line.split(|&b| b == b' ');
    assert_eq!(words.next(), Some(&b""[..]));
    if let Some(reply) = publish.reply {
        assert_eq!(words.next(), Some(reply));
    }
    let sizes = publish
        .header_len
        .into_iter()
        .chain([publish.payload.len()]);
    for size in sizes {
        let word = words.next().expect("a size");
        let text = std::str::from_utf8(word).expect("digits");
        assert!(text.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(text.parse(), Ok(size));
    }
    assert_eq!(words.next(), None);
}
