//! What servers send: the same operations come out however the bytes arrive.

use std::ops::Range;

use nats_proto::server_op::{Limits, ServerOp, Step, parse};

const LIMITS: Limits = Limits {
    line_bytes_max: 128,
    message_bytes_max: 64,
};

/// What was read, and whether an error ended it. Which error depends on how much of a bad line had arrived.
type Outcome = (Vec<(ServerOp, usize)>, bool);

pub fn check(data: &[u8]) {
    let whole = read(data, data.len().max(1));
    for chunk in [1, 2, 5] {
        assert_eq!(read(data, chunk), whole, "in pieces of {chunk} bytes");
    }
}

fn read(data: &[u8], chunk: usize) -> Outcome {
    let mut buffer = Vec::new();
    let mut ops = Vec::new();
    let mut awaited = 0;
    let mut parts = data.chunks(chunk).peekable();
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
                    ops.push((op, used));
                    start += used;
                }
                Ok(Step::Incomplete { need }) => {
                    assert!(need > rest.len(), "{need} bytes are there already");
                    awaited = need;
                    break;
                }
                Err(_) => return (ops, true),
            }
        }
        buffer.drain(..start);
    }
    (ops, false)
}

fn judge(op: &ServerOp, frame: &[u8]) {
    let cut = |range: &Range<usize>| frame.get(range.clone()).expect("inside of the frame");
    let word = |range: &Range<usize>| {
        let text = cut(range);
        assert!(!text.is_empty() && !text.iter().any(|b| b" \t\n".contains(b)));
    };
    match op {
        ServerOp::Message(delivery) => {
            word(&delivery.subject);
            delivery.reply.iter().for_each(word);
            let payload = cut(&delivery.payload);
            let headers = delivery.headers.as_ref().map_or(&[][..], cut);
            assert!(payload.len() + headers.len() <= 64);
            assert!(frame.ends_with(&[headers, payload, b"\r\n"].concat()));
        }
        ServerOp::Info(range) | ServerOp::Err(range) => assert!(!cut(range).contains(&b'\n')),
        ServerOp::Ping | ServerOp::Pong | ServerOp::Ok => {}
    }
}
