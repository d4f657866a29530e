//! The frame around every answer of the API: its type, then an error or a body.
//!
//! A body is a plain document ([`Reply`]); the server answers `Result<body, ApiError>` and [`encode`] writes
//! `{"type":…,"error":…}` or `{"type":…,<members of the body>}`. Some answers of the reference server carry empty members of
//! the body beside an error; [`Reply::BESIDE_ERROR`] holds them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::errors::ApiError;

/// The body of an answer, known by its type.
pub trait Reply: Sized {
    /// `io.nats.jetstream.api.v1.…_response`, which is also the title of its schema.
    const TYPE: &'static str;
    /// Members that stand beside an error, beginning with a comma.
    const BESIDE_ERROR: &'static str = "";

    /// Adds the members of the body to the object that ends `out`.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads the body from the whole answer.
    fn read(json: &[u8]) -> serde_json::Result<Self>;
}

/// Writes an answer.
pub fn encode<T: Reply>(answer: &Result<T, ApiError>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(T::TYPE.as_bytes());
    out.extend_from_slice(b"\"}");
    match answer {
        Ok(body) => body.write(&mut out),
        Err(error) => {
            extend(&mut out, &Failure { error });
            out.pop();
            out.extend_from_slice(T::BESIDE_ERROR.as_bytes());
            out.push(b'}');
        }
    }
    out
}

#[derive(Serialize)]
struct Failure<'a> {
    error: &'a ApiError,
}

/// Why an answer is not the one that was expected.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// The server refused the request.
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("the answer is not the expected document: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the answer is a {found}, not a {expected}")]
    Type {
        expected: &'static str,
        found: String,
    },
}

#[derive(Deserialize)]
struct Head {
    #[serde(default, rename = "type")]
    reply_type: String,
    #[serde(default)]
    error: Option<ApiError>,
}

/// Reads an answer, leniently: members that are not known are passed over.
pub fn decode<T: Reply>(json: &[u8]) -> Result<T, ReplyError> {
    let head: Head = serde_json::from_slice(json)?;
    if let Some(error) = head.error {
        return Err(ReplyError::Api(error));
    }
    if head.reply_type != T::TYPE {
        return Err(ReplyError::Type {
            expected: T::TYPE,
            found: head.reply_type,
        });
    }
    Ok(T::read(json)?)
}

/// Adds the members of `part`, which has to be written as an object, to the object that ends `out`.
pub(super) fn extend(out: &mut Vec<u8>, part: &impl Serialize) {
    debug_assert_eq!(out.last(), Some(&b'}'));
    out.pop();
    let seam = out.len();
    let first = seam == 0 || out.ends_with(b"{");
    // Our documents have text keys and nothing that can fail to be written.
    if serde_json::to_writer(&mut *out, part).is_err() || out.get(seam) != Some(&b'{') {
        debug_assert!(false, "a part of a document is no object");
        out.truncate(seam);
        out.push(b'}');
        return;
    }
    if out.get(seam..) == Some(b"{}") || first {
        out.remove(seam);
    } else if let Some(brace) = out.get_mut(seam) {
        *brace = b',';
    }
}

pub(super) fn read<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json)
}

/// Says that a document is, as it stands, the body of an answer.
macro_rules! reply {
    ($document:ty, $name:literal $(, $beside:literal)?) => {
        impl $crate::jetstream::reply::Reply for $document {
            const TYPE: &'static str = concat!("io.nats.jetstream.api.v1.", $name);
            $(const BESIDE_ERROR: &'static str = $beside;)?

            fn write(&self, out: &mut Vec<u8>) {
                $crate::jetstream::reply::extend(out, self);
            }

            fn read(json: &[u8]) -> serde_json::Result<Self> {
                $crate::jetstream::reply::read(json)
            }
        }
    };
}
pub(super) use reply;
