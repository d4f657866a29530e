//! Object stores: things of any size, cut into chunks that a stream holds. Source: ADR-20.
//!
//! What lives here: making and finding stores ([`ObjectStoreConfig`]), writing and reading objects as streams of bytes
//! ([`ObjectStore`]), watching a store ([`ObjectWatcher`]). A store `B` is the stream `OBJ_B`; the chunks of an object are on
//! `$O.B.C.<nuid>`, what is known about it on `$O.B.M.<its name in base64>`.
//!
//! ```no_run
//! # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
//! use nats_client::jetstream::object::{ObjectMeta, ObjectStoreConfig};
//! let store = js.create_object_store(&ObjectStoreConfig { bucket: "photos".into(), ..Default::default() }).await?;
//! let mut file = tokio::fs::File::open("cat.jpg").await?;
//! let info = store.put(&ObjectMeta::named("cat"), &mut file).await?;
//! println!("{} bytes, {}", info.size, info.digest);
//! let mut copy = tokio::fs::File::create("copy.jpg").await?;
//! store.get("cat").await?.copy_to(&mut copy).await?;
//! # Ok(()) }
//! ```

mod config;
mod info;
mod read;
mod store;
mod watch;
mod write;

pub use config::{ObjectStoreConfig, ObjectStoreStatus};
pub use info::{ObjectInfo, ObjectLink, ObjectMeta, ObjectOptions};
pub use read::Object;
pub use store::ObjectStore;
pub use watch::{ObjectUpdate, ObjectWatchOptions, ObjectWatcher};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;

use super::error::JetStreamError;

/// What stores' streams are called.
pub const STREAM_PREFIX: &str = "OBJ_";

/// Bytes of a chunk unless said otherwise.
pub const CHUNK_BYTES: usize = 128 * 1024;

/// Before the digest of an object.
const DIGEST_PREFIX: &str = "SHA-256=";

/// Why an object could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    #[error(transparent)]
    JetStream(#[from] JetStreamError),
    #[error("no object {0:?}")]
    NotFound(String),
    #[error("object {0:?} exists already")]
    Exists(String),
    #[error("{0}")]
    Argument(String),
    /// The bytes that came are not those that were put.
    #[error("object {name:?} is damaged: {problem}")]
    Damaged { name: String, problem: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl ObjectError {
    /// Whether the object, or the store, does not exist.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound(_) => true,
            Self::JetStream(error) => error.is_not_found(),
            _ => false,
        }
    }
}

fn chunk_subject(bucket: &str, nuid: &str) -> String {
    format!("$O.{bucket}.C.{nuid}")
}

fn meta_subject(bucket: &str, name: &str) -> String {
    format!("$O.{bucket}.M.{}", BASE64_URL_SAFE.encode(name))
}
